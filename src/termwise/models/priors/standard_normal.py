"""The standard normal prior, p(z) = N(0, I)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class StandardNormal(nn.Module):
    """N(0, I) over codes of `latent` dimensions.

    Example:
        >>> StandardNormal(2)().log_prob(torch.zeros(2))  # -log 2 pi
        tensor(-1.8379)
    """

    name = "standard-normal"
    zero: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.options: dict[str, Any] = {}
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (D,)."""
        zero = self.zero
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)
