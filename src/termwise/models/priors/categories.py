"""The prior of categories whose probabilities are learned."""

from typing import Any

from torch import nn

from termwise.models.categories import Categories
from termwise.models.priors.uniform import by_position
from termwise.values import Count


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
        self.logits = nn.Parameter(by_position(latent, positions))

    def forward(self) -> Categories:
        """p(z), batch shape (), event shape (P K,)."""
        return Categories(self.logits)
