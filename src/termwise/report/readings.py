"""The readings of an account, apart by kind: one number for the model, or one for each latent dimension."""

import math
from collections.abc import Mapping
from typing import Any

from termwise.report.rounding import MISSING, rounded

Account = Mapping[str, Any]
Reading = Mapping[str, Any]


def overall(account: Account) -> dict[str, Reading]:
    """The readings whose value is one number."""
    return {name: r for name, r in account.get("readings", {}).items() if not isinstance(r.get("value"), list)}


def interval(reading: Reading) -> str:
    """The interval, as exact as the reading itself; a dash where there is none."""
    ends = reading.get("interval")
    if not ends or any(not isinstance(end, float | int) for end in ends):
        return MISSING
    return " to ".join(rounded(end, _error(reading))[0] for end in ends)


def bound(reading: Reading, side: str) -> str:
    """The "lower" or "upper" bound, as exact as the reading itself; empty where there is none."""
    end = reading.get(side)
    return rounded(end, _error(reading))[0] if isinstance(end, float | int) else ""


def _error(reading: Reading) -> float | None:
    """What to round by: the standard error, else the width of the bracket."""
    error, lower, upper = (reading.get(key) for key in ("stderr", "lower", "upper"))
    if isinstance(error, float | int):
        return error
    return (upper - lower) / 10 if isinstance(lower, float | int) and isinstance(upper, float | int) else None


def by_dimension(account: Account) -> dict[str, Reading]:
    """The readings whose value is one number for each latent dimension."""
    return {name: r for name, r in account.get("readings", {}).items() if isinstance(r.get("value"), list)}


def dimensions_by_cost(account: Account) -> list[int]:
    """The latent dimensions, highest rate first; by the first reading by dimension where there is no rate."""
    lists = by_dimension(account)
    if not lists:
        return []
    leading = lists.get("rate_by_dimension") or next(iter(lists.values()))
    count = max(len(r["value"]) for r in lists.values())
    return sorted(range(count), key=lambda j: -at(leading, "value", j, -math.inf))


def at(reading: Reading, key: str, j: int, otherwise: float) -> float:
    """The finite value or stderr of dimension j, or `otherwise` where the reading has none."""
    values = reading.get(key)
    if not isinstance(values, list) or j >= len(values) or values[j] is None or not math.isfinite(values[j]):
        return otherwise
    return float(values[j])
