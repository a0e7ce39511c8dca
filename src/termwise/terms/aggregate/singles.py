"""What is kept of log-components phi(z) . a_n + c_n for a product in float32, and how far that may be off.

A rounded sum over K features is off by (K + 3) u times the sum of the magnitudes of its terms at the most, u being half
of EPSILON: a bound that no sum comes near, as roundings are up and down. `usual` of the magnitudes is over three times
the root mean square of what it is off by, and so more than a weighted mean over components is.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BITS = 1.4426950408889634
"""The bits in a nat."""
GROUP = 128
"""Of so many components at a time the largest is found first: few groups have one that counts."""
EPSILON = torch.finfo(torch.float32).eps
"""The rounding of float32."""


@dataclass
class Singles:
    """Slopes and intercepts in float32 and in bits, as the first product takes them; a multiple of GROUP of them.

    Attributes:
        slope: Shape (M, K), M >= N; zeros beyond N.
        intercept: Shape (M,); minus infinity beyond N, so that no code is of those.
        count: N.
        steepest: Of every feature the largest |a_n|, and of all |c_n| the largest, shape (K + 1,), float64; None when
            they must be looked up again.
    """

    slope: Tensor
    intercept: Tensor
    count: int
    steepest: Tensor | None = None

    @classmethod
    def of(cls, slope: Tensor, intercept: Tensor) -> "Singles":
        """Those of a_n, float64, shape (N, K), and c_n, (N,)."""
        count, features = slope.shape
        size = -(-count // GROUP) * GROUP
        singles = cls(
            slope.new_zeros(size, features, dtype=torch.float32),
            intercept.new_full((size,), -math.inf, dtype=torch.float32),
            count,
        )
        singles.write(slice(count), slope, intercept)
        return singles

    def write(self, rows: Tensor | slice, slope: Tensor, intercept: Tensor) -> None:
        """Put others, in float64, at these rows."""
        slope, intercept = (slope * BITS).float(), (intercept * BITS).float()
        self.slope[rows], self.intercept[rows], self.steepest = slope, intercept, None

    @property
    def most(self) -> float:
        """What a log-component may be off by at the most, of the magnitudes of its terms."""
        return (self.slope.shape[1] + 3) * EPSILON / 2

    @property
    def usual(self) -> float:
        """What a mean of log-components may be off by, of the magnitudes of their terms."""
        return (1 + math.sqrt(self.slope.shape[1]) / 4) * EPSILON

    def largest(self, features: Tensor) -> Tensor:
        """The largest magnitudes |phi(z)| . |a_n| + |c_n| of codes, by their features, shape (B, K): (B,), in bits."""
        if self.steepest is None:
            wide = self.slope.view(len(self.slope) // GROUP, -1)  # many columns at a time are quicker than few
            steepest = torch.maximum(wide.amax(0), -wide.amin(0)).view(GROUP, -1).amax(0)
            self.steepest = torch.cat([steepest, self.intercept[: self.count].abs().amax().unsqueeze(0)]).double()
        return features.abs() @ self.steepest[:-1] + self.steepest[-1]
