"""The prior of categories whose probabilities are learned."""

from typing import Any

from torch import nn

from termwise.models.categories import Categories
from termwise.models.priors.uniform import as_posterior, by_position
from termwise.values import Count


class LearnedCategories(nn.Module):
    """Categories whose probabilities at each of P positions are learned, all alike at first.

    Args:
        latent: P K, the numbers of the code.
        positions: P; as many as the posterior has, where left out.

    Example:
        >>> LearnedCategories(10)().entropy()  # log 10, before it has learned
        tensor(2.3026, grad_fn=<SumBackward1>)
    """

    name = "learned-categories"

    def __init__(self, latent: int, positions: Count | None = None) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"positions": positions}
        self.logits = nn.Parameter(by_position(latent, positions or 1))

    def meet_posterior(self, family: object) -> None:
        """Be over the codes of this posterior family."""
        if self.options["positions"] is None:
            self.logits = nn.Parameter(as_posterior(self.logits.detach(), family))

    def forward(self) -> Categories:
        """p(z), batch shape (), event shape (P K,)."""
        return Categories(self.logits)
