"""Log-densities of mixtures by brute force: written out in float64, with every pair in memory."""

import math

import torch
from torch import Tensor


def component_log_prob(z: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """The log-density of every code under every component, log N(z_ij; mu_nj, sigma_nj^2), shape (B, N, D)."""
    z, mean, scale = z.double(), mean.double(), scale.double()
    standard = (z.unsqueeze(1) - mean) / scale
    return -0.5 * standard.square() - scale.log() - 0.5 * math.log(2 * math.pi)


def mixture_log_prob(z: Tensor, mean: Tensor, scale: Tensor, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """A mixture's log q(z), shape (B,), and log q(z_j), shape (B, D); log_weights of shape (N,) or (B, N)."""
    pairs = component_log_prob(z, mean, scale)
    weights = log_weights.double().expand(len(z), len(mean))
    return (pairs.sum(2) + weights).logsumexp(1), (pairs + weights.unsqueeze(2)).logsumexp(1)


def full_covariance_log_prob(z: Tensor, mean: Tensor, factor: Tensor, log_weight: float) -> Tensor:
    """The log q(z) of a mixture of N(mu_n, L_n L_n') with equal weights, shape (B,)."""
    law = torch.distributions.MultivariateNormal(mean.double(), scale_tril=factor.double())
    return (law.log_prob(z.double().unsqueeze(1)) + log_weight).logsumexp(1)
