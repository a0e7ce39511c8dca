"""The means of a player's terms over an epoch, as they run."""

import torch
from torch import Tensor

from termwise.float64 import has_float64
from termwise.objectives.objective import Breakdown


class RunningMeans:
    """The means of a player's terms, and of its loss, over its moves so far.

    Attributes:
        count: How many moves there were.
        totals: The sums over them, shape (terms + 1,): the terms' values, then the loss; None before the first. On a
            device without float64, shape (2, terms + 1): they, and what was lost to rounding.
    """

    def __init__(self) -> None:
        self.count = 0
        self.totals: Tensor | None = None

    def add(self, move: Breakdown) -> None:
        """Take one more move into account."""
        new = torch.cat([move.values, move.total.detach().unsqueeze(0)])
        if not has_float64(new.device):
            before, lost = torch.zeros(2, *new.shape, device=new.device) if self.totals is None else self.totals
            after = before + new
            of_new = after - before
            lost = lost + ((before - (after - of_new)) + (new - of_new))  # exact (Knuth, 1969, 4.2.2, theorem B)
            self.totals = torch.stack([after, lost])
        else:
            self.totals = new.double() if self.totals is None else self.totals + new.double()
        self.count += 1

    def means(self) -> list[float]:
        """The means of the terms in the objective's order, and last of the loss."""
        assert self.totals is not None
        if self.totals.dim() == 2:
            return (self.totals.cpu().double().sum(0) / self.count).tolist()
        return (self.totals / self.count).tolist()
