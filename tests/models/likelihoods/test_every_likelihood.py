"""Every likelihood of the table: a density or a mass over examples, saved and loaded, that says what it can take."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Distribution, constraints

import termwise as tw
from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models import VAE, expected_example
from termwise.models.distributions import innermost
from termwise.models.law_rows import rows
from termwise.models.likelihoods import LIKELIHOODS, GivenTotal, Likelihood, likelihood_from

OTHERS = ("columns", "autoregressive")  # of tables; and made with a model: they have tests of their own
SPECS = [spec for spec in LIKELIHOODS.shown() if not spec.startswith(OTHERS)]
SHAPE = (1, 3, 4)


def decoded_for(likelihood: Likelihood, batch: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    """Numbers between 0 and 1, which are logits, means and probabilities alike."""
    return torch.rand(batch, *likelihood.decoded_shape(shape), dtype=torch.float64).clamp(0.05, 0.95)


def evaluated(spec: str) -> Likelihood:
    return likelihood_from(spec).double().eval()


def example_of(law: Distribution) -> torch.Tensor:
    torch.manual_seed(1)
    return law.sample().double()


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_is_written_back_as_one_that_makes_the_same(spec):
    likelihood = likelihood_from(spec)
    again = likelihood_from(likelihood.spec)
    assert type(again) is type(likelihood) and again.spec == likelihood.spec
    assert again.state_dict().keys() == likelihood.state_dict().keys()
    decoded = decoded_for(likelihood, 3).float()
    law, x = likelihood.eval()(decoded), example_of(likelihood.eval()(decoded)).float()
    assert torch.equal(again.eval()(decoded).log_prob(x), law.log_prob(x))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("spec", SPECS)
def test_an_example_is_one_event_and_a_batch_has_a_log_density_each(spec, training):
    likelihood = evaluated(spec)
    decoded = decoded_for(likelihood, 5)
    x = example_of(likelihood(decoded))
    law = likelihood.train(training)(decoded)
    assert (law.batch_shape, law.event_shape) == ((5,), SHAPE) and x.shape == (5, *SHAPE)
    assert law.log_prob(x).shape == (5,) and law.log_prob(x).isfinite().all()
    assert law.log_prob(x).dtype == torch.float64


def of_a_total(law: Distribution, total: float = 3.0) -> Distribution:
    """The same law; of examples of a total, where it is a law given theirs."""
    return law.at(torch.tensor([total], dtype=torch.float64)) if isinstance(law, GivenTotal) else law


def values_of(law: Distribution) -> tuple[torch.Tensor, torch.Tensor]:
    """All values that a pixel can have, and the weight of each in a sum, or in an integral by the trapezoidal rule."""
    pixel = innermost(law)
    if pixel.has_enumerate_support or pixel.support.is_discrete:
        values = pixel.enumerate_support().flatten().unique() if pixel.has_enumerate_support else torch.arange(500.0)
        return values.double(), torch.ones(len(values), dtype=torch.float64)
    if pixel.support.check(torch.tensor([-1.0, 2.0])).any().logical_not():  # between 0 and 1: evenly in their logits
        logits = torch.linspace(-30, 30, 1201, dtype=torch.float64)
        values = logits.sigmoid()
        return values, values * (1 - values) * (logits[1] - logits[0])
    reach = 30 * float(law.sample((1000,)).std())
    values = torch.linspace(-reach, 1 + reach, 1201, dtype=torch.float64)
    return values, torch.full_like(values, float(values[1] - values[0]))


@pytest.mark.parametrize(
    "spec", [pytest.param(spec, marks=pytest.mark.slow if spec.endswith(":observed") else ()) for spec in SPECS]
)
def test_the_probability_of_all_that_two_pixels_can_be_is_one(spec):
    likelihood = evaluated(spec)
    law = of_a_total(likelihood(decoded_for(likelihood, 1, (2,))))
    values, weights = values_of(law)
    total = 0.0
    with torch.no_grad():
        for value, weight in zip(values, weights, strict=True):
            pairs = torch.stack([value.expand_as(values), values], dim=1).unsqueeze(1)  # (V, 1, 2)
            total += float(weight * (weights * law.log_prob(pairs).squeeze(1).exp()).sum())
    assert total == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("spec", SPECS)
def test_some_of_a_batch_s_laws_are_those_of_the_same_outputs_alone(spec):
    likelihood = evaluated(spec)
    decoded = decoded_for(likelihood, 6)
    some, alone = rows(likelihood(decoded), slice(1, 5)), likelihood(decoded[1:5])
    x = example_of(alone)
    assert (some.batch_shape, some.event_shape) == (alone.batch_shape, alone.event_shape)
    torch.testing.assert_close(some.log_prob(x), alone.log_prob(x))
    torch.testing.assert_close(expected_example(some), expected_example(alone))


@pytest.mark.parametrize("spec", SPECS)
def test_a_gradient_reaches_the_decoder_and_all_that_learns(spec):
    likelihood = likelihood_from(spec).double().train()
    decoded = decoded_for(likelihood, 4).requires_grad_()
    x = example_of(evaluated(spec)(decoded.detach()))
    likelihood(decoded).log_prob(x).sum().backward()
    for tensor in (decoded, *likelihood.parameters()):
        assert tensor.grad is not None and tensor.grad.isfinite().all() and (tensor.grad != 0).any()


@pytest.mark.parametrize("spec", SPECS)
def test_the_expected_example_is_the_mean_of_many_or_the_most_frequent(spec):
    likelihood, count = evaluated(spec), 20_000
    law = likelihood(decoded_for(likelihood, 2))
    expected = expected_example(law)
    assert expected.shape == (2, *SHAPE)
    torch.manual_seed(2)
    x = law.sample((count,)).double()
    if isinstance(innermost(law), Categorical):
        assert all((law.log_prob(expected.double()) >= law.log_prob(one)).all() for one in x[:100])
    else:
        assert ((x.mean(0) - expected).abs() < 4.5 * x.std(0) / math.sqrt(count)).all()


@pytest.mark.parametrize("spec", SPECS)
def test_it_takes_what_it_makes_and_refuses_what_it_cannot_make(spec):
    likelihood = evaluated(spec)
    law = likelihood(decoded_for(likelihood, 20))
    likelihood.check(ValueRange.of(example_of(law)))
    support = getattr(innermost(law), "support", constraints.real)
    for extreme in (-1e6, -1.0, 0.0, 1.0, 2.0, 16.0, 17.0, 18.0, 1e6):
        values = ValueRange(min(extreme, 0.0), max(extreme, 0.0), integer=True)
        if bool(support.check(torch.tensor(extreme, dtype=torch.float64)).all()):
            likelihood.check(values)
        else:
            with pytest.raises(BadData):
                likelihood.check(values)


ENDS = {"bernoulli-probabilities": nn.Sigmoid(), "poisson-means": nn.Softplus()}
"""In what a decoder ends, where the likelihood does not take all numbers."""


def model_with(spec: str) -> VAE:
    """A model of its own modules, whose decoder ends in what the likelihood asks for."""
    built = VAE.build(SHAPE, 2, likelihood=spec, options={"hidden": [8]})
    end = ENDS.get(spec, nn.Identity())
    return VAE(built.encoder, nn.Sequential(built.decoder, end), shape=SHAPE, latent=2, likelihood=spec)


@pytest.mark.parametrize("spec", SPECS)
def test_a_model_with_it_is_trained_a_step_saved_and_loaded_bit_for_bit(tmp_path, spec):
    model = model_with(spec)
    x = example_of(likelihood_from(spec).eval()(decoded_for(model.likelihood, 6).float())).float()
    model.train()
    (-model.decode(torch.randn(6, 2)).log_prob(x).mean()).backward()
    with torch.no_grad():
        for parameter in (*model.decoder.parameters(), *model.likelihood.parameters()):
            parameter.sub_(0.1 * parameter.grad)
    model.save_pretrained(tmp_path)
    fresh = model_with(spec)
    loaded, z = VAE.from_pretrained(tmp_path, fresh.encoder, fresh.decoder), torch.randn(6, 2)
    assert loaded.config() == model.config()
    assert torch.equal(loaded.decode(z).log_prob(x), model.eval().decode(z).log_prob(x))
    assert torch.equal(loaded.generate_examples(z), model.generate_examples(z))


@pytest.mark.parametrize("spec", [spec for spec in SPECS if not spec.startswith("bernoulli")])
def test_a_model_of_functions_is_measured_with_it_unless_a_training_would_have_to_find_its_numbers(spec):
    functions = {"encode": lambda x: (x.flatten(1), x.flatten(1)), "decode": lambda z: z}
    if likelihood_from(spec).state_dict():
        with pytest.raises(Refused, match="only you know your model's"):
            tw.adapt(**functions, likelihood=spec)
    else:
        assert tw.adapt(**functions, likelihood=spec).generates
