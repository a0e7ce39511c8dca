"""What is known of a term between two bounds, by example; and sums of such."""

import math
from dataclasses import dataclass

from scipy.special import ndtri
from torch import Tensor

from termwise.account import glossary
from termwise.account.reading import Reading

OUTSIDE = 0.005
"""How often either bound of a reading may miss for want of examples."""


@dataclass(frozen=True)
class Bracket:
    """A value to report, and bounds in expectation; each of shape (N,), nats."""

    value: Tensor
    lower: Tensor
    upper: Tensor

    @classmethod
    def above(cls, above: Tensor, below: Tensor) -> "Bracket":
        """What lies between two bounds, reported as the one above."""
        return cls(above, below, above)

    def __add__(self, other: "Bracket") -> "Bracket":
        return Bracket(self.value + other.value, self.lower + other.lower, self.upper + other.upper)

    def __neg__(self) -> "Bracket":
        return Bracket(-self.value, -self.upper, -self.lower)

    def __sub__(self, other: "Bracket") -> "Bracket":
        return self + -other

    def reading(
        self, name: str, *, estimator: str, bias: str, least: float = -math.inf, most: float = math.inf
    ) -> Reading:
        """With bounds moved outwards by their sampling errors, and kept between what is sure: `least` and `most`."""
        lower = max(least, float(self.lower.mean()) - allowance(self.lower))
        upper = max(lower, min(most, float(self.upper.mean()) + allowance(self.upper)))
        return Reading(
            name=name,
            value=min(max(float(self.value.mean()), lower), upper),
            stderr=float(self.value.std()) / math.sqrt(len(self.value)),
            interval=[lower, upper],
            lower=lower,
            upper=upper,
            unit=glossary.reading(name).unit,
            estimator=estimator,
            bias=bias,
            n=len(self.value),
        )


def allowance(values: Tensor) -> float:
    """What the mean of values, shape (N,), may be off by to one side, but for `OUTSIDE` of the time."""
    return -float(ndtri(OUTSIDE)) * float(values.std()) / math.sqrt(len(values))
