"""The diagonal normal posterior: q(z|x) = N(mu(x), diag sigma^2(x)), the one of most VAEs."""

from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class DiagonalNormal(nn.Module):
    """N(mu, diag sigma^2); features are [mu, log sigma^2] (Kingma and Welling, 2014, eq. 9).

    Example:
        >>> import torch
        >>> DiagonalNormal(2)(torch.tensor([[1.0, -1.0, 0.0, 0.0]])).mean
        tensor([[ 1., -1.]])
    """

    name = "diagonal-normal"

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.options: dict[str, Any] = {}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: 2 D."""
        return 2 * self.latent

    def forward(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D)."""
        mean, log_variance = features.chunk(2, dim=-1)
        scale = (0.5 * log_variance).exp()
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)
