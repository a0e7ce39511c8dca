"""The other quadrature: over the noise e of a posterior z = f(x, e), e ~ N(0, I), rather than over z.

The two share no node, so that an identity which holds between them is none of the rule's own.
"""

import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence

from termwise.worlds import DiscreteWorld, Grid, TriangularMap

NOISE = Grid(reach=8.0, step=0.25)
"""Nodes of e, two-dimensional; e exp(-e^2/2) is below 1e-12 beyond."""

LOG_WEIGHTS = Normal(0.0, 1.0).log_prob(NOISE.nodes).sum(1)
"""log N(e; 0, I) at the nodes, shape (G,)."""


def expectation(values: Tensor) -> Tensor:
    """E[values] over the noise: (..., G) -> (...)."""
    return NOISE.mean(values, LOG_WEIGHTS)


def codes(world: DiscreteWorld) -> Tensor:
    """z = f(x_n, e) of every example at every node, shape (G, N, 2), with the gradient of the posterior."""
    law, noise = world.infer(world.examples)[0], NOISE.nodes.unsqueeze(1)
    if isinstance(law, TriangularMap):
        return law.push(noise)
    normal = _normal(law)
    return normal.loc + normal.scale * noise


def log_decoded(world: DiscreteWorld, z: Tensor) -> Tensor:
    """log p(x_n|z) of codes, shape (G, N, 2): shape (N, G)."""
    likelihood = world.generate(z.reshape(-1, z.shape[-1]))
    x = world.examples.double().repeat(len(z), *[1] * (world.examples.dim() - 1))
    return likelihood.log_prob(x).reshape(len(z), -1).T


def distortion_by_noise(world: DiscreteWorld) -> Tensor:
    """E_q[-log p(x_n|z)] by the noise, shape (N,)."""
    return -expectation(log_decoded(world, codes(world)))


def closed_rate(world: DiscreteWorld) -> Tensor:
    """KL(q(z|x_n) || p(z)) of normal posteriors under a normal prior, in closed form, shape (N,)."""
    return kl_divergence(world.infer(world.examples)[0], world.prior_law())


def closed_marginals(world: DiscreteWorld) -> list[Tensor]:
    """log q(z_j) of diagonal-normal posteriors on each axis: mixtures of one-dimensional normals, shape (n,)."""
    normal = _normal(world.infer(world.examples)[0])
    log_prob = normal.log_prob(world.grid.axis.reshape(-1, 1, 1))  # (n, N, D)
    mixed = torch.logsumexp(log_prob + world.weights.log().unsqueeze(1), dim=1)
    return list(mixed.unbind(1))


def _normal(law: torch.distributions.Distribution) -> Normal:
    assert isinstance(law, Independent) and isinstance(law.base_dist, Normal)
    return law.base_dist
