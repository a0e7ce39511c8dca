"""Priors of categories: all alike, or learned."""

from typing import Any

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.categories import Categories
from termwise.values import Count


class UniformCategories(nn.Module):
    """Every category as probable as any other, at each of P positions.

    Args:
        latent: P K, the numbers of the code.
        positions: P.

    Example:
        >>> UniformCategories(10)().entropy()  # log 10
        tensor(2.3026)
    """

    name = "uniform"
    logits: Tensor

    def __init__(self, latent: int, positions: Count = 1) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"positions": positions}
        self.register_buffer("logits", _zeros(latent, positions), persistent=False)

    def forward(self) -> Categories:
        """p(z), batch shape (), event shape (P K,)."""
        return Categories(self.logits)


class LearnedCategories(nn.Module):
    """Categories whose probabilities at each of P positions are learned, all alike at first.

    Args:
        latent: P K, the numbers of the code.
        positions: P.

    Example:
        >>> LearnedCategories(10)().entropy()  # log 10, before it has learned
        tensor(2.3026, grad_fn=<SumBackward1>)
    """

    name = "learned-categories"

    def __init__(self, latent: int, positions: Count = 1) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"positions": positions}
        self.logits = nn.Parameter(_zeros(latent, positions))

    def forward(self) -> Categories:
        """p(z), batch shape (), event shape (P K,)."""
        return Categories(self.logits)


def _zeros(latent: int, positions: int) -> Tensor:
    if latent % positions:
        raise Refused(f"{latent} numbers are not {positions} positions of as many categories each.")
    return torch.zeros(positions, latent // positions)
