"""The normal posterior with a covariance of its own for every x: q(z|x) = N(mu(x), L(x) L(x)')."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal


class FullNormal(nn.Module):
    """N(mu, Sigma) with Sigma = L L', L lower triangular; features are [mu, log diag L, the rest of L, row by row].

    Example:
        >>> FullNormal(2)(torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.5]])).covariance_matrix
        tensor([[[1.0000, 0.5000],
                 [0.5000, 1.2500]]])
    """

    name = "full-normal"

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.options: dict[str, Any] = {}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: 2 D + D (D - 1) / 2."""
        return 2 * self.latent + self.latent * (self.latent - 1) // 2

    def forward(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D + D (D - 1) / 2)."""
        d = self.latent
        mean, log_diagonal, below = features.split([d, d, features.shape[-1] - 2 * d], dim=-1)
        rows, columns = torch.tril_indices(d, d, offset=-1, device=features.device)
        scale_tril = torch.diag_embed(log_diagonal.exp())
        scale_tril[..., rows, columns] = below
        return MultivariateNormal(mean, scale_tril=scale_tril, validate_args=False)
