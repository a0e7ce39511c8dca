import pytest
import torch
from torch.distributions import Independent, Laplace, MultivariateNormal, kl_divergence

from helpers.exact_evidence import linear, log_evidence, true_mean, true_precision
from termwise.errors import Refused
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.gaps import best_normal


def test_the_best_diagonal_normal_has_the_true_mean_and_the_conditional_variances():
    world = linear(4, 0.3, inflate=3.0, off=1.5)
    x = world.data(6)
    torch.manual_seed(0)
    best = best_normal(Joint(world, x, None), world.infer(x)[0])
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
    best = best_normal(joint, full)
    z = best.sample((50,))
    gaps = log_evidence(world, x) - (joint(z) - best.log_prob(z))
    assert float(gaps.abs().max()) < 0.02


def test_a_posterior_that_is_no_normal_is_refused():
    world = linear(2, 1.0)
    x = world.data(3)
    law = Independent(Laplace(torch.zeros(3, 2), torch.ones(3, 2)), 1)
    with pytest.raises(Refused, match="diagonal and full-covariance normal"):
        best_normal(Joint(world, x, None), law)
