import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from termwise.worlds import LinearGaussian


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_truth_agrees_with_sampling_from_the_world_s_own_densities(seed, diagonal):
    world = LinearGaussian.random(seed, latent=3, dimension=4, mutual_information=2.0, diagonal=diagonal)
    count = 40_000
    x = world.data(count, seed=seed).double()
    mean = x @ world.encoder.T + world.offset
    posterior = MultivariateNormal(mean, world.posterior_covariance)
    torch.manual_seed(seed)
    z = posterior.sample()
    centre = world.encoder @ world.mean + world.offset
    spread = world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance
    aggregate = MultivariateNormal(centre, spread).log_prob(z)
    by_dimension = torch.distributions.Normal(centre, spread.diagonal().sqrt()).log_prob(z).sum(1)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    decoded = torch.distributions.Normal(z @ world.decoder.T + world.decoder_offset, world.sigma)
    sampled = {
        "distortion": -decoded.log_prob(x).sum(1),
        "rate": posterior.log_prob(z) - prior,
        "index_code_mi": posterior.log_prob(z) - aggregate,
        "marginal_kl": aggregate - prior,
        "total_correlation": aggregate - by_dimension,
        "dimension_wise_kl": by_dimension - prior,
    }
    truth = world.truth()
    for name, values in sampled.items():
        assert abs(float(values.mean()) - truth[name]) < 4 * float(values.std()) / math.sqrt(count), name
    assert truth["elbo"] == -truth["distortion"] - truth["rate"]


def test_a_random_world_has_the_mutual_information_that_was_asked_for():
    for asked in (0.5, 2.0, 7.53):
        assert LinearGaussian.random(5, mutual_information=asked).truth()["index_code_mi"] == pytest.approx(asked)
