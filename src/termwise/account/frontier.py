"""Rate and distortion of several models, averaged over seeds, and the curve of one decoder: what a frontier is of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from termwise.account.account import Account
from termwise.account.rounding import MISSING, with_error
from termwise.notebook import html_sentences, html_table

AXES = ("rate", "distortion", "elbo", "total_correlation")
"""What is listed of every point."""


@dataclass(frozen=True)
class FrontierPoint:
    """One setting, or one model.

    Attributes:
        name: What it is called, such as "beta=4".
        settings: By key, the values in which it differs from the others.
        seeds: How many runs it is the mean of.
        account: Their account; the mean, where there are several, with the error between seeds.
    """

    name: str
    settings: Mapping[str, Any]
    seeds: int
    account: Account

    def cells(self, names: Sequence[str] = AXES) -> list[str]:
        """Readings with their errors, as text."""
        there = (self.account.overall.get(name) for name in names)
        return [MISSING if one is None else with_error(one.value, one.stderr) for one in there]


@dataclass(frozen=True, repr=False)
class Frontier:
    """Points of rate and distortion, by rate; and of one model the best curve of its decoder.

    Attributes:
        points: A setting each, or the encoder's own.
        curve: The account that `termwise.measuring.rate_distortion` gave; None of several runs.
        left_out: Runs that are no point, each with its reason.

    Example:
        >>> from termwise.account import Account
        >>> from termwise.account.reading import reading_without_error
        >>> how = {"estimator": "by hand", "bias": "none", "n": 10}
        >>> values = {"rate": 2.0, "distortion": 30.0}
        >>> one = Account({name: reading_without_error(name, value, **how) for name, value in values.items()})
        >>> Frontier((FrontierPoint("beta=4", {"beta": 4}, 1, one),))
        Frontier of 1 point
        beta=4  rate 2  distortion 30
    """

    points: tuple[FrontierPoint, ...]
    curve: Account | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def accounts(self) -> dict[str, Account]:
        """The account of each point, by name."""
        return {point.name: point.account for point in self.points}

    def __repr__(self) -> str:
        of = f"{len(self.points)} point{'' if len(self.points) == 1 else 's'}"
        lines = []
        for point in self.points:
            shown = zip(AXES, point.cells(), strict=True)
            lines.append("  ".join([point.name, *(f"{name} {cell}" for name, cell in shown if cell != MISSING)]))
        return "\n".join([f"Frontier of {of}{', and a curve' if self.curve else ''}", *lines, *self.sentences])

    def _repr_html_(self) -> str:
        rows = [[point.name, str(point.seeds), *point.cells()] for point in self.points]
        return html_table(["", "seeds", *AXES], rows) + html_sentences(self.sentences)

    @property
    def sentences(self) -> list[str]:
        """What is to be said of it: of the curve, and of what is no point."""
        of_curve = [] if self.curve is None else list(self.curve.diagnosis)
        return [*of_curve, *(f"{name} is left out: {why}." for name, why in self.left_out.items())]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "points": [
                {
                    "name": point.name,
                    "settings": dict(point.settings),
                    "seeds": point.seeds,
                    "account": point.account.to_json(),
                }
                for point in self.points
            ],
            "curve": None if self.curve is None else self.curve.to_json(),
            "left_out": dict(self.left_out),
        }
