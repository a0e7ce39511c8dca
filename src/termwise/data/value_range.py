"""The range of the numbers in x: of a tensor, or of a data set."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The range of the numbers in the x of a data set.

    Attributes:
        minimum: The least number of any example.
        maximum: The largest number of any example.
        integer: Whether all numbers are whole.

    Example:
        >>> ValueRange.of(torch.tensor([[0.0, 1.0], [3.0, 1.0]]))
        ValueRange(minimum=0.0, maximum=3.0, integer=True)
    """

    minimum: float
    maximum: float
    integer: bool

    @classmethod
    def of(cls, x: Tensor) -> "ValueRange":
        """The range of the numbers in one tensor."""
        if x.isnan().any():  # cells that are missing
            x = x[~x.isnan()] if not x.isnan().all() else torch.zeros(1)
        return cls(float(x.min()), float(x.max()), bool((x == x.round()).all()))

    @property
    def binary(self) -> bool:
        """Whether all numbers are 0 or 1."""
        return self.integer and self.minimum >= 0 and self.maximum <= 1
