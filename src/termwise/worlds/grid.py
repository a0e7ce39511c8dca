"""The trapezoid rule on [-reach, reach]^D, in float64.

    int f(z) dz  ~  sum_g w_g f(z_g),     nodes h apart in each dimension, w_g = h^D (halved at each border)

For a function that is smooth and has died out at the border the rule converges faster than any power of h: a normal
of standard deviation s is integrated to 2 exp(-2 pi^2 s^2 / h^2), which is 5e-9 at h = s (Trefethen and Weideman, 2014,
theorem 5.1). Halving h squares the error of a function that is analytic in a strip, and does better for a normal.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from termwise.errors import Refused

MOST_NODES = 2**22
"""How many nodes a grid can have."""


@dataclass(frozen=True)
class Grid:
    """The nodes and weights of a trapezoid rule on a box around 0.

    Example:
        >>> grid = Grid(dimension=1)
        >>> log_density = torch.distributions.Normal(0.0, 1.0).log_prob(grid.axis)
        >>> second_moment = grid.mean(grid.axis.square(), log_density)
        >>> round(float(second_moment), 6)
        1.0

    Attributes:
        reach: Half the width of the box. At 7 the standard normal has 3e-12 of its mass outside, by dimension.
        step: h, the distance of two nodes; made a little smaller where it does not divide `reach`.
        dimension: D.
    """

    reach: float = 7.0
    step: float = 0.1
    dimension: int = 2

    def __post_init__(self) -> None:
        if not (0 < self.step <= self.reach < math.inf and self.dimension >= 1):
            raise Refused(
                f"A grid needs 0 < step <= reach and a dimension of 1 or more; got step {self.step:g}, reach "
                f"{self.reach:g}, dimension {self.dimension}."
            )
        count = (2 * math.ceil(self.reach / self.step) + 1) ** self.dimension
        if count > MOST_NODES:
            raise Refused(
                f"This grid has {count:,} nodes; {MOST_NODES:,} is the most. Take a larger step or fewer dimensions."
            )

    @cached_property
    def axis(self) -> Tensor:
        """The nodes of one dimension, shape (n,), n odd."""
        half = math.ceil(self.reach / self.step)
        return torch.arange(-half, half + 1, dtype=torch.float64) * (self.reach / half)

    @cached_property
    def axis_weights(self) -> Tensor:
        """The weights of the nodes of one dimension, shape (n,)."""
        weights = torch.full_like(self.axis, float(self.axis[1] - self.axis[0]))
        weights[[0, -1]] *= 0.5
        return weights

    @cached_property
    def nodes(self) -> Tensor:
        """The nodes z_g of the box, shape (G, D), the last dimension changing fastest."""
        return torch.cartesian_prod(*[self.axis] * self.dimension).reshape(-1, self.dimension)

    @cached_property
    def weights(self) -> Tensor:
        """The weights w_g of the nodes, shape (G,)."""
        return torch.cartesian_prod(*[self.axis_weights] * self.dimension).reshape(-1, self.dimension).prod(1)

    @cached_property
    def border(self) -> Tensor:
        """Which nodes lie on the border, shape (G,)."""
        return (self.nodes.abs() == self.axis[-1]).any(1)

    def integral(self, values: Tensor) -> Tensor:
        """The integral of values at the nodes, which are their last dimension: (..., G) -> (...)."""
        return values @ self.weights

    def log_integral(self, log_values: Tensor) -> Tensor:
        """The log of an integral, from log-values at the nodes: (..., G) -> (...)."""
        return torch.logsumexp(log_values + self.weights.log(), dim=-1)

    def mean(self, values: Tensor, log_density: Tensor) -> Tensor:
        """E[values] under a density whose log is finite: (..., G) -> (...)."""
        return self.integral(log_density.exp() * values)

    def marginal(self, log_density: Tensor, dimension: int) -> Tensor:
        """The log-density of one dimension, from (G,) to (n,)."""
        cube = (log_density + self.weights.log()).reshape([len(self.axis)] * self.dimension)
        others = [j for j in range(self.dimension) if j != dimension]
        mass = torch.logsumexp(cube, dim=others) if others else cube
        return mass - self.axis_weights.log()

    def product(self, by_dimension: list[Tensor]) -> Tensor:
        """The product's log-density at the nodes, from one (n,) for each dimension: shape (G,)."""
        total = by_dimension[0]
        for one in by_dimension[1:]:
            total = (total.unsqueeze(-1) + one).reshape(-1)
        return total

    def twice_as_coarse(self, log_values: Tensor) -> Tensor:
        """The same log of an integral by every other node of each dimension: (..., G) -> (...)."""
        n, d = len(self.axis), self.dimension
        kept = torch.zeros(n, dtype=torch.bool)
        kept[::2] = True
        chosen = torch.cartesian_prod(*[kept] * d).reshape(-1, d).all(1)
        return torch.logsumexp(log_values[..., chosen] + self.weights[chosen].log(), dim=-1) + d * math.log(2)
