"""A check: the two sides of one statement, how far they are apart, and how far they may be."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

QUADRATURE = 1e-6
"""What the grids of `termwise.worlds` promise of any integral, in nats."""

CLOSED_FORM = 1e-9
"""Rounding error of closed forms in float64, with room for matrices that are not well conditioned."""

CLEARLY = 100.0
"""A form that fails must miss by this many times what is allowed."""

CLEARLY_SAMPLED = 3.0
"""How many times that is where samples or a training decide, and not quadrature alone."""

SCATTER_POINTS = 1000
"""Points of a picture at most."""


@dataclass(frozen=True)
class Scatter:
    """The values behind a check, to be drawn: one point each.

    Attributes:
        x: What should be.
        y: What is.
        x_label: What x is, and its unit.
        y_label: What y is, and its unit.

    Example:
        >>> Scatter([0.0, 1.0], [0.1, 0.9], "log ratio, nats", "the critic's T, nats").y_label
        "the critic's T, nats"
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str
    y_label: str


@dataclass(frozen=True)
class Check:
    """The result of one experiment: two sides of a statement, how far they are apart, and how far they may be.

    Example:
        >>> one = check("sum-of-cubes", "(0)", "1 + 8 + 27 = (1 + 2 + 3)^2", left=36.0, right=36.0, printed=30.0)
        >>> one.passed, one.residual, one.as_printed
        (True, 0.0, 6.0)

    Attributes:
        name: Of the check.
        equation: Which equation or correction of the notes it is about.
        statement: What is held against what.
        left: One side; the mean where there are many values.
        right: The other.
        residual: The largest distance of the two sides, over all values.
        allowed: How large it may be.
        note: Where `allowed` comes from, and what else there is to know.
        as_printed: The residual of the form that the notes print, where it was corrected: it must fail clearly.
        sampled: Whether samples or a training decide, so that another machine may round to other digits.
        own_terms: Whether the library's own terms are run, and not the equations alone.
        scatter: The values behind it, where they make a picture.
    """

    name: str
    equation: str
    statement: str
    left: float
    right: float
    residual: float
    allowed: float
    note: str
    as_printed: float | None = None
    sampled: bool = False
    own_terms: bool = False
    scatter: Scatter | None = None

    @property
    def passed(self) -> bool:
        """Whether the sides agree, and the printed form, where there is one, does not."""
        clearly = CLEARLY_SAMPLED if self.sampled else CLEARLY
        refuted = self.as_printed is None or self.as_printed > clearly * self.allowed
        return self.residual <= self.allowed and refuted

    def to_json(self) -> dict[str, Any]:
        """All but the picture, and whether it passed; what is not finite becomes null."""
        entries = {**asdict(replace(self, scatter=None)), "passed": self.passed}
        del entries["scatter"]
        return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in entries.items()}


def largest_distance(left: Tensor | float, right: Tensor | float) -> float:
    """The largest distance of two sides."""
    return float((_tensor(left) - _tensor(right)).abs().max())


def check(
    name: str,
    equation: str,
    statement: str,
    left: Tensor | float,
    right: Tensor | float,
    *,
    printed: Tensor | float | None = None,
    allowed: float = QUADRATURE,
    note: str = "allowed: quadrature",
    sampled: bool = False,
    own_terms: bool = False,
    scatter: Scatter | None = None,
) -> Check:
    """Hold two sides against each other, value by value.

    Args:
        name: Of the check.
        equation: What it is about.
        statement: In words and symbols.
        left: One side.
        right: The other, as corrected.
        printed: The other, as the notes print it, where that differs.
        allowed: The largest residual.
        note: Where `allowed` comes from.
        sampled: Whether samples or a training decide.
        own_terms: Whether the library's own terms are run.
        scatter: The values behind it, to be drawn.
    """
    return Check(
        name=name,
        equation=equation,
        statement=statement,
        left=float(_tensor(left).mean()),
        right=float(_tensor(right).mean()),
        residual=largest_distance(left, right),
        allowed=allowed,
        note=note,
        as_printed=None if printed is None else largest_distance(left, printed),
        sampled=sampled,
        own_terms=own_terms,
        scatter=scatter,
    )


def _tensor(value: Tensor | float) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64).detach()
