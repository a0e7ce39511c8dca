import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from helpers.exact_evidence import linear, log_evidence, normal, with_exact_posterior
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.importance import (
    effective_sample_size,
    jackknife,
    log_mean_exp,
    log_weights,
)


@pytest.mark.parametrize(("latent", "noise"), [(2, 0.1), (8, 1.0), (32, 0.1)])
def test_with_the_exact_posterior_every_weight_is_log_p_of_x(latent, noise):
    world = with_exact_posterior(linear(latent, noise))
    x = world.data(20)
    weights = log_weights(Joint(world, x, None), world.infer(x)[0], samples=30)
    truth = log_evidence(world, x)
    assert weights.shape == (30, 20)
    assert float((weights - truth).abs().max()) < 1e-6 * float(truth.abs().max()) / noise**2  # float32 at the border
    assert torch.allclose(effective_sample_size(weights), torch.tensor(30.0).double(), rtol=1e-3)


def test_weights_average_to_p_of_x_and_their_logs_to_the_elbo():
    world = linear(2, 1.0)
    x = world.data(5)
    torch.manual_seed(3)
    weights = log_weights(Joint(world, x, None), world.infer(x)[0], samples=40_000)
    ratio = (weights - log_evidence(world, x)).exp()
    assert torch.all((ratio.mean(0) - 1).abs() < 4 * ratio.std(0) / 200)
    posterior = world.infer(x)[0]
    residual = x.double() - posterior.mean.double() @ world.decoder.T - world.decoder_offset
    energy = residual.square().sum(1) + (world.decoder @ world.posterior_covariance @ world.decoder.T).trace()
    kl = kl_divergence(posterior.base_dist, Normal(0.0, 1.0)).sum(1)
    elbo = -0.5 * 4 * math.log(2 * math.pi) - 0.5 * energy - kl
    assert torch.all((weights.mean(0) - elbo).abs() < 4 * weights.std(0) / 200)


def test_the_jackknife_is_that_of_leaving_every_weight_out_even_where_one_has_it_all():
    torch.manual_seed(0)
    weights = torch.randn(7, 3).double() * torch.tensor([0.3, 3.0, 1.0])
    weights[2, 2] = 60.0  # all others are lost beside it in double precision
    brute = []
    for column in weights.T.numpy():
        one = lambda kept: np.logaddexp.reduce(kept) - math.log(len(kept))  # noqa: E731
        without = np.mean([one(np.delete(column, i)) for i in range(7)])
        brute.append(7 * one(column) - 6 * without)
    assert jackknife(weights).numpy() == pytest.approx(np.array(brute), rel=1e-12)
    assert torch.equal(jackknife(weights[:1]), weights[0])


def test_the_jackknife_takes_the_first_error_off_the_bound():
    torch.manual_seed(1)
    weights = 0.8 * torch.randn(20, 20_000).double() - 0.32  # log-normal of mean one: log p(x) = 0
    error = 4 * float(log_mean_exp(weights).std()) / math.sqrt(20_000)
    first = -(math.exp(0.64) - 1) / (2 * 20)
    assert abs(float(log_mean_exp(weights).mean()) - first) < error + 0.005  # the second-order part
    assert abs(float(jackknife(weights).mean())) < error + 0.002


def test_the_effective_sample_size_is_kish_s():
    weights = torch.tensor([[1.0, 1.0], [2.0, 1.0], [4.0, 1e-30]]).double().log()
    assert effective_sample_size(weights).tolist() == pytest.approx([49 / 21, 2.0])


def test_a_context_is_handed_to_the_decoder_for_every_code():
    class Scaled:
        def generate(self, z, context):
            return normal(z * context, torch.ones_like(z))

        def prior_law(self):
            return normal(torch.zeros(2), torch.ones(2))

    context = torch.tensor([[1.0], [2.0], [3.0]])
    x, z = torch.randn(3, 2), torch.randn(4, 3, 2).double()
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z) + torch.distributions.Normal(z * context, 1.0).log_prob(
        x
    )
    assert torch.allclose(Joint(Scaled(), x, context)(z), expected.sum(-1), atol=1e-5)
