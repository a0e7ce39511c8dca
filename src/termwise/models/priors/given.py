"""A prior that is a distribution of the user's own, which cannot be made again from a saved model."""

from typing import Any

from torch import nn
from torch.distributions import Distribution


class GivenPrior(nn.Module):
    """p(z) as a distribution of the user's, event shape (D,).

    Example:
        >>> import torch
        >>> wide = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(2), 3.0), 1)
        >>> GivenPrior(wide)().stddev
        tensor([3., 3.])
    """

    name = "given"

    def __init__(self, law: Distribution) -> None:
        super().__init__()
        self.law = law
        self.options: dict[str, Any] = {}

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (D,)."""
        return self.law
