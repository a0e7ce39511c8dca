"""The diagonal Laplace posterior: q(z|x) = prod_j Laplace(z_j; mu_j(x), b_j(x))."""

from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Laplace


class DiagonalLaplace(nn.Module):
    """Laplace(mu_j, b_j) in every dimension; features are [mu, log b].

    Example:
        >>> import torch
        >>> DiagonalLaplace(2)(torch.tensor([[1.0, -1.0, 0.0, 0.0]])).variance  # 2 b^2
        tensor([[2., 2.]])
    """

    name = "laplace"

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
        location, log_scale = features.chunk(2, dim=-1)
        return Independent(Laplace(location, log_scale.exp(), validate_args=False), 1, validate_args=False)
