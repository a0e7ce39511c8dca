"""The normal with the moments of q(z|x), for every example of a data set: a reference that stands still.

    r(z|x) = N(z; mu(x), L(x) L(x)'),    z_bar = L(x)^-1 (z - mu(x))

Its moments are taken once, from codes of their own, so that r is a fixed density under all that follows. Those of n
codes leave KL(q || r) larger by about D (D + 3) / 4n with a full covariance, and D / n with a diagonal one: the form
is taken under which other codes have the higher density.
"""

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from termwise.measuring.log_likelihood.densities import fitted_normal
from termwise.models.codes import log_density_at
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.models.tensor_dataclasses import map_fields


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
            codes.append(draw.codes.in_double())
        self._mean, covariance = torch.cat(means), torch.cat(covariances)
        diagonal, full = covariance.diagonal(dim1=1, dim2=2).sqrt().diag_embed(), torch.linalg.cholesky(covariance)
        if self.full is None:
            laws = [MultivariateNormal(self._mean, scale_tril=factor) for factor in (diagonal, full)]
            nearness = [float(log_density_at(law, map_fields(torch.cat, codes)).mean()) for law in laws]
            self.full = nearness[1] > nearness[0]
        self._factor = full if self.full else diagonal

    def sample(self, draw: Draw) -> Tensor:
        """One code per example, shape (B, D)."""
        mean, factor = self._of(draw)
        noise = torch.randn_like(mean)
        return (mean + (factor @ noise.unsqueeze(-1)).squeeze(-1)).to(draw.z.dtype)

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """log r(z|x), shape (B,), float64, nats."""
        mean, factor = self._of(draw)
        return log_density_at(MultivariateNormal(mean, scale_tril=factor), draw.codes_at(z))

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
