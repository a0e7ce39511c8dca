"""A model that standardises x is the model of standardised x, in x's own units: closed forms, and hand-made tables."""

import json
import math

import pytest
import torch
from torch.distributions import Cauchy, Independent, MultivariateNormal, Normal

import termwise as tw
from termwise.data import Column
from termwise.models.data_pass import DataPass
from termwise.models.law_rows import rows
from termwise.models.likelihoods import Likelihood, likelihood_from, over_examples
from termwise.models.scaler import ScaledLaw, Scaler
from termwise.terms.adversarial.data_laws import GeneratedExamples, RealExamples, ReconstructedExamples
from termwise.terms.references.learned import Fit, LearnedReference

MEAN, SD = 5.0, 100.0


def table(count=400, seed=0):
    """Rows of two dependent columns N(5, 100^2) and N(0, 3^2), of zeros and ones, and of one value."""
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, count, generator=generator)
    return torch.stack(
        [MEAN + SD * first, 3 * (0.6 * first + 0.8 * second), (second > 0).float(), torch.full((count,), 7.0)], 1
    )


def model(scaler=None, **options):
    torch.manual_seed(0)
    built = tw.VAE.build((4,), latent=2, likelihood="normal:0.5", options={"hidden": [8]}, scaler=scaler, **options)
    return built.eval()


def test_the_scale_is_that_of_the_training_part_alone_and_zeros_ones_and_constants_keep_theirs():
    x = table()
    data = tw.load_data(x, test=0.5, seed=3)
    scaler, train = Scaler.of(data), data.train.tensor().double()
    assert torch.allclose(scaler.mean.double(), torch.cat([train[:, :2].mean(0), torch.zeros(2)]), rtol=1e-6)
    assert torch.allclose(scaler.scale.double(), torch.cat([train[:, :2].std(0, correction=0), torch.ones(2)]))
    assert not torch.allclose(scaler.scale[:2], x[:, :2].std(0, correction=0), rtol=1e-3)


def test_columns_of_categories_keep_their_scale_whatever_their_numbers():
    data = tw.load_data(table(), test=0.0)
    columns = (Column("a"), Column("b", "category"), Column("c", "binary"), Column("d"))
    scaler = Scaler.of(tw.Dataset("t", data.examples, columns=columns))
    assert scaler.scale[0] > 90 and scaler.scale[1:].tolist() == [1, 1, 1]


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_a_scale_is_right_however_far_from_zero_a_column_lies(offset):
    x = (offset + table()[:, :1]).double()
    scaler = Scaler.of(tw.load_data(x, test=0.0))
    exact = x.float().double()
    assert float(scaler.scale) == pytest.approx(float(exact.std(correction=0)), rel=1e-6)
    assert float(scaler.mean) == pytest.approx(float(exact.mean()), rel=1e-6)


def test_what_has_channels_has_a_scale_for_each_and_its_constant_counts_every_entry():
    x = torch.randn(50, 2, 3, 5) * torch.tensor([10.0, 0.1]).view(2, 1, 1) + 4
    scaler = Scaler.of(tw.load_data(x, test=0.0))
    assert scaler.scale.shape == (2, 1, 1)
    assert torch.allclose(scaler.scale.flatten(), x.transpose(0, 1).flatten(1).std(1, correction=0), rtol=1e-5)
    assert float(scaler.log_volume) == pytest.approx(15 * float(scaler.scale.log().sum()), rel=1e-5)


def test_the_law_of_x_is_the_normal_of_moved_mean_and_sigma():
    scaler = Scaler.of(tw.load_data(table(), test=0.0))
    scaled, plain = model(scaler), model()
    z, x = torch.randn(6, 2), table(6, seed=1)
    u = plain.decode(z).mean
    own = Independent(Normal(scaler.back(u).double(), 0.5 * scaler.scale.double().expand(6, 4)), 1)
    law = scaled.decode(z)
    assert torch.allclose(law.log_prob(x).double(), own.log_prob(x.double()), atol=2e-4)
    assert torch.allclose(law.mean.double(), own.mean) and torch.allclose(law.variance.double(), own.variance)


@pytest.mark.parametrize("spec", ["normal:optimal", "normal:learned", "normal:0.2", "laplace:0.7"])
def test_every_density_over_real_numbers_integrates_to_one_in_units_of_x(spec):
    scaler = Scaler(torch.tensor([MEAN]), torch.tensor([SD]), (1,))
    law = ScaledLaw(likelihood_from(spec).eval()(torch.tensor([[0.3]])), scaler)
    grid = torch.linspace(-4000, 4000, 400_001).view(-1, 1)
    density = law.log_prob(grid).detach().double().exp()
    assert float(density.sum() * 0.02) == pytest.approx(1, abs=1e-3)


def test_samples_are_of_the_scale_of_x_and_of_its_density():
    law = ScaledLaw(
        Independent(Normal(torch.zeros(1, 2), 1.0), 1),
        Scaler(torch.tensor([MEAN, 0.0]), torch.tensor([SD, 0.01]), (2,)),
    )
    torch.manual_seed(0)
    drawn = law.sample(torch.Size([20_000]))[:, 0].double()
    error = torch.tensor([SD, 0.01]) / math.sqrt(20_000)
    assert bool(((drawn.mean(0) - torch.tensor([MEAN, 0.0])).abs() < 4 * error).all())
    assert bool(((drawn.std(0) - torch.tensor([SD, 0.01])).abs() < 4 * error).all())
    entropy = math.log(SD) + math.log(0.01) + 1 + math.log(2 * math.pi)
    found = -law.log_prob(drawn.float().unsqueeze(1))
    assert float(found.mean()) == pytest.approx(entropy, abs=4 * float(found.std()) / math.sqrt(20_000))


def test_rows_of_the_law_are_the_law_of_rows_also_where_there_are_as_many_as_columns():
    law = model(Scaler.of(tw.load_data(table(), test=0.0))).decode(torch.randn(4, 2))
    some, x = rows(law, slice(1, 3)), table(2, seed=2)
    assert torch.equal(some.mean, law.mean[1:3])
    assert torch.equal(some.log_prob(x), law.log_prob(torch.cat([x[:1], x, x[:1]]))[1:3])


def test_measuring_raw_rows_is_measuring_standardised_ones_plus_the_constant_that_is_said():
    data = tw.load_data(table(), test=0.0)
    scaler = Scaler.of(data)
    by_hand = tw.load_data(scaler(data.tensor()), test=0.0)
    own, hand = tw.measure(model(scaler), data, samples=2), tw.measure(model(), by_hand, samples=2)
    constant = own.data["sum_log_scale"]
    assert constant == pytest.approx(float(scaler.scale.double().log().sum()), rel=1e-6)
    assert "sum_log_scale" not in hand.data
    for name, reading in own.readings.items():
        if isinstance(reading.value, float):
            moved = {"distortion": constant, "elbo": -constant}.get(name, 0.0)
            assert reading.value == pytest.approx(hand[name].value + moved, rel=1e-6, abs=1e-6), name
            assert (reading.stderr or 0.0) == pytest.approx(hand[name].stderr or 0.0, rel=1e-5, abs=1e-6), name


def test_the_log_likelihood_of_raw_rows_is_exact_in_their_own_units():
    """A linear decoder under a normal prior: x is N(back(b), S (W W' + s^2) S)."""
    scaler = Scaler.of(tw.load_data(table()[:, :2], test=0.0))
    torch.manual_seed(1)
    decoder = torch.nn.Linear(2, 2)
    encoder = torch.nn.Linear(2, 4)
    vae = tw.VAE(encoder, decoder, shape=(2,), latent=2, likelihood="normal:0.5", scaler=scaler).eval()
    weight, scale = decoder.weight.detach().double(), scaler.scale.double()
    covariance = scale.view(2, 1) * (weight @ weight.T + 0.25 * torch.eye(2)) * scale
    x = table(20, seed=5)[:, :2]
    exact = MultivariateNormal(scaler.back(decoder.bias.detach()).double(), covariance).log_prob(x.double()).mean()
    account = tw.log_likelihood(vae, x, method="iwae", samples=2000)
    reading = next(one for name, one in account.readings.items() if "iwae" in name or name == "log_likelihood")
    assert reading.value == pytest.approx(float(exact), abs=0.05)
    assert account.data["sum_log_scale"] == pytest.approx(float(scale.log().sum()), rel=1e-5)


def test_critics_and_references_see_what_the_networks_see():
    data = tw.load_data(table(), test=0.0)
    scaler = Scaler.of(data)
    for game in (tw.recipe("avb"), tw.recipe("avb-ac")):
        draws = [
            DataPass(one, tw.load_data(x, test=0.0)).at(torch.arange(50))
            for one, x in ((model(scaler), data.tensor()), (model(), scaler(data.tensor())))
        ]
        values = []
        for draw in draws:
            torch.manual_seed(0)
            game.build(draw)
            torch.manual_seed(1)
            objective = game.players[0].objective
            values.append(float(objective(draw, 0).total.detach()))
        assert values[0] - values[1] == pytest.approx(float(scaler.log_volume), abs=1e-4)


def test_what_learns_beside_the_model_learns_from_what_the_networks_see():
    data = tw.load_data(table(), test=0.0)
    scaler = Scaler.of(data)
    own = DataPass(model(scaler), data).at(torch.arange(50))
    hand = DataPass(model(), tw.load_data(scaler(data.tensor()), test=0.0)).at(torch.arange(50))
    for law in (RealExamples(), ReconstructedExamples(), GeneratedExamples()):
        found = []
        for draw in (own, hand):
            torch.manual_seed(0)
            found.append(law.sample(draw))
        assert torch.allclose(*found, atol=1e-5), law.name
    network = LearnedReference("normal").network
    network.build(own)
    assert torch.allclose(Fit(network)(own), Fit(network)(hand), atol=1e-5)


def test_a_likelihood_of_ones_own_is_moved_likewise():
    class CauchyOne(Likelihood):
        spec = "given"

        def forward(self, decoded):
            return over_examples(Cauchy(decoded, 1.0))

    scaler = Scaler(torch.tensor([MEAN]), torch.tensor([SD]), (1,))
    law = ScaledLaw(CauchyOne()(torch.zeros(1, 1)), scaler)
    own = Cauchy(torch.tensor(MEAN), torch.tensor(SD))
    assert float(law.log_prob(torch.tensor([[77.0]]))) == pytest.approx(
        float(own.log_prob(torch.tensor(77.0))), rel=1e-6
    )


def test_a_folder_keeps_the_scaler_and_the_names_of_columns(tmp_path):
    data = tw.load_data(table(), test=0.0)
    whole = model(Scaler.of(data))
    whole.columns = ("a", "b", "c", "d")
    again = tw.VAE.from_pretrained(whole.save_pretrained(tmp_path))
    x = data.tensor(20)
    assert again.columns == whole.columns
    assert torch.equal(again.reconstruct(x), whole.reconstruct(x))
    assert torch.equal(again.encode(x).mean, whole.encode(x).mean)
    said = json.loads((tmp_path / "config.json").read_text())
    assert said["standardize"] is True and said["columns"] == ["a", "b", "c", "d"]


def test_weights_go_into_a_model_that_has_no_scaler_yet(tmp_path):
    whole = model(Scaler.of(tw.load_data(table(), test=0.0)))
    whole.save_pretrained(tmp_path)
    again = tw.VAE.from_pretrained(tmp_path, model=model())
    assert torch.equal(again.scaler.scale, whole.scaler.scale)


def test_a_model_without_one_is_saved_as_before(tmp_path):
    said = model().config()
    assert "standardize" not in said and "columns" not in said
    assert model().scaler is None
