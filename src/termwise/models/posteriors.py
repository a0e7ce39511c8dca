"""Posterior families: an encoder's features -> q(z|x), a torch Distribution over codes z, shape (D,).

A family is a law of its parameters alone, so the same encoder body serves any of them.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import UnknownName


class PosteriorFamily(Protocol):
    """Turns features of shape (B, features) into q(z|x)."""

    name: str
    latent: int

    @property
    def features(self) -> int:
        """How many numbers per example the encoder must give."""
        ...

    def __call__(self, features: Tensor) -> Distribution:
        """q(z|x), batch shape (B,), event shape (D,)."""
        ...


class DiagonalNormal:
    """N(mu, diag sigma^2); features are [mu, log sigma^2] (Kingma and Welling, 2014, eq. 9)."""

    name = "diagonal-normal"

    def __init__(self, latent: int) -> None:
        self.latent = latent

    @property
    def features(self) -> int:
        """2 D."""
        return 2 * self.latent

    def __call__(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D)."""
        mean, log_variance = features.chunk(2, dim=-1)
        scale = (0.5 * log_variance).exp()
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


class FullNormal:
    """N(mu, Sigma) with Sigma = L L', L lower triangular; features are [mu, log diag L, the rest of L, row by row]."""

    name = "full-normal"

    def __init__(self, latent: int) -> None:
        self.latent = latent

    @property
    def features(self) -> int:
        """2 D + D (D - 1) / 2."""
        return 2 * self.latent + self.latent * (self.latent - 1) // 2

    def __call__(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D + D (D - 1) / 2)."""
        d = self.latent
        mean, log_diagonal, below = features.split([d, d, features.shape[-1] - 2 * d], dim=-1)
        rows, columns = torch.tril_indices(d, d, offset=-1, device=features.device)
        scale_tril = torch.diag_embed(log_diagonal.exp())
        scale_tril[..., rows, columns] = below
        return MultivariateNormal(mean, scale_tril=scale_tril, validate_args=False)


POSTERIORS = {family.name: family for family in (DiagonalNormal, FullNormal)}


def posterior_family(name: str, latent: int) -> PosteriorFamily:
    """The family called `name`, for codes of `latent` dimensions."""
    if name not in POSTERIORS:
        raise UnknownName("posterior", name, POSTERIORS)
    return POSTERIORS[name](latent)
