"""The readings of an account, apart by kind: one number for the model, or one for each latent dimension."""

import math
from collections.abc import Mapping
from typing import Any

from termwise.report.rounding import rounded

Account = Mapping[str, Any]
Reading = Mapping[str, Any]


def overall(account: Account) -> dict[str, Reading]:
    """The readings whose value is one number."""
    return {name: r for name, r in account.get("readings", {}).items() if not isinstance(r.get("value"), list)}


def bound(reading: Reading, side: str) -> str:
    """The "lower" or "upper" bound, as exact as the reading itself; empty where there is none."""
    end, error = reading.get(side), reading.get("stderr")
    if not isinstance(end, float | int):
        return ""
    return rounded(end, error if isinstance(error, float | int) else None)[0]


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
