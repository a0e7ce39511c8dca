"""The prior of a block given those before it: a normal, or categories, whose numbers a small network makes of them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from termwise.errors import Refused
from termwise.models.categories import Categories
from termwise.models.given_head import GivenHead
from termwise.values import Count


class ConditionalPrior(nn.Module):
    """p(z_b | z_given), which learns: diagonal normal, or categories at each of so many positions.

    Args:
        latent: The numbers of the block.
        given: The numbers of all blocks that it is given.
        positions: Of categories, how many; None for a normal.
        hidden: The width of the network.

    Raises:
        Refused: It is given nothing, as outside a block it is.

    Example:
        >>> prior = ConditionalPrior(2, given=10)
        >>> prior.law(torch.zeros(5, 10)).sample().shape
        torch.Size([5, 2])
    """

    name = "conditional"

    def __init__(
        self, latent: int, given: Count | None = None, positions: Count | None = None, hidden: Count = 64
    ) -> None:
        super().__init__()
        if given is None:
            raise Refused(
                "The prior 'conditional' is of a block that is given others: [[model.code]] with "
                'given = ["name of a block before"]. Without blocks take another, such as "mixture".'
            )
        self.latent, self.positions = latent, positions
        self.options: dict[str, Any] = {"given": given, "positions": positions, "hidden": hidden}
        self.head = GivenHead(given, hidden, latent if positions else 2 * latent)

    def forward(self) -> Distribution:
        """The law of the block where what it is given is 0, batch shape (), event shape (latent,)."""
        return self.law(torch.zeros(self.options["given"]).to(self.head.given.weight))

    def law(self, given: Tensor, features: Tensor | None = None) -> Distribution:
        """p(z_b | z_given), batch shape (...), of numbers of shape (..., given)."""
        numbers = self.head(given, features)
        if self.positions:
            return Categories(numbers.unflatten(-1, (self.positions, -1)))
        mean, log_variance = numbers.chunk(2, dim=-1)
        return Independent(Normal(mean, (0.5 * log_variance).exp(), validate_args=False), 1, validate_args=False)
