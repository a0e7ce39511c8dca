import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

import termwise as tw
from helpers.exact_evidence import Binary, dataset, implicit, linear, log_evidence, true_precision, with_exact_posterior
from termwise.errors import BadData, NotFinite, Refused, UnknownName
from termwise.measuring.log_likelihood import gaps, log_likelihood
from termwise.measuring.log_likelihood.densities import fitted_normal
from termwise.worlds import implicit_world


def mean_error(found, truth):
    """The mean of found less true values, and its standard error."""
    errors = found.per_example["log_likelihood"] - truth
    return float(errors.mean()), float(errors.std()) / math.sqrt(len(errors))


@pytest.mark.parametrize(("latent", "noise"), [(2, 0.1), pytest.param(8, 1.0, marks=pytest.mark.slow)])
def test_the_default_certifies_itself_and_is_then_within_the_tolerance_of_the_truth(latent, noise):
    world = linear(latent, noise)
    data = dataset(world.data(48, seed=1))
    found = log_likelihood(world, data, samples=50, tolerance=0.15)
    error, stderr = mean_error(found, log_evidence(world, data.tensor()))
    assert found.certificate.reached and "under the 0.15 asked" in found["log_likelihood"].bias
    assert abs(error) < 0.15 and abs(error) < 4 * stderr + 0.05
    assert not found.diagnosis
    low, high = found["bdmc_lower"], found["bdmc_upper"]
    assert found["bdmc_gap"].value == pytest.approx(high.value - low.value)
    assert (low.lower, low.upper) == (high.lower, high.upper) == (low.value, high.value)
    assert found["log_likelihood"].lower == found["log_likelihood"].value and found["log_likelihood"].upper is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_quadrature_that_others_are_judged_by_has_converged(mirrored):
    coarse, fine = Binary(mirrored), Binary(mirrored, step=0.05)
    x = coarse.data(30)
    assert torch.allclose(coarse.log_evidence(x), fine.log_evidence(x), atol=2e-4)  # a hundredth of what is judged


@pytest.mark.parametrize("mirrored", [pytest.param(False, marks=pytest.mark.slow), True])
def test_on_a_grid_ais_agrees_with_quadrature_even_where_the_posterior_has_two_modes(mirrored):
    binary = Binary(mirrored)
    data = dataset(binary.data(64))
    found = log_likelihood(binary.model(), data, samples=50)
    error, stderr = mean_error(found, binary.log_evidence(data.tensor()))
    assert found.certificate.reached and abs(error) < 0.1 and abs(error) < 4 * stderr + 0.05


def test_the_gaps_of_a_linear_world_are_its_divergences():
    world = linear(4, 0.5, inflate=2.5, off=1.0)
    x = world.data(40)
    found = log_likelihood(world, dataset(x), temperatures=32, simulated=0, split_gap=True, samples=400)
    precision = true_precision(world)
    approximation = 0.5 * float(precision.diagonal().log().sum() - torch.logdet(precision))
    posterior = world.infer(x)[0]
    shift = posterior.mean.double() - (x.double() - world.decoder_offset) @ world.decoder @ precision.inverse() / 0.25
    spread = world.posterior_covariance
    whole = 0.5 * ((precision @ spread).trace() - 4 - torch.logdet(precision @ spread))
    whole = whole + 0.5 * torch.einsum("ni,ij,nj->n", shift, precision, shift)
    truths = {
        "inference_gap": whole,
        "approximation_gap": torch.full((40,), approximation).double(),
        "amortisation_gap": whole - approximation,
    }
    for name, truth in truths.items():
        errors = found.per_example[name] - truth
        assert abs(float(errors.mean())) < 4 * float(errors.std()) / math.sqrt(40) + 0.01, name
    parts = found["approximation_gap"].value + found["amortisation_gap"].value
    assert parts == pytest.approx(found["inference_gap"].value)
    assert found["amortisation_gap"].value > 0.5 and approximation > 0.1


def test_with_the_exact_posterior_iwae_elbo_and_truth_are_one():
    world = with_exact_posterior(linear(8, 1.0))
    x = world.data(30)
    found = log_likelihood(world, dataset(x), method="iwae", samples=20)
    error, stderr = mean_error(found, log_evidence(world, x))
    assert abs(error) < 1e-4 and stderr < 1e-4
    assert abs(found["inference_gap"].value) < 1e-4
    assert found["effective_sample_size"].value == pytest.approx(20, rel=1e-3) and not found.diagnosis
    assert found.certificate is None and "bdmc_gap" not in found.readings


def test_weights_that_collapse_are_said_to():
    world = linear(32, 0.1, inflate=4.0, off=2.0)
    data = dataset(world.data(20))
    found = log_likelihood(world, data, method="iwae", samples=100)
    assert "collapse" in found.diagnosis[0] and "of 20 examples" in found.diagnosis[0]
    assert found["log_likelihood"].value < float(log_evidence(world, data.tensor()).mean()) - 3
    assert found["log_likelihood"].lower == found["log_likelihood"].value
    chains = log_likelihood(world, data, temperatures=1, simulated=0)
    assert any("chains carry the estimate" in sentence for sentence in chains.diagnosis)
    assert any("IWAE lies" in sentence for sentence in chains.diagnosis)
    assert any("does not carry over" in sentence for sentence in chains.diagnosis)


def test_a_gap_that_is_not_reached_is_said_not_to_be():
    world = linear(8, 0.1)
    found = log_likelihood(world, dataset(world.data(8)), samples=20, most_temperatures=8, base="prior", simulated=16)
    assert not found.certificate.reached and found.certificate.temperatures == 8
    assert "NOT shown to be under" in found["log_likelihood"].bias and "not certified" in found.diagnosis[0]


def test_as_many_temperatures_as_asked_are_taken():
    world = linear(2, 1.0)
    data = dataset(world.data(8))
    found = log_likelihood(world, data, samples=20, temperatures=5, simulated=5, chains=1, batch_size=3)
    assert len(found.certificate.x) == 5 and torch.isfinite(found.certificate.schedule).all()
    assert found.certificate.temperatures == 5 and "5 temperatures" in found["log_likelihood"].estimator


class Hidden:
    """A world whose posterior is sampled alone."""

    def __init__(self, world):
        self.world, self.generate, self.prior_law = world, world.generate, world.prior_law

    def infer(self, x):
        return implicit(self.world.infer(x)[0]), None


def test_a_posterior_without_a_density_is_annealed_from_a_normal_of_its_moments_and_has_no_elbo():
    world = linear(4, 0.3)
    data = dataset(world.data(32))
    found = log_likelihood(Hidden(world), data, temperatures=24, simulated=8, samples=50)
    error, stderr = mean_error(found, log_evidence(world, data.tensor()))
    assert abs(error) < 4 * stderr + 0.05 and stderr < 0.05
    assert "chains from a normal with the posterior's moments" in found["log_likelihood"].estimator
    assert "elbo" not in found.readings and "inference_gap" not in found.readings
    from_prior = log_likelihood(Hidden(world), data, temperatures=24, simulated=8, samples=50, base="prior")
    assert "chains from the prior" in from_prior["log_likelihood"].estimator
    assert found.certificate.gap < 0.2 * from_prior.certificate.gap, "the normal begins nearer than the prior"
    with pytest.raises(Refused, match=r'no density.*"normal"'):
        log_likelihood(Hidden(world), data, temperatures=4, simulated=0, base="posterior")
    with pytest.raises(Refused, match="Leave split_gap out"):
        log_likelihood(Hidden(world), data, split_gap=True)


def test_without_a_density_importance_weights_are_of_the_normal_and_bound_from_below():
    world = with_exact_posterior(linear(2, 1.0))
    data = dataset(world.data(200))
    found = log_likelihood(Hidden(world), data, method="iwae", samples=5)
    errors = found.per_example["log_likelihood"] - log_evidence(world, data.tensor())
    assert float(errors.mean()) == pytest.approx(0, abs=0.005), "moments of 1024 codes are p(z|x)'s to a hundredth"
    assert found["log_likelihood"].estimator == "IWAE, 5 codes of a normal with the posterior's moments"
    assert found["log_likelihood"].lower is not None and "elbo" not in found.readings
    off = log_likelihood(Hidden(linear(2, 1.0, inflate=4.0)), data, method="iwae", samples=1)
    errors = off.per_example["log_likelihood"] - log_evidence(world, data.tensor())
    assert float(errors.mean()) < -4 * float(errors.std()) / math.sqrt(200)


@pytest.mark.parametrize("seed", [0, 3])
def test_log_p_of_x_of_skewed_and_bent_posteriors_is_that_of_quadrature(seed):
    world = implicit_world(seed)
    found = log_likelihood(world, dataset(world.examples), temperatures=16, simulated=0, samples=50, chains=64)
    error, stderr = mean_error(found, world.log_evidence)
    assert abs(error) < 4 * stderr + 1e-3 and stderr < 0.04


def test_a_posterior_that_hardly_varies_in_a_direction_still_has_a_normal():
    for scale in ([1.0, 0.0], [0.0, 0.0]):
        law = fitted_normal(implicit(Normal(torch.ones(3, 2), torch.tensor(scale), validate_args=False)))
        assert law.log_prob(law.mean).isfinite().all() and law.stddev[:, 1].max() < 0.01


def test_grey_values_under_a_bernoulli_are_no_likelihood():
    binary = Binary(mirrored=False)
    grey = log_likelihood(binary.model(), dataset(torch.rand(10, 6)), temperatures=4, simulated=4, samples=20)
    assert "unnormalised" in grey["log_likelihood"].bias and "another regime" in grey.diagnosis[-1]
    assert grey["log_likelihood"].lower is None
    black = log_likelihood(binary.model(), dataset(binary.data(10)), temperatures=4, simulated=0, samples=20)
    assert "unnormalised" not in black["log_likelihood"].bias


def test_a_decoder_s_context_is_said_to_be_given():
    named = lambda x: {"mean": x, "log_var": torch.zeros_like(x), "context": x[:, :1]}  # noqa: E731
    model = tw.adapt(named, lambda z, c: z + c, likelihood="normal:1")
    found = log_likelihood(model, dataset(torch.randn(6, 2)), method="iwae", samples=20)
    assert "given the context" in found["log_likelihood"].bias


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.inward, self.outward = nn.Linear(4, 4), nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.outward[1].eval()

    def encode(self, x):
        return self.inward(x).chunk(2, 1)

    def decode(self, z):
        return self.outward(z)


def test_the_model_and_the_random_state_are_left_as_they_were_and_a_seed_says_it_all(monkeypatch):
    monkeypatch.setattr(gaps, "STEPS", 5)
    body = Body()
    before = {name: held.clone() for name, held in body.state_dict().items()}
    modes = [part.training for part in body.modules()]
    data, state = dataset(torch.randn(12, 4)), torch.get_rng_state()
    told = []

    def once(seed, **options):
        model = tw.adapt(body.encode, body.decode, likelihood="normal:1")
        options = {"temperatures": 4, "simulated": 2, "samples": 20, "limit": 7, "chains": 2, "leapfrogs": 1} | options
        return log_likelihood(model, data, seed=seed, progress=lambda *step: told.append(step), **options)

    one, same, other = once(3, split_gap=True), once(3, split_gap=True), once(4)
    assert torch.equal(state, torch.get_rng_state())
    assert [part.training for part in body.modules()] == modes and False in modes and True in modes
    assert all(torch.equal(held, before[name]) for name, held in body.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in body.parameters())
    assert torch.equal(one.per_example["log_likelihood"], same.per_example["log_likelihood"])
    assert not torch.equal(one.index, other.index) and len(one.index) == 7
    assert told[0] == ("BDMC, 4 temperatures", 1.0) and told[-1] == ("log p(x) by AIS", 1.0)


def test_batches_do_not_matter_beyond_chance_and_errors_are_over_examples():
    world = linear(2, 1.0)
    data = dataset(world.data(12))
    options = {"temperatures": 24, "simulated": 0, "samples": 50}
    whole, parts = (log_likelihood(world, data, batch_size=size, **options) for size in (64, 7))
    values = whole.per_example["log_likelihood"]
    assert torch.allclose(values, parts.per_example["log_likelihood"], atol=0.6)
    assert whole["log_likelihood"].stderr == pytest.approx(np.std(values.numpy(), ddof=1) / math.sqrt(12))


def test_what_cannot_be_is_refused():
    world = linear(2, 1.0)
    data = dataset(world.data(4))
    for options, message in (
        ({"samples": 0}, "samples = 0 cannot be"),
        ({"temperatures": 0}, "temperatures = 0 cannot be"),
        ({"limit": 0}, "limit = 0 cannot be"),
        ({"simulated": 1}, "two simulated examples"),
        ({"simulated": 0}, "say temperatures=1000"),
        ({"tolerance": 0.0}, "tolerance = 0.0 cannot be"),
    ):
        with pytest.raises(Refused, match=message):
            log_likelihood(world, data, **options)
    for options in ({"method": "aiz"}, {"base": "posteriour"}):
        with pytest.raises(UnknownName, match="Did you mean"):
            log_likelihood(world, data, **options)
    with pytest.raises(Refused, match="no decoder"):
        log_likelihood(tw.adapt(lambda x: (x, x)), data)
    with pytest.raises(UnknownName, match="bdmc_gap"):
        log_likelihood(world, data, method="iwae")["bdmc_gap"]


def test_codes_that_are_not_finite_are_refused_by_what_gave_them():
    world = linear(2, 1.0)

    class Broken:
        generate, prior_law = staticmethod(world.generate), staticmethod(world.prior_law)

        def infer(self, x):
            law = torch.distributions.Normal(math.nan * x[:, :2], torch.ones(len(x), 2), validate_args=False)
            return torch.distributions.Independent(law, 1, validate_args=False), None

    for options in ({}, {"method": "iwae"}):
        with pytest.raises(NotFinite, match=r"encoder gives means that are not finite.* for 4 of 4 examples"):
            log_likelihood(Broken(), dataset(torch.zeros(4, 4)), **options)


class Unsaid(torch.distributions.Uniform):
    """Which does not say where it ends."""

    support = torch.distributions.constraints.real


def test_examples_without_density_are_bad_data():
    class Walled:
        infer, prior_law = staticmethod(linear(2, 1.0).infer), staticmethod(linear(2, 1.0).prior_law)

        def generate(self, z, context):
            law = Unsaid(torch.zeros(len(z), 4) + 0 * z[:, :1], 1.0, validate_args=False)
            return torch.distributions.Independent(law, 1, validate_args=False)

    with pytest.raises(BadData, match="of 3 of 5 is not finite"):
        log_likelihood(Walled(), dataset(torch.tensor([0.5, 2.0, 0.1, 3.0, -1.0])[:, None].repeat(1, 4)), method="iwae")
