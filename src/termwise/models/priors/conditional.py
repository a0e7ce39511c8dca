"""A prior given others: what stands beside x, or of a block those before it; a small network makes its numbers."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from termwise.models.categories import Categories
from termwise.models.given_head import GivenHead
from termwise.models.side_numbers import SideNumbers
from termwise.values import Count, Natural


class ConditionalPrior(nn.Module):
    """p(z_b | z_given), or p(z|s), which learns: diagonal normal, or categories at each of so many positions.

    Given what stands beside x, it begins at N(0, I), whatever that is.

    Args:
        latent: The numbers of the block.
        given: The numbers of all blocks that it is given; of none it is one law, whose parameters learn.
        positions: Of categories, how many; None for a normal.
        hidden: The width of the network.

    Example:
        >>> prior = ConditionalPrior(2, given=10)
        >>> prior.law(torch.zeros(5, 10)).sample().shape
        torch.Size([5, 2])
    """

    name = "conditional"

    def __init__(self, latent: int, given: Natural = 0, positions: Count | None = None, hidden: Count = 64) -> None:
        super().__init__()
        self.latent, self.positions = latent, positions
        self.options: dict[str, Any] = {"given": given, "positions": positions, "hidden": hidden}
        self._size = latent if positions else 2 * latent
        self.head = GivenHead(given, hidden, self._size) if given else None
        self.numbers = None if given else nn.Parameter(torch.zeros(self._size))
        self.beside: SideNumbers | None = None

    def meet_side(self, numbers: SideNumbers) -> None:
        """Be given what stands beside x."""
        self.beside, self.numbers = numbers, None
        self.head = GivenHead(numbers.count, self.options["hidden"], self._size)
        nn.init.zeros_(self.head.numbers.weight)
        nn.init.zeros_(self.head.numbers.bias)

    def forward(self, side: Tensor | None = None) -> Distribution:
        """The law given values beside x, shape (B, V): batch shape (B,), event shape (latent,).

        Where left out, the law where what it is given is 0, batch shape ().
        """
        if side is not None and self.beside is not None:
            return self.law(self.beside(side))
        like = next(self.parameters())
        return self.law(like.new_zeros(0 if self.head is None else self.head.given.in_features))

    def law(self, given: Tensor, features: Tensor | None = None) -> Distribution:
        """p(z_b | z_given), batch shape (...), of numbers of shape (..., given)."""
        numbers = self.numbers if self.head is None else self.head(given, features)
        assert isinstance(numbers, Tensor)
        if self.positions:
            return Categories(numbers.unflatten(-1, (self.positions, -1)))
        mean, log_variance = numbers.chunk(2, dim=-1)
        return Independent(Normal(mean, (0.5 * log_variance).exp(), validate_args=False), 1, validate_args=False)
