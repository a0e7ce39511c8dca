"""Critics trained anew: their bounds lie on the right side of quadrature and closed forms, and near them."""

import pytest
import torch
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

import termwise as tw
from termwise.data import load_data
from termwise.errors import BadData, NoDensity, Refused, UnknownName
from termwise.measuring.critic_bounds import critic_bounds as critic
from termwise.measuring.critic_bounds.critic_bounds import critic_readings
from termwise.measuring.critic_bounds.critic_outputs import CriticOutputs
from termwise.measuring.critic_bounds.diagnosis import diagnose
from termwise.measuring.critic_bounds.fixed_reference import FixedReference
from termwise.models.data_pass import DataPass
from termwise.terms.adversarial.critic_loss import SEPARATED
from termwise.worlds import LinearGaussian, implicit_world
from termwise.worlds.discrete import DiscreteWorld


def dataset(x):
    whole = load_data(x)
    return whole.subset(torch.arange(len(whole)))


class Hidden:
    """A world whose posterior is sampled alone."""

    def __init__(self, world):
        self.world, self.generate, self.prior_law = world, world.generate, world.prior_law

    def infer(self, x):
        law = self.world.infer(x)[0]

        class Implicit(Distribution):
            arg_constraints = {}  # noqa: RUF012
            has_rsample = True

            def rsample(self, shape=()):
                return law.rsample(shape)

            def log_prob(self, value):
                raise NoDensity("hidden")

        return Implicit(law.batch_shape, law.event_shape, validate_args=False), None


def equal(world):
    """The world with equal weights."""
    return DiscreteWorld(examples=world.examples, encode=world.encode, decode=world.decode)


def two_modes(x):
    """Two normals, one on either side of a place that x says."""
    place = (x[:, :2] - 0.5).unsqueeze(1)
    side = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).double()
    parts = Independent(Normal(place + side, torch.full_like(place + side, 0.35)), 1)
    return MixtureSameFamily(Categorical(logits=torch.zeros(len(x), 2).double()), parts, validate_args=False)


SKEWED = equal(implicit_world(3))
MIXED = DiscreteWorld(examples=SKEWED.examples, encode=two_modes, decode=SKEWED.decode)


def test_of_skewed_and_bent_posteriors_the_rate_is_read_from_below_and_the_elbo_from_above():
    found, truth = critic_readings(SKEWED, dataset(SKEWED.examples.repeat(32, 1)), steps=25), SKEWED.truth()
    for name, bound in (("rate", found["rate_nwj"]), ("elbo", found["elbo_upper_nwj"])):
        assert bound.value == pytest.approx(truth[name], abs=4 * bound.stderr + 0.1)
    assert found["rate_nwj"].lower < truth["rate"] and found["elbo_upper_nwj"].upper > truth["elbo"]


@pytest.mark.slow
def test_the_critic_adds_to_what_a_normal_of_the_same_moments_says_and_no_more_than_there_is():
    mixed = critic_readings(MIXED, dataset(MIXED.examples.repeat(64, 1)), steps=250, seed=1)
    log_q, grid, truth = MIXED.log_posterior, MIXED.grid, MIXED.truth()
    density = log_q.exp() * grid.weights
    mean = density @ grid.nodes
    outer = torch.einsum("ng,gi,gj->nij", density, grid.nodes, grid.nodes) - torch.einsum("ni,nj->nij", mean, mean)
    entropy = 0.5 * torch.logdet(2 * torch.pi * torch.e * outer)  # of the normals
    missed = float((grid.mean(log_q, log_q) + entropy).mean())  # KL(q || r), by quadrature
    rate, elbo = mixed["rate_nwj"], mixed["elbo_upper_nwj"]
    assert missed > 0.3 and rate.value > truth["rate"] - 0.5 * missed
    assert rate.lower < truth["rate"] and elbo.upper > truth["elbo"]
    assert rate.value < truth["rate"] + 4 * rate.stderr and elbo.value > truth["elbo"] - 4 * elbo.stderr
    assert mixed["rate_dv"].value == pytest.approx(rate.value, abs=0.05)


def test_only_nwj_bounds_and_nothing_is_called_an_elbo():
    mixed = critic_readings(MIXED, dataset(MIXED.examples.repeat(64, 1)), steps=10, seed=1)
    assert set(mixed) == {"rate_nwj", "rate_dv", "elbo_upper_nwj", "elbo_upper_dv"}
    assert {name for name in mixed if mixed[name].lower is not None} == {"rate_nwj"}
    assert {name for name in mixed if mixed[name].upper is not None} == {"elbo_upper_nwj"}
    assert mixed["rate_nwj"].lower < mixed["rate_nwj"].value
    assert mixed["elbo_upper_nwj"].upper > mixed["elbo_upper_nwj"].value
    assert "LOWER" in mixed["rate_nwj"].bias and "UPPER bound on the ELBO, and no ELBO" in mixed["elbo_upper_dv"].bias
    assert mixed["rate_nwj"].n == 1024 and mixed.per_example["rate_nwj"].shape == (1024,)
    (said,) = mixed.diagnosis
    assert "10 steps on 512 other examples" in said and "more steps may raise the bound" in said


@pytest.mark.parametrize("nats", [pytest.param(1.0, marks=pytest.mark.slow), 20.0])
def test_a_large_rate_is_read_as_well_as_a_small_one(nats):
    world = LinearGaussian.random(0, latent=3, mutual_information=nats, diagonal=False)
    data = dataset(world.data(600, seed=1))
    found, exact = critic_readings(Hidden(world), data, steps=60), tw.measure(world, data)
    off = found.per_example["rate_nwj"] - exact.per_example["rate"]
    error = float(off.std()) / 600**0.5
    assert abs(float(off.mean())) < 4 * error + 0.05 and error < 0.08
    assert found["rate_nwj"].lower < exact["rate"].value


@pytest.mark.slow
def test_other_links_are_read_under_the_population_s_truth():
    world = LinearGaussian.random(2, latent=3, mutual_information=1.0)
    data = dataset(world.data(800, seed=1))
    links = ("index_code_mi", "marginal_kl", "total_correlation")
    found, truth = critic_readings(world, data, links=links, steps=100), world.truth()
    for link in links:
        reading = found[f"{link.removesuffix('_kl')}_nwj"]
        assert reading.lower < truth[link] and reading.value > 0.5 * truth[link], f"{reading}; {truth[link]:.3f}"
    assert len(found) == 6 and len(found.diagnosis) == 3


def test_no_example_is_read_by_a_critic_that_saw_it(monkeypatch):
    learnt, read = [], []
    places = torch.tensor([8, 4, 2, 1])  # example n is n in binary

    def numbers(batches):
        return [int(n) for n in (batches.data.tensor() * places).sum(1)]

    def spied(name, reads, knows, positions, steps, samples, seed):
        learnt.append(set(numbers(knows)))
        read.append(set(numbers(reads)))
        assert numbers(reads) == positions.tolist()
        zero = torch.zeros(2, len(positions)).double()
        return CriticOutputs(name, positions, positions.double().expand(2, -1), zero, zero, None)

    monkeypatch.setattr(critic, "_train_and_read", spied)
    bits = (torch.arange(16).unsqueeze(1) // places % 2).float()
    data, other = dataset(bits[:11]), dataset(bits[11:])
    found = critic_readings(SKEWED, data)
    assert found.per_example["rate_nwj"].tolist() == list(range(11)), "each example's value stands in its place"
    assert len(learnt) == 2 and all(not one & two for one, two in zip(learnt, read, strict=True))
    assert read[0] | read[1] == set(range(11))
    critic_readings(SKEWED, data, other)
    assert learnt[2] == set(range(11, 16)) and read[2] == set(range(11))


def test_the_bounds_are_nwj_s_and_dv_s_by_hand():
    left, right = torch.tensor([[1.0, 2.0]]).double(), torch.tensor([[0.0, -1.0]]).double()
    found = [CriticOutputs("rate", torch.tensor([1, 0]), torch.tensor([[3.0, 3.0]]).double(), left, right, left + 4)]
    bounds = critic._bounds(found)
    assert bounds["rate_nwj"].tolist() == pytest.approx([3 + 2 - 0.367879 + 1, 3 + 1 - 1 + 1])
    assert float(bounds["rate_dv"].mean()) == pytest.approx(3 + 1.5 + 0.379885)  # -log((1 + 1/e) / 2)
    assert bounds["elbo_upper_nwj"].tolist() == pytest.approx([-(6 + 5.632121), -(5 + 4)])


def test_laws_that_are_told_apart_without_fail_are_warned_of():
    far = torch.full((1, 4), 30.0).double()
    found = [CriticOutputs("total_correlation", torch.arange(4), 0 * far, far, -far, None)]
    readings = {key: critic._reading(key, held) for key, held in critic._bounds(found).items()}
    assert "Beware" in diagnose(found, readings, 10, 4) and SEPARATED < 1


def test_the_reference_takes_covariances_where_they_pay_and_makes_codes_standard():
    for diagonal in (True, False):
        world = LinearGaussian.random(0, latent=6, mutual_information=2.0, diagonal=diagonal)
        batches, moments = DataPass(Hidden(world), dataset(world.data(300))), FixedReference()
        with torch.no_grad():
            moments.take(batches)
            draw = next(iter(batches()))
            z = moments.standardised(draw.z, draw)
            exact = world.infer(draw.x)[0].log_prob(draw.z)
        assert moments.full is not diagonal
        assert (z.mean(0).abs() < 4.5 / 300**0.5).all() and ((z.T @ z / 300 - torch.eye(6)).abs() < 0.4).all()
        assert float((exact - moments.log_prob(draw.z, draw)).mean()) == pytest.approx(0, abs=0.05)


def test_a_seed_says_it_all_and_the_random_state_and_the_model_are_left():
    model = tw.VAE.build((6,), 2, posterior="noise-input", options={"hidden": [8]})
    data, state = dataset((torch.rand(40, 6) > 0.5).float()), torch.get_rng_state()
    before = {name: held.clone() for name, held in model.state_dict().items()}
    one, same, other = (critic_readings(model, data, steps=3, seed=seed).per_example["rate_nwj"] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state) and model.training
    assert all(torch.equal(held, before[name]) for name, held in model.state_dict().items())


def test_what_cannot_be_read_is_refused():
    data = dataset(torch.zeros(8, 4))
    with pytest.raises(UnknownName, match="Unknown link for a critic 'dimension_wise_kl'"):
        critic_readings(SKEWED, data, links=("dimension_wise_kl",))
    with pytest.raises(Refused, match="steps = 0 cannot be"):
        critic_readings(SKEWED, data, steps=0)
    with pytest.raises(BadData, match="got 3"):
        critic_readings(SKEWED, dataset(torch.zeros(3, 4)))


def test_a_model_without_density_layer_or_decoder_is_still_read_by_a_critic():
    model = tw.adapt(encode=lambda x: SKEWED.encode(x.double()))
    account = tw.measure(model, SKEWED.examples.repeat(4, 1), critic=True, critic_steps=5)
    assert set(account) == {"rate_nwj", "rate_dv"} and "decode" in account.diagnosis[-1]


def test_four_examples_will_do_and_three_will_not():
    world = LinearGaussian.random(0, latent=2)
    found = critic_readings(world, dataset(world.data(4)), links=["marginal_kl"], steps=2, samples=4)
    assert found["marginal_nwj"].n == 4
    with pytest.raises(BadData, match="four examples or more"):
        critic_readings(world, dataset(world.data(3)), links=["marginal_kl"], steps=2, samples=4)


def beside(count, correlation, seed=0):
    """A model whose codes are normal about x, data with a number beside x, and I(z; s)."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(count, 2, generator=generator), torch.randn(count, generator=generator)
    age = (correlation * x[:, 0] + (1 - correlation**2) ** 0.5 * noise).double()
    model = tw.adapt(lambda x: (x, torch.full_like(x, 0.5).log() * 2), lambda z: z, likelihood="normal:1")
    truth = -0.5 * torch.log1p(torch.tensor(-(correlation**2) / 1.25))
    return model, dataset(x).with_side({"age": (age.exp() * 1e9)}), float(truth)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_what_a_code_tells_of_a_number_is_read_from_below_by_a_critic(correlation):
    model, data, truth = beside(3000, correlation)
    found = critic_readings(model, data, links=["side_information"], steps=60)
    assert set(found) == {"side_information_nwj", "side_information_dv"}
    bound = found["side_information_nwj"]
    assert "LOWER" in bound.bias and bound.lower < truth
    assert truth - 0.1 < bound.value < truth + 4 * bound.stderr
    if correlation:
        (said,) = found.diagnosis
        assert "reads the side information at" in said
        binned = tw.measure(model, data)["side_information"]
        assert "of age by 10 bins: at most what there is" in binned.bias
        assert bound.value > 0.8 * binned.value


def test_a_critic_of_side_information_learns_on_others_beside_which_the_same_stands():
    model, data, _ = beside(400, 0.9)
    with pytest.raises(Refused, match=r"nothing does. Say what: side"):
        critic_readings(model, dataset(data.tensor()), links=["side_information"], steps=1)
    whole = tw.load_data(data.tensor(), test=0.5)
    with_both, alone = whole.with_side({"age": data.side.values[:, 0]}), dataset(data.tensor(100))
    for train in (with_both.train, alone):
        found = critic_readings(model, with_both.test, train, links=["side_information"], steps=5)
        assert found["side_information_nwj"].n == 200
    ages = {"age": data.side.values[whole.splits["test"], 0]}
    account = tw.measure(model, whole, side=ages, critic="side_information", critic_steps=5)
    assert account["side_information_nwj"].n == account["side_information"].n
