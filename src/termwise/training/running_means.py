"""The means of a player's terms over an epoch, as they run."""

import torch
from torch import Tensor

from termwise.objectives.objective import Breakdown


class RunningMeans:
    """The means of a player's terms, and of its loss, over its moves so far.

    Attributes:
        count: How many moves there were.
        totals: The sums over them, shape (terms + 1,): the terms' values, then the loss; None before the first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.totals: Tensor | None = None

    def add(self, move: Breakdown) -> None:
        """Take one more move into account."""
        new = torch.cat([move.values, move.total.detach().unsqueeze(0)]).double()
        self.totals = new if self.totals is None else self.totals + new
        self.count += 1

    def means(self) -> list[float]:
        """The means of the terms in the objective's order, and last of the loss."""
        assert self.totals is not None
        return (self.totals / self.count).tolist()
