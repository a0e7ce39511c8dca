"""Accounts side by side, term by term, with the difference in standard errors.

Where two accounts are of the same examples their values are paired, so that what is easy or hard in an example falls
out of the difference: se(d) = sd(a_i - b_i) / sqrt(N). Else se(d)^2 = se(a)^2 + se(b)^2.

A bound is no estimate. Where either value is one, the difference is only known to lie between

    the second's lower end less the first's upper one,     the second's upper end less the first's lower one,

of which an estimate's ends are those of its interval; it has no standard error then. Nor have log likelihoods of
other kinds a difference: a density, in nats that depend on the unit of the data, and a probability.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.arithmetic import between, ends_of, of_other_units, paired
from termwise.account.reading import Ends
from termwise.account.rounding import MISSING, interval_in_words, with_error
from termwise.errors import Refused
from termwise.notebook import html_sentences, html_table


@dataclass(frozen=True)
class Comparison:
    """One reading in several accounts.

    Attributes:
        name: The reading.
        unit: Its unit.
        values: One by account; None where an account lacks it.
        stderrs: Likewise.
        bounds: Likewise: from and to where the truth lies, of a value that is a bound; None of an estimate.
        difference: The second less the first; None unless two accounts are compared, and both values are estimates.
        difference_stderr: Its standard error.
        z: The difference in standard errors.
        paired: Whether the standard error is over pairs.
        between: From and to where the difference lies, where either value is a bound; an end is None where it is open.
        why: Why the values are of other things and have no order, of any accounts; or why there is no difference of
            two, or why it is not over pairs; empty where there is nothing to be said.
        withheld: One by account: why it withholds the reading; "" where it does not.

    Example:
        >>> import torch
        >>> from termwise.account import Account
        >>> from termwise.account.reading import reading_of
        >>> def rates(*nats):
        ...     values = torch.tensor(nats)
        ...     reading = reading_of(values, "rate", estimator="by hand", bias="unbiased")
        ...     return Account({"rate": reading}, per_example={"rate": values}, data={"fingerprint": "the same"})
        >>> (row,) = compare([rates(1.0, 5.0, 9.0), rates(2.0, 6.0, 10.5)])
        >>> row.paired, round(row.difference, 2), round(row.difference_stderr, 2)  # far less than that of either
        (True, 1.17, 0.17)
    """

    name: str
    unit: str
    values: tuple[float | None, ...]
    stderrs: tuple[float | None, ...]
    bounds: tuple[Ends | None, ...] = ()
    difference: float | None = None
    difference_stderr: float | None = None
    z: float | None = None
    paired: bool = False
    between: Ends | None = None
    why: str = ""
    withheld: tuple[str, ...] = ()


class Comparisons(list[Comparison]):
    """The readings of several accounts, one by one, as a table where they are shown.

    Args:
        rows: One for each reading.
        names: What the accounts are called.

    Example:
        >>> Comparisons([Comparison("rate", "nats", (2.0, 3.5), (0.1, 0.1), (None, None), difference=1.5)], ["a", "b"])
        Comparisons: a, b
        rate  2.00 ± 0.10  3.50 ± 0.10  +1.5
    """

    def __init__(self, rows: Iterable[Comparison], names: Sequence[str]) -> None:
        super().__init__(rows)
        self.names = tuple(names)

    def __repr__(self) -> str:
        rows = [[row.name, *_cells(row)] for row in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
        return "\n".join([f"Comparisons: {', '.join(self.names)}", *lines, *self._said()])

    def _said(self) -> list[str]:
        """What is to be said of rows: why values are of other things, or not there, each once."""
        return list(
            dict.fromkeys(f"{why[0].upper()}{why[1:]}." for row in self for why in (row.why, *row.withheld) if why)
        )

    def _repr_html_(self) -> str:
        heads = ["", *self.names, *(["difference"] if len(self.names) == 2 else [])]
        return html_table(heads, [[row.name, *_cells(row)] for row in self]) + html_sentences(self._said())


def _cells(row: Comparison) -> list[str]:
    """A reading's values as text; and the difference, with how many standard errors it is, where there are two."""
    bounds = row.bounds or [None] * len(row.values)
    cells = [
        with_error(value, stderr) if ends is None else interval_in_words(ends, stderr)
        for value, stderr, ends in zip(row.values, row.stderrs, bounds, strict=True)
    ]
    if len(cells) != 2:
        return cells
    if row.between is not None:
        return [*cells, interval_in_words(row.between, max((s for s in row.stderrs if s), default=None))]
    text = with_error(row.difference, row.difference_stderr)
    signed = text if text.startswith(("-", MISSING)) else f"+{text}"
    return [*cells, signed if row.z is None else f"{signed} ({row.z:+.1f} s.e.)"]


def told_apart(names: Sequence[str]) -> list[str]:
    """Names, of which those that are the same are numbered.

    Example:
        >>> told_apart(["vae", "beta-vae", "vae"])
        ['vae (1)', 'beta-vae', 'vae (2)']
    """
    return [f"{name} ({names[: k + 1].count(name)})" if names.count(name) > 1 else name for k, name in enumerate(names)]


def compare(accounts: Sequence[Account], names: Sequence[str] | None = None) -> Comparisons:
    """Every reading of one number that any account has, or withholds; differences where there are two.

    Args:
        accounts: Two or more.
        names: What they are called; account 1, account 2, ... where left out.

    Example:
        >>> compare([Account({})])
        Traceback (most recent call last):
        termwise.errors.Refused: A comparison needs two accounts or more; got 1.
    """
    if len(accounts) < 2:
        raise Refused(f"A comparison needs two accounts or more; got {len(accounts)}.")
    readings = glossary.in_order(name for account in accounts for name in (*account.overall, *account.withheld))
    by_dimension = {name for account in accounts for name in account.by_dimension}
    rows = [_compared(name, accounts) for name in readings if name not in by_dimension]
    return Comparisons(rows, names or [f"account {k}" for k in range(1, len(accounts) + 1)])


def _compared(name: str, accounts: Sequence[Account]) -> Comparison:
    readings = [account.overall.get(name) for account in accounts]
    values = tuple(None if reading is None else reading.value for reading in readings)
    stderrs = tuple(None if reading is None else reading.stderr for reading in readings)
    bounds = tuple(None if reading is None else reading.bounds for reading in readings)
    withheld = tuple(account.withheld.get(name, "") for account in accounts)
    unit = next((reading.unit for reading in readings if reading is not None), glossary.reading(name).unit)

    def row(**found: object) -> Comparison:
        return Comparison(name, unit, values, stderrs, bounds, withheld=withheld, **found)  # type: ignore[arg-type]

    there = [reading for reading in readings if reading is not None]
    if apart := next(filter(None, (of_other_units(there[0], other) for other in there[1:])), ""):
        return row(why=apart)
    if len(accounts) != 2 or not all(value is not None and math.isfinite(value) for value in values):
        return row()
    first, second = there
    if first.bounds or second.bounds:
        ends = between(ends_of(first), ends_of(second))
        return row(between=ends, why="" if ends else "both are bounds from one side, which say nothing of a difference")
    difference = second.value - first.value
    pairs, unpaired = paired(first, second)
    stderr = None
    if pairs is not None:
        stderr = float((pairs[1] - pairs[0]).std()) / math.sqrt(len(pairs[0]))
    elif first.stderr is not None and second.stderr is not None:
        stderr = math.hypot(first.stderr, second.stderr)
    else:
        unpaired = ""  # there is no error that pairs would lessen
    z = difference / stderr if stderr else None
    return row(difference=difference, difference_stderr=stderr, z=z, paired=pairs is not None, why=unpaired)
