"""The normal with the moments of q(z|x), for every example of a data set: a reference that stands still.

    r(z|x) = N(z; mu(x), L(x) L(x)'),    z_bar = L(x)^-1 (z - mu(x))

Its moments are taken once, from codes of their own, so that r is a fixed density under all that follows. Those of n
codes leave KL(q || r) larger by about D (D + 3) / 4n with a full covariance, and D / n with a diagonal one: the form
is taken under which other codes have the higher density.
"""

import torch
from torch import Tensor

from termwise.measuring.log_likelihood.densities import fitted_normal
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.terms.aggregate.gaussians import LOG_2PI


class FixedReference:
    """r(z|x) of the draws of one data set at a time, found by their index; a law that a walk can stop at."""

    name = "reference"
    given_x = True

    def __init__(self) -> None:
        self.full: bool | None = None  # until a first data set decides

    def take(self, batches: DataPass) -> None:
        """Take the moments of this data set's posteriors; its draws alone are asked for from now on."""
        means, covariances, codes = [], [], []
        for draw in batches():
            law = fitted_normal(draw.posterior)
            means.append(law.mean)
            covariances.append(law.covariance_matrix)
            codes.append(draw.z.double())
        self._mean, covariance = torch.cat(means), torch.cat(covariances)
        diagonal, full = covariance.diagonal(dim1=1, dim2=2).sqrt().diag_embed(), torch.linalg.cholesky(covariance)
        if self.full is None:
            z = torch.cat(codes)
            nearness = [float(_log_normal(z, self._mean, factor).mean()) for factor in (diagonal, full)]
            self.full = nearness[1] > nearness[0]
        self._factor = full if self.full else diagonal

    def sample(self, draw: Draw) -> Tensor:
        """One code per example, shape (B, D)."""
        mean, factor = self._of(draw)
        noise = torch.randn_like(mean)
        return (mean + (factor @ noise.unsqueeze(-1)).squeeze(-1)).to(draw.z.dtype)

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """log r(z|x), shape (B,), float64, nats."""
        return _log_normal(z.double(), *self._of(draw))

    def factorises(self, draw: Draw) -> bool:
        """Whether its covariance is diagonal; no link asks."""
        return not self.full

    def standardised(self, z: Tensor, draw: Draw) -> Tensor:
        """z_bar, shape (B, D), in the type of the examples."""
        return _standardised(z.double(), *self._of(draw)).to(draw.x.dtype)

    def _of(self, draw: Draw) -> tuple[Tensor, Tensor]:
        return self._mean[draw.index], self._factor[draw.index]


def _standardised(z: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(factor, (z - mean).unsqueeze(-1), upper=False).squeeze(-1)


def _log_normal(z: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    energy = _standardised(z, mean, factor).square().sum(1)
    log_det = factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return -0.5 * energy - log_det - 0.5 * LOG_2PI * z.shape[1]
