"""Models that take what stands beside x: they depend on it, and where the answer is known they give it."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import termwise as tw
from helpers.side_worlds import ExactDecoder, ExactEncoder, linear_gaussian
from termwise.data import Side, SideVariable
from termwise.errors import BadData, Refused, UnknownName
from termwise.models import VAE
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.models.networks import NETWORKS
from termwise.models.side_numbers import MOST_ONE_HOT, SideNumbers
from termwise.terms import Critic, DensityRatio, Link
from termwise.terms.multi_sample import MultiSampleBound

DIGIT = SideVariable("digit", ("3", "5", "8"))
AGE = SideVariable("age")
SIDE = Side.of({"digit": [3, 5, 8, 8], "age": [1.0, 2.0, 3.0, 6.0]})


def test_the_log_likelihood_is_that_of_x_given_s():
    model, data, exact = linear_gaussian()
    by_weights = tw.log_likelihood(model, data, method="iwae", samples=3)  # at the exact posterior every weight is it
    assert torch.allclose(by_weights.per_example["log_likelihood"], exact, atol=2e-4)
    assert "given s" in by_weights["log_likelihood"].bias + by_weights["log_likelihood"].estimator
    annealed = tw.log_likelihood(model, data, temperatures=2, simulated=9, chains=2, samples=2, limit=8)
    assert torch.allclose(annealed.per_example["log_likelihood"], exact[annealed.index], atol=2e-3)
    assert abs(annealed["bdmc_gap"].value) < 2e-3  # of data simulated at the same s
    account = tw.measure(model, data, samples=4)
    assert abs(account["elbo"].value - float(exact.mean())) < 4 * account["elbo"].stderr
    assert "of x given s" in account["elbo"].bias


def test_the_bound_of_several_codes_is_that_of_x_given_s():
    model, data, exact = linear_gaussian(50)
    for draw in DataPass(model, data, batch_size=20)():
        assert torch.allclose(-MultiSampleBound(4)(draw).double(), exact[draw.index], atol=2e-4)


def test_another_value_beside_x_is_another_answer():
    model, data, exact = linear_gaussian()
    wrong = data.with_side(Side(data.side.variables, 1 - data.side.values))
    assert tw.log_likelihood(model, wrong, method="iwae", samples=3)["log_likelihood"].value < float(exact.mean()) - 5


def test_codes_of_the_prior_are_decoded_with_the_batchs_own_values():
    model, data, _ = linear_gaussian(40)
    for together in (False, True):
        draw = DataPass(model, data).draw(next(data.batches(40)), together=together)
        again = draw.again()
        for one in (draw, again):
            expected = model.decode(one.prior_codes, data.side).mean
            assert torch.allclose(one.generated.mean, expected)
            assert torch.allclose(one.likelihood.mean, model.decode(one.z, data.side).mean)
    assert torch.equal(again.independent.side, draw.side) is False  # which is of other examples


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("to", [("encoder",), ("decoder",), ("encoder", "decoder")], ids="+".join)
def test_every_network_depends_on_what_it_takes_and_on_nothing_else(network, to, tmp_path):
    small = {"mlp": {"hidden": [8]}, "conv": {"channels": 4, "hidden": 8}, "conv-bn": {"channels": [4], "hidden": 8}}
    model = VAE.build((1, 8, 8), 2, network, options=small.get(network), side=SIDE, side_to=to).eval()
    x, z = torch.rand(4, 1, 8, 8), torch.randn(4, 2)
    one, other = {"digit": 3, "age": 1.0}, {"digit": 5, "age": 1.0}
    older = {"digit": 3, "age": 4.0}
    for part, of in (("encoder", lambda side: model.encode(x, side)), ("decoder", lambda side: model.decode(z, side))):
        for changed in (other, older):
            assert torch.equal(of(one).mean, of(changed).mean) == (part not in to)
        if part in to:
            with pytest.raises(Refused, match="takes digit, age beside x, and got none"):
                of(None)
        else:
            of(None)
    model.infer(x, SIDE.values)[0].mean.sum().backward()
    context = model.infer(x, SIDE.values)[1]
    model.generate(z, context).mean.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    again = VAE.from_pretrained(model.save_pretrained(tmp_path))
    assert torch.equal(again.reconstruct(x, SIDE), model.reconstruct(x, SIDE))
    assert (again.side.variables, again.side.parts) == (model.side.variables, to)


def test_numbers_are_standardised_by_what_trains_and_categories_are_zeros_and_a_one():
    numbers = SideNumbers(SIDE.variables)
    numbers.begin(SIDE)
    standard = (SIDE.values[:, 1] - 3.0) / 3.5**0.5
    assert torch.equal(numbers(SIDE.values)[:, :3], torch.eye(3)[[0, 1, 2, 2]])
    assert torch.allclose(numbers(SIDE.values)[:, 3], standard.float())
    constant = Side.of({"age": [2.5, 2.5]})
    still = SideNumbers(constant.variables)
    still.begin(constant)
    assert still(constant.values).tolist() == [[0.0], [0.0]]


def test_variables_of_many_categories_are_embedded():
    many = Side.of({"donor": torch.arange(MOST_ONE_HOT + 1)})
    assert SideNumbers(many.variables).count == 17 < MOST_ONE_HOT  # 1.6 * 65^0.56 = 16.57
    assert SideNumbers(Side.of({"donor": torch.arange(MOST_ONE_HOT)}).variables).count == MOST_ONE_HOT
    model = VAE.build((4,), 2, options={"hidden": [8]}, side=many)
    model.decode(torch.zeros(2, 2), {"donor": [0, 7]}).mean.sum().backward()
    rows = model.decoder.numbers.embeddings[0].weight.grad.abs().sum(1).nonzero().flatten()
    assert rows.tolist() == [0, 7]


class Alone(nn.Linear):
    """Takes x alone, and an option that is none of ours."""

    def forward(self, x, scale=1.0):
        return super().forward(x) * scale


def own(shape, features, latent, decoded, side=0):
    """A builder that makes of what stands beside x what it likes."""

    class Both(nn.Module):
        def __init__(self, inward, outward):
            super().__init__()
            self.of_x, self.of_side = nn.Linear(inward, outward), nn.Linear(side, outward)

        def forward(self, x, side):
            return self.of_x(x) * self.of_side(side)

    return Both(*shape, features), Both(latent, *decoded)


def plain(shape, features, latent, decoded):
    """A builder that knows nothing of what stands beside x."""
    return nn.Linear(*shape, features), nn.Linear(latent, *decoded)


def test_own_modules_take_it_by_their_signature(tmp_path):
    model, data, _ = linear_gaussian()
    folder = model.save_pretrained(tmp_path)
    again = VAE.from_pretrained(folder, ExactEncoder(), ExactDecoder())
    x = data.tensor()
    assert torch.equal(again.reconstruct(x, data.side), model.reconstruct(x, data.side))
    once_more = VAE.from_pretrained(folder, model.encoder, model.decoder)  # those that a model has already
    assert torch.equal(once_more.reconstruct(x, data.side), model.reconstruct(x, data.side))
    for encoder, decoder, name in ((Alone(3, 2), ExactDecoder(), "encoder"), (ExactEncoder(), Alone(1, 3), "decoder")):
        with pytest.raises(Refused, match=rf"The {name} takes . alone.*forward\(self, ., side\).*shape \(B, 2\)"):
            VAE(encoder, decoder, shape=(3,), latent=1, likelihood="normal:1", side=data.side)
    VAE(Alone(3, 2), ExactDecoder(), shape=(3,), latent=1, likelihood="normal:1", side=data.side, side_to=["decoder"])


@pytest.mark.parametrize("builder", ["own", "plain"])
def test_own_builders_make_what_takes_it_or_are_wrapped(builder):
    model = VAE.build((6,), 2, f"models.test_given_side:{builder}", likelihood="normal:1", side=SIDE)
    x, z = torch.rand(2, 6), torch.randn(2, 2)
    one, other = {"digit": 3, "age": 1.0}, {"digit": 8, "age": 1.0}
    assert not torch.equal(model.encode(x, one).mean, model.encode(x, other).mean)
    assert not torch.equal(model.decode(z, one).mean, model.decode(z, other).mean)


def test_what_cannot_be_is_refused_in_words():
    build = {"shape": (1, 8, 8), "latent": 2, "side": SIDE}
    with pytest.raises(Refused, match=r"this one takes nothing beside x: say prior = 'conditional'"):
        VAE.build(**build, side_to=["encoder", "prior"])
    with pytest.raises(UnknownName, match=r"'encodre'. Did you mean 'encoder'"):
        VAE.build(**build, side_to=["encodre"])
    with pytest.raises(Refused, match=r"are to take what stands beside x, and nothing does.*side = \['labels'\]"):
        VAE.build((4,), side_to=["encoder", "decoder"])
    with pytest.raises(Refused, match=r"made of posteriors at examples.*side_to = \['decoder'\]"):
        VAE.build(**build, prior="vamp", prior_options={"components": 4})
    VAE.build(**build, prior="vamp", prior_options={"components": 4}, side_to=["decoder"])
    with pytest.raises(Refused, match="on a grid has no place"):
        VAE.build((1, 8, 8), 16, "conv", options={"grid": 1}, side=SIDE)
    with pytest.raises(Refused, match="takes nothing beside x: leave side out"):
        VAE.build((4,), 2).encode(torch.zeros(1, 4), {"digit": 3})
    model = VAE.build(**build)
    with pytest.raises(Refused, match="takes digit, age beside x, and got no age"):
        model.decode(torch.zeros(1, 2), {"digit": 3})
    with pytest.raises(UnknownName, match=r"variable beside x 'digits'\. Did you mean 'digit'"):
        model.decode(torch.zeros(1, 2), {"digits": 3, "age": 1.0})
    with pytest.raises(UnknownName, match=r"category of digit '4'\. Known: 3, 5, 8"):
        model.decode(torch.zeros(1, 2), {"digit": 4, "age": 1.0})
    with pytest.raises(BadData, match="digit: expected one value, or 3, one an example; got 2"):
        model.decode(torch.zeros(3, 2), {"digit": [3, 5], "age": 1.0})
    with pytest.raises(BadData, match="digit: expected the place of a category, from 0 to 2"):
        model.decode(torch.zeros(1, 2), torch.tensor([[5.0, 1.0]]))
    with pytest.raises(BadData, match=r"shape \(3, 2\), got \(2, 2\)"):
        model.decode(torch.zeros(3, 2), torch.zeros(2, 2))


def test_values_are_given_in_any_of_their_forms():
    model = VAE.build((1, 8, 8), 2, side=SIDE).eval()
    z = torch.randn(4, 2)
    expected = model.decode(z, SIDE.values).mean
    shuffled = Side.of({"age": SIDE.values[:, 1], "sex": list("fmfm"), "digit": ["3", "5", "8", "8"]})
    arrays = {"digit": torch.tensor([3, 5, 8, 8]).numpy(), "age": [1.0, 2.0, 3.0, 6.0]}
    for side in (SIDE, shuffled, arrays, {"digit": ("3", "5", "8", "8"), "age": torch.tensor([1.0, 2.0, 3.0, 6.0])}):
        assert torch.equal(model.generate_examples(z, side), model.generate_examples(z, SIDE.values))
    assert torch.equal(model.decode(z, {"digit": 5, "age": 2.0}).mean[1], expected[1])


def test_a_draw_without_values_says_what_is_lacking():
    model, _, _ = linear_gaussian()
    with pytest.raises(Refused, match=r"takes s beside x, and got none.*side=\{'s': '1'\}.*side=\['s'\]\)"):
        Draw(model, torch.zeros(2, 3)).z  # noqa: B018


def test_a_model_without_says_nothing_of_it():
    model = VAE.build((4,), 2)
    assert "side" not in model.config() and not [name for name in model.state_dict() if "side" in name]
    assert model.infer(torch.zeros(1, 4))[1] is None


class ToldBySide(nn.Module):
    """q(z|x, s) = N(2 or -2, 1/4), of s alone."""

    def forward(self, x, side):
        return torch.stack([4 * side[:, 1] - 2, side.sum(1) * math.log(0.25)], 1)


class ExactRatio(nn.Module):
    """log q(z|x, s) - log p(z) of the same."""

    def forward(self, given, z):
        mean = 4 * given[:, 3] - 2
        return Normal(mean, 0.5).log_prob(z[:, 0]) - Normal(0.0, 1.0).log_prob(z[:, 0])


def test_a_critic_of_the_rate_sees_what_the_encoder_sees():
    """Blind to s the best critic comes to the marginal KL, which is the rate less log 2."""
    side = Side.of({"s": torch.arange(4000) % 2})
    model = VAE(ToldBySide(), nn.Linear(1, 2), shape=(2,), latent=1, side=side, side_to=["encoder"])
    draw = model.draw(torch.rand(4000, 2), side=side.values)
    critic = Critic(body=ExactRatio())
    link = Link("posterior", "prior", DensityRatio("kl", critic))
    critic.build(draw, given_x=True)
    values = link(draw)
    rate = (4 + 0.25 - 1 - math.log(0.25)) / 2
    assert abs(values.mean() - rate) < 4 * values.std() / 4000**0.5


@pytest.mark.parametrize("to", [("encoder",), ("decoder",)], ids=str)
def test_what_a_critic_is_given_is_x_and_the_numbers_beside_it(to):
    model = VAE.build((1, 2, 3), 2, side=SIDE, side_to=to)
    draw = model.draw(torch.rand(4, 1, 2, 3), side=SIDE.values)
    assert torch.equal(draw.given[:, :6], draw.x.flatten(1)) and torch.equal(
        draw.given[:, 6:9], torch.eye(3)[[0, 1, 2, 2]]
    )
    assert draw.given.shape == (4, 10) and not draw.given.requires_grad
    plain = VAE.build((1, 2, 3), 2).draw(draw.x)
    assert plain.given is plain.inputs


@pytest.mark.parametrize("to", [("encoder",), ("decoder",), ("encoder", "decoder")])
def test_numbers_are_standardised_by_the_side_that_a_model_is_built_of(to):
    side = Side.of({"age": [30.0, 50.0, 70.0], "kind": ["a", "b", "a"]})
    model = VAE.build((4,), 2, options={"hidden": [8]}, side=side, side_to=to)
    for part in to:
        numbers = getattr(model, part).numbers
        assert numbers.mean.tolist() == [50.0, 0.0]
        assert numbers.scale.tolist() == pytest.approx([(800 / 3) ** 0.5, 1.0])
    huge = VAE.build((4,), 2, options={"hidden": [8]}, side=Side.of({"age": [0.5e12, 1.0e12, 2e12]}), side_to=to)
    assert huge.reconstruct(torch.rand(2, 4), {"age": [1e12, 2e12]}).isfinite().all()
