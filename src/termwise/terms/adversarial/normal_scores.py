"""Normal scores: Phi^-1 of a number's rank, which tells the same of anything as the number, on no scale but its own."""

import torch
from torch import Tensor

from termwise.data.side import Side
from termwise.models.side_numbers import SideNumbers

TAIL = 1e-6
"""A rank nearer to 0 or 1 is taken for one so far from it."""


def normal_scores(values: Tensor, ordered: Tensor, between: Tensor | float = 0.5) -> Tensor:
    """The normal scores of numbers among others, shape (B,), float64.

    Args:
        values: The numbers, shape (B,).
        ordered: The others, which the numbers may be among, from the least to the largest.
        between: Where a number stands among those that equal it, 0 to 1, shape (B,): uniform numbers make the scores of
            `ordered` normal, whatever its law.

    Example:
        >>> normal_scores(torch.tensor([7.0, 1e9]), torch.tensor([5.0, 7.0, 1e9])).tolist()
        [0.0, 0.9674...]
    """
    below, upto = (torch.searchsorted(ordered, values.contiguous(), right=right).double() for right in (False, True))
    rank = (below + (upto - below).clamp(min=1) * between) / len(ordered)
    return torch.special.ndtri(rank.clamp(TAIL, 1 - TAIL))


class SideScores(SideNumbers):
    """Values beside x, shape (B, V), as a critic takes them: numbers as normal scores among those of what trains.

    Args:
        side: What stands beside x of all that trains.

    Example:
        >>> SideScores(Side.of({"age": [5.0, 7.0, 1e9]}))(torch.tensor([[7.0]])).tolist()
        [[0.0]]
    """

    def __init__(self, side: Side) -> None:
        super().__init__(side.variables)
        self._ordered = {
            place: side.values[:, place].sort().values for place, one in enumerate(side.variables) if one.is_number
        }

    def forward(self, values: Tensor) -> Tensor:
        """Shape (B, S), in the type of the network's numbers."""
        scores = values.clone()
        for place, ordered in self._ordered.items():
            scores[:, place] = normal_scores(values[:, place].detach().cpu().to(ordered), ordered).to(scores)
        return super().forward(scores)
