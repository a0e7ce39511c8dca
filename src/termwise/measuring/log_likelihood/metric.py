"""The shape of every law on the path, from its two ends.

With P0 and P1 the precisions of base and joint (minus the Hessians of their logs), one eigenproblem an example gives
A with A' P0 A = I and A' P1 A = diag(l), so that

    S_t = A diag(1 - t + t l)^(-1/2),    S_t S_t' = ((1 - t) P0 + t P1)^-1.

Exact for a linear-Gaussian model; elsewhere a guess that costs speed where it is wrong, never correctness.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.measuring.log_likelihood.densities import finite_codes
from termwise.measuring.log_likelihood.path import Path

DRAWS = 64
FLATTEST = 1e-6  # of an example's largest curvature


@dataclass(frozen=True)
class HmcMetric:
    """The metric S_t of Hamiltonian Monte Carlo: how far a move goes in every direction, at every temperature.

    Attributes:
        shared: A, shape (B, D, D).
        stiffness: l, shape (B, D).
    """

    shared: Tensor
    stiffness: Tensor

    def root(self, t: float) -> Tensor:
        """S_t, shape (B, D, D)."""
        return self.shared * (1 - t + t * self.stiffness).rsqrt()[:, None, :]

    def speed(self, t: Tensor) -> Tensor:
        """sqrt of the variance of log p(x, z) - log b(z|x) under f_t, by shape alone, shape of `t`.

        Of normals about one mean, 1/2 sum_j (l_j - 1)^2 / (1 - t + t l_j)^2, averaged over examples.
        """
        t = t[..., None, None]
        return (0.5 * ((self.stiffness - 1) / (1 - t + t * self.stiffness)).square()).sum(-1).mean(-1).sqrt()


def metric(path: Path, posterior: Distribution) -> HmcMetric:
    """The path's metric at the posterior's mean, by differences of gradients one posterior deviation to either side.

    Differences so wide see the curvature that a network of ReLUs has on the scale on which chains move, and has not
    at any one point.
    """
    draws = finite_codes(posterior, DRAWS)
    base, joint = curvatures(path, draws.mean(0), draws.std(0).clamp(min=1e-6))
    inverse = torch.linalg.inv(torch.linalg.cholesky(base))
    stiffness, rotation = torch.linalg.eigh(inverse @ joint @ inverse.mT)
    return HmcMetric(inverse.mT @ rotation, stiffness)


def curvatures(path: Path, centre: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """Precisions of base and joint, shape (B, D, D) each, by differences over `spread` about `centre`, (B, D) each."""
    both: tuple[list[Tensor], list[Tensor]] = ([], [])
    for j in range(centre.shape[-1]):
        shift = torch.zeros_like(centre)
        shift[:, j] = spread[:, j]
        point = path.at(torch.stack([centre + shift, centre - shift]))
        for rows, gradient in zip(both, (point.base_gradient, point.joint_gradient), strict=True):
            rows.append((gradient[1] - gradient[0]) / (2 * spread[:, j, None]))
    base, joint = (_positive(torch.stack(rows, 1)) for rows in both)
    return base, joint


def _positive(curvature: Tensor) -> Tensor:
    """The nearest of its kind that is symmetric and positive: eigenvalues by size, none next to nothing."""
    values, vectors = torch.linalg.eigh(0.5 * (curvature + curvature.mT))
    sizes = values.abs()
    floor = (FLATTEST * sizes.amax(-1, keepdim=True)).clamp(min=FLATTEST)
    return (vectors * sizes.maximum(floor)[:, None, :]) @ vectors.mT
