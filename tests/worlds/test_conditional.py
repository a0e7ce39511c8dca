"""Conditional linear-Gaussian worlds: their truths against integrals over a line and averages over codes."""

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.worlds import ConditionalLinearGaussian


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("categories", [2, 3])
def test_on_a_line_the_information_is_that_of_quadrature(seed, categories):
    world = ConditionalLinearGaussian.random(seed, latent=1, categories=categories, separation=1.5)
    centres, covariance = world.given_side()
    grid = torch.linspace(-60, 60, 200_001, dtype=torch.float64)
    laws = Normal(centres, covariance.sqrt()).log_prob(grid)  # (categories, G)
    mixture = (laws + world.shares.log().unsqueeze(1)).logsumexp(0)
    expected = (world.shares.unsqueeze(1) * laws.exp() * (laws - mixture)).sum() * (grid[1] - grid[0])
    truth = world.truth()
    assert truth["side_information"] == pytest.approx(float(expected), abs=1e-9)
    assert world.truth_by_dimension() == pytest.approx([truth["side_information"]], abs=1e-12)
    assert truth["total_correlation"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_every_term_is_its_average_over_codes(seed):
    world = ConditionalLinearGaussian.random(seed, latent=3, categories=3, separation=1.0)
    truth, count = world.truth(), 200_000
    s, x = world.side(count, seed), world.data(count, seed).double()
    centres, covariance = world.given_side()
    torch.manual_seed(seed)
    posterior, _ = world.infer(x)
    z = posterior.sample()
    given = MultivariateNormal(centres, covariance.expand(3, 3, 3))
    mixture = MixtureSameFamily(Categorical(world.shares), given)
    log_given = given.log_prob(z.unsqueeze(1)).gather(1, s.unsqueeze(1)).squeeze(1)
    log_x, log_q = posterior.log_prob(z), mixture.log_prob(z)
    log_prior = -0.5 * z.square().sum(1) - 1.5 * math.log(2 * math.pi)
    marginals = sum(
        MixtureSameFamily(Categorical(world.shares), Normal(centres[:, j], covariance[j, j].sqrt())).log_prob(z[:, j])
        for j in range(3)
    )
    averages = {
        "index_code_mi": log_x - log_q,
        "index_code_mi_given_side": log_x - log_given,
        "side_information": log_given - log_q,
        "marginal_kl": log_q - log_prior,
        "total_correlation": log_q - marginals,
        "dimension_wise_kl": marginals - log_prior,
        "rate": log_x - log_prior,
        "distortion": -world.generate(z).log_prob(x),
        "log_likelihood": world.log_likelihood(x),
        "side_entropy": -world.shares.log()[s],
    }
    for name, values in averages.items():
        assert abs(float(values.mean()) - truth[name]) < 4.5 * float(values.std()) / math.sqrt(count), name
    assert truth["inference_gap"] == pytest.approx(truth["log_likelihood"] - truth["elbo"], abs=1e-9)


def test_what_cannot_be_is_refused():
    with pytest.raises(Refused, match="2 or 3; got 4"):
        ConditionalLinearGaussian.random(0, categories=4)
