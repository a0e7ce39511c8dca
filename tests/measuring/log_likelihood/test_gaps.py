import math

import pytest
import torch
from torch.distributions import Independent, Laplace, MultivariateNormal, kl_divergence

from helpers.exact_evidence import Binary, dataset, linear, log_evidence, true_mean, true_precision
from termwise.errors import Refused
from termwise.measuring.log_likelihood import gaps, log_likelihood
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.gaps import ENOUGH, best_normal


def test_the_best_diagonal_normal_has_the_true_mean_and_the_conditional_variances():
    world = linear(4, 0.3, inflate=3.0, off=1.5)
    x = world.data(6)
    torch.manual_seed(0)
    best = best_normal(Joint(world, x, None), world.infer(x)[0]).law
    precision = true_precision(world)
    deviation = precision.diagonal().rsqrt()
    truth = MultivariateNormal(true_mean(world, x), precision_matrix=precision)
    least = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    assert torch.all((kl_divergence(best, truth) - least).abs() < 0.01)
    assert torch.all(((best.mean - true_mean(world, x)) / deviation).abs() < 0.15)
    assert torch.all((best.stddev / deviation - 1).abs() < 0.1)


def test_the_best_full_normal_of_a_linear_world_is_the_true_posterior():
    world = linear(3, 0.3)
    x = world.data(5)
    posterior = world.infer(x)[0]
    tilt = torch.tensor([[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [-0.3, 0.2, 1.0]])
    full = MultivariateNormal(posterior.mean, scale_tril=posterior.stddev[..., None] * tilt)
    torch.manual_seed(0)
    joint = Joint(world, x, None)
    best = best_normal(joint, full).law
    z = best.sample((50,))
    gaps = log_evidence(world, x) - (joint(z) - best.log_prob(z))
    assert float(gaps.abs().max()) < 0.02


@pytest.mark.parametrize("full", [pytest.param(False, marks=pytest.mark.slow), True])
def test_what_a_normal_lacks_is_half_its_offset_squared_also_for_one_example(full):
    """The force on a code of N(m, 1), of which N(0, 1) is the truth, is -m at every code: a step gains m^2 / 2."""
    world = linear(3, 0.3)
    x = world.data(1)
    precision, mean = true_precision(world), true_mean(world, x)
    off = torch.tensor([[0.3, -0.2, 0.5]], dtype=torch.float64)
    root = torch.linalg.cholesky(torch.linalg.inv(precision.double()))[None]
    law = MultivariateNormal(mean.double() + (root @ off[..., None]).squeeze(-1), scale_tril=root)
    lacks = gaps._lacks(Joint(world, x, None), law, diagonal=not full)
    assert lacks.tolist() == pytest.approx([0.5 * float(off.square().sum())], abs=0.01)
    torch.manual_seed(0)
    own = law if full else Independent(torch.distributions.Normal(law.mean, law.stddev), 1)
    best = best_normal(Joint(world, x, None), own)
    assert best.law.mean.shape == (1, 3) and float(best.lacks) < ENOUGH


def test_a_posterior_that_is_no_normal_is_refused():
    world = linear(2, 1.0)
    x = world.data(3)
    law = Independent(Laplace(torch.zeros(3, 2), torch.ones(3, 2)), 1)
    with pytest.raises(Refused, match="diagonal and full-covariance normal"):
        best_normal(Joint(world, x, None), law)


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_is_found_from_a_posterior_a_hundred_of_its_deviations_off(full):
    """Adam from the posterior alone comes 20 deviations far, and is 3,800 nats short."""
    world = linear(4, 0.3, off=100.0)
    x = world.data(8)
    posterior = world.infer(x)[0]
    if full:
        posterior = MultivariateNormal(posterior.mean, scale_tril=torch.diag_embed(posterior.stddev))
    torch.manual_seed(0)
    best = best_normal(Joint(world, x, None), posterior)
    precision = true_precision(world)
    truth = MultivariateNormal(true_mean(world, x), precision_matrix=precision)
    least = 0.0 if full else 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    assert torch.all((kl_divergence(best.law, truth) - least).abs() < 0.02)
    assert torch.all(best.lacks < ENOUGH)


def test_where_the_true_posterior_has_several_modes_one_of_them_is_found_from_sixty_deviations_off():
    """A normal at one of two modes, or across both, is within 2 nats of log p(x); the search alone ends 15 short."""
    binary = Binary(True)
    model, x = binary.model(), binary.data(6)
    mean = model.infer(x)[0].mean
    far = Independent(torch.distributions.Normal(mean + 3.0, torch.full_like(mean, 0.05)), 1)
    torch.manual_seed(0)
    joint = Joint(model, x, None)
    law = best_normal(joint, far).law
    z = law.sample((1000,))
    gap = binary.log_evidence(x) - (joint(z) - law.log_prob(z)).mean(0)
    assert torch.all((gap > -0.1) & (gap < 2.5))


def test_a_search_that_does_not_arrive_says_so_and_about_how_much_it_lacks(monkeypatch):
    """Without the modes: from ten deviations off Adam ends 3.3 nats short."""
    width = torch.diag_embed
    monkeypatch.setattr(gaps, "mode", lambda path, code, spread: (path.base.mean, width(spread**-2)))
    world = linear(4, 0.3, off=10.0)
    x = world.data(8)
    torch.manual_seed(0)
    best = best_normal(Joint(world, x, None), world.infer(x)[0])
    assert torch.all((best.lacks > 0.5) & (best.lacks < 10))
    found = log_likelihood(world, dataset(x), temperatures=4, simulated=0, samples=200, split_gap=True)
    (sentence,) = [sentence for sentence in found.diagnosis if "best normal" in sentence]
    assert "has not arrived in 8 of 8 examples" in sentence and "no more than a bound" in sentence
    for name in ("approximation_gap", "amortisation_gap"):
        assert "has not arrived in 8 of 8 examples" in found[name].bias
    assert math.isfinite(found["approximation_gap"].value)


def test_a_search_that_arrives_says_nothing():
    world = linear(4, 0.3, off=10.0)
    found = log_likelihood(world, dataset(world.data(8)), temperatures=4, simulated=0, samples=200, split_gap=True)
    assert not [sentence for sentence in found.diagnosis if "best normal" in sentence]
    assert "arrived" not in found["approximation_gap"].bias + found["amortisation_gap"].bias
