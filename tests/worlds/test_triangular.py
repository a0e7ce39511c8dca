import math

import pytest
import torch

from termwise.errors import NoDensity
from termwise.models import Draw
from termwise.worlds import TriangularMap, implicit_world, mixture_world


def law() -> TriangularMap:
    return implicit_world(3).infer(implicit_world(3).examples)[0]


def test_the_hidden_density_is_the_change_of_variables_of_the_map():
    q = law()
    noise = torch.randn(16, 2, dtype=torch.float64)
    z = q.push(noise)
    one_by_one = torch.autograd.functional.jacobian(lambda e: q.push(e).sum(0), noise)  # (2, 16, 2)
    log_det = torch.linalg.slogdet(one_by_one.movedim(1, 0))[1]
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(noise).sum(1) - log_det
    assert torch.allclose(q.hidden_log_prob(z), expected, atol=1e-10)


def test_samples_have_the_moments_of_the_hidden_density():
    world, q = implicit_world(3), law()
    count = 40_000
    z = q.sample((count,))  # (count, 16, 2)
    density = world.log_posterior.exp() * world.grid.weights  # (N, G)
    nodes = world.grid.nodes
    features = torch.stack([nodes[:, 0], nodes[:, 1], nodes[:, 0] * nodes[:, 1], nodes[:, 1] ** 3], dim=1)
    sampled = torch.stack([z[..., 0], z[..., 1], z[..., 0] * z[..., 1], z[..., 1] ** 3], dim=-1)
    error = sampled.std(0) / math.sqrt(count)
    assert ((sampled.mean(0) - density @ features).abs() < 4.5 * error).all()


def test_it_is_skewed_and_bent_so_that_no_normal_posterior_would_do():
    world = implicit_world(3)
    density = world.log_posterior.exp() * world.grid.weights
    z = world.grid.nodes
    mean = density @ z
    variance = density @ z.square() - mean.square()
    third = torch.einsum("ng,ngd->nd", density, (z - mean.unsqueeze(1)).pow(3))
    assert float((third / variance.pow(1.5)).abs().max()) > 0.5


def test_it_has_no_density_that_a_model_could_use_and_a_pathwise_gradient_that_training_can():
    world = implicit_world(0)
    draw = Draw(world, world.examples)
    with pytest.raises(NoDensity, match="has no density"):
        draw.posterior.log_prob(draw.z)
    location = torch.zeros(1, 2, requires_grad=True)
    ones = torch.ones(1, 2)
    TriangularMap(location, ones, 0 * ones, ones, torch.zeros(1)).rsample((5,)).sum().backward()
    assert location.grad.tolist() == [[5.0, 5.0]]


def test_without_skew_tail_and_bend_the_map_is_a_normal():
    mean, scale = torch.randn(3, 2), torch.rand(3, 2) + 0.5
    plain = TriangularMap(mean, scale, 0 * mean, torch.ones(3, 2), torch.zeros(3))
    z = torch.randn(7, 3, 2)
    assert torch.allclose(
        plain.hidden_log_prob(z), torch.distributions.Normal(mean, scale).log_prob(z).sum(-1), atol=1e-5
    )


def test_a_mixture_posterior_is_sampled_without_a_pathwise_gradient():
    world = mixture_world(0)
    draw = Draw(world, world.examples)
    assert not draw.posterior.has_rsample
    assert draw.z.shape == (16, 2) and draw.posterior.log_prob(draw.z).shape == (16,)
