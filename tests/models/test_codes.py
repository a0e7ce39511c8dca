"""Codes are what their law samples; the density of a law there is torch's own, and exact at any size."""

import math

import pytest
import torch
from torch.distributions import (
    Beta,
    Categorical,
    Cauchy,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

import termwise as tw
from termwise.models.codes import Codes, log_density_at
from termwise.models.draw import Draw

COUNT, LATENT = 5, 3


def laws():
    torch.manual_seed(0)
    mean, scale = torch.randn(COUNT, LATENT), torch.rand(COUNT, LATENT) + 0.1
    factor = torch.randn(COUNT, LATENT, LATENT).tril(-1) + scale.diag_embed()
    parts = Independent(Normal(torch.randn(COUNT, 2, LATENT), 0.5), 1)
    whole = MultivariateNormal(torch.randn(COUNT, 2, LATENT), scale_tril=factor.unsqueeze(1).expand(-1, 2, -1, -1))
    shares = Categorical(logits=torch.randn(COUNT, 2))
    return {
        "normal": Independent(Normal(mean, scale), 1),
        "full normal": MultivariateNormal(mean, scale_tril=factor),
        "low rank": LowRankMultivariateNormal(mean, torch.randn(COUNT, LATENT, 1), scale),
        "laplace": Independent(Laplace(mean, scale), 1),
        "student": Independent(StudentT(5.0, mean, scale), 1),
        "cauchy": Independent(Cauchy(mean, scale), 1),
        "mixture": MixtureSameFamily(shares, parts),
        "mixture of full normals": MixtureSameFamily(shares, whole),
        "no location": Independent(Beta(scale, scale), 1),
    }


@pytest.mark.parametrize("name", laws())
@pytest.mark.parametrize("shape", [(), (4,)])
def test_codes_are_what_the_law_samples(name, shape):
    law = laws()[name]
    torch.manual_seed(1)
    codes = Codes.of(law, *shape)
    torch.manual_seed(1)
    sampled = law.rsample(torch.Size(shape)) if law.has_rsample else law.sample(torch.Size(shape))
    torch.testing.assert_close(codes.z, sampled, atol=1e-6, rtol=1e-5)
    assert codes.z.dtype == sampled.dtype
    if name == "normal":
        assert torch.equal(codes.z, sampled), "a training is what it was, to the last bit"


@pytest.mark.parametrize("name", laws())
def test_the_density_of_every_law_at_another_s_codes_is_torch_s_own(name):
    law = laws()[name]
    torch.manual_seed(1)
    codes = Codes.of(law if name == "no location" else laws()["normal"])
    found = log_density_at(law, codes)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, law.log_prob(codes.z).double(), atol=1e-4, rtol=1e-5)


def test_by_dimension_the_density_is_that_of_the_base_laws():
    law = laws()["normal"]
    codes = Codes.of(law)
    torch.testing.assert_close(log_density_at(law.base_dist, codes).sum(1), log_density_at(law, codes))


def test_at_its_own_codes_the_gradient_is_that_of_the_width_alone():
    """log q(mu + sigma eps) = -eps^2 / 2 - log sigma + c: nothing of it depends on mu."""
    mean, log_scale = torch.zeros(COUNT, LATENT, requires_grad=True), torch.zeros(COUNT, LATENT, requires_grad=True)
    law = Independent(Normal(mean, log_scale.exp()), 1)
    log_density_at(law, Codes.of(law)).sum().backward()
    assert float(mean.grad.abs().max()) < 1e-6
    torch.testing.assert_close(log_scale.grad, -torch.ones(COUNT, LATENT))


@pytest.mark.parametrize("sigma", [1e-20, 1e-9, 1e20])
@pytest.mark.parametrize("mean", [0.0, 1e6])
def test_at_its_own_codes_a_normal_is_as_far_from_its_mean_as_its_noise(mean, sigma):
    law = Independent(Normal(torch.full((1000, 1), mean), sigma), 1)
    peak = -math.log(law.base_dist.scale[0, 0]) - 0.5 * math.log(2 * math.pi)
    energy = 2 * (peak - log_density_at(law, Codes.of(law)))
    assert abs(float(energy.mean()) - 1) < 4 * math.sqrt(2 / 1000)  # eps^2 has mean 1 and variance 2


def test_to_ask_whether_codes_are_a_draw_s_own_draws_none():
    draw = Draw(tw.VAE.build((4,), 3), torch.rand(COUNT, 4))
    other = torch.zeros(COUNT, 3)
    assert torch.equal(draw.codes_at(other).z, other) and "codes" not in vars(draw)
    assert draw.codes_at(draw.z) is draw.codes
