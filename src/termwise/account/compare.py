"""Accounts side by side, term by term, with the difference in standard errors.

Where two accounts are of the same examples their values are paired, so that what is easy or hard in an example falls
out of the difference: se(d) = sd(a_i - b_i) / sqrt(N). Else se(d)^2 = se(a)^2 + se(b)^2.

A bound is no estimate. Where either value is one, the difference is only known to lie between

    the second's lower end less the first's upper one,     the second's upper end less the first's lower one,

of which an estimate's ends are those of its interval; it has no standard error then. Nor have log likelihoods of
other kinds a difference: a density, in nats that depend on the unit of the data, and a probability.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.reading import Ends, Reading
from termwise.errors import Refused

OF_THE_LIKELIHOOD = (
    *("distortion", "elbo", "elbo_upper_nwj", "elbo_upper_dv"),
    *("log_likelihood", "log_likelihood_jackknife", "iwae"),
)
"""The readings that log p(x|z) itself is in, and not a ratio of two of them."""


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
        why: Why there is no difference, or why it is not over pairs; empty where there is nothing to be said.
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


def compare(accounts: Sequence[Account]) -> list[Comparison]:
    """Every reading of one number that any account has, or withholds; differences where there are two.

    Example:
        >>> compare([Account({})])
        Traceback (most recent call last):
        termwise.errors.Refused: A comparison needs two accounts or more; got 1.
    """
    if len(accounts) < 2:
        raise Refused(f"A comparison needs two accounts or more; got {len(accounts)}.")
    names = glossary.in_order(name for account in accounts for name in (*account.overall, *account.withheld))
    by_dimension = {name for account in accounts for name in account.by_dimension}
    return [_compared(name, accounts) for name in names if name not in by_dimension]


def _compared(name: str, accounts: Sequence[Account]) -> Comparison:
    readings = [account.overall.get(name) for account in accounts]
    values = tuple(None if reading is None else reading.value for reading in readings)
    stderrs = tuple(None if reading is None else reading.stderr for reading in readings)
    bounds = tuple(None if reading is None else reading.bounds for reading in readings)
    withheld = tuple(account.withheld.get(name, "") for account in accounts)
    unit = next((reading.unit for reading in readings if reading is not None), glossary.reading(name).unit)

    def row(**found: object) -> Comparison:
        return Comparison(name, unit, values, stderrs, bounds, withheld=withheld, **found)  # type: ignore[arg-type]

    if len(accounts) != 2 or not all(value is not None and math.isfinite(value) for value in values):
        return row()
    first, second = (reading for reading in readings if reading is not None)
    if apart := _of_other_units(name, accounts, first, second):
        return row(why=apart)
    if first.bounds or second.bounds:
        between = _between(first, second)
        return row(
            between=between, why="" if between else "both are bounds from one side, which say nothing of a difference"
        )
    difference = second.value - first.value
    pairs, unpaired = _pairs(name, accounts)
    stderr = None
    if pairs is not None:
        stderr = float((pairs[1] - pairs[0]).std()) / math.sqrt(len(pairs[0]))
    elif first.stderr is not None and second.stderr is not None:
        stderr = math.hypot(first.stderr, second.stderr)
    else:
        unpaired = ""  # there is no error that pairs would lessen
    z = difference / stderr if stderr else None
    return row(difference=difference, difference_stderr=stderr, z=z, paired=pairs is not None, why=unpaired)


def _of_other_units(name: str, accounts: Sequence[Account], first: Reading, second: Reading) -> str:
    """Why two values cannot be subtracted, if so."""
    if first.unit != second.unit:
        return f"{first.unit} and {second.unit} have no difference"
    kinds = [account.data.get("likelihood") for account in accounts]
    if name in OF_THE_LIKELIHOOD and all(kinds) and kinds[0] != kinds[1]:
        return f"log p(x|z) is of {kinds[0]} in one and of {kinds[1]} in the other, in nats that are not the same"
    return ""


def _between(first: Reading, second: Reading) -> Ends | None:
    """From and to where the second less the first lies; None where both ends are open."""
    (low, high), (least, most) = _ends(first), _ends(second)
    lower = None if least is None or high is None else least - high
    upper = None if most is None or low is None else most - low
    return None if lower is None and upper is None else (lower, upper)


def _ends(reading: Reading) -> Ends:
    """From and to where a value lies: by its bounds, or an estimate by its interval."""
    if reading.bounds:
        return reading.bounds
    return (reading.interval[0], reading.interval[1]) if reading.interval else (reading.value, reading.value)


def _pairs(name: str, accounts: Sequence[Account]) -> tuple[tuple[Tensor, Tensor] | None, str]:
    """The values by example of both accounts where they are of the same examples; else why there are none."""
    one, other = (account.data for account in accounts)
    first, second = (account.per_example.get(name) for account in accounts)
    if not one.get("fingerprint") or not other.get("fingerprint"):
        return None, "not paired, for it is not known which examples the accounts are of"
    if one["fingerprint"] != other["fingerprint"]:
        what = [f"{about.get('n', '?')} of {about.get('name', '?')}" for about in (one, other)]
        return None, f"not paired, for the accounts are of other examples: {' and '.join(what)}"
    if first is None or second is None or len(first) != len(second):
        return None, "not paired, for there are no values by example"
    return (first, second), ""
