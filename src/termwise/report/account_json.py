"""The JSON of an account: its readings, apart by kind, one number for the model or one for each latent dimension."""

import math
import re
from collections.abc import Mapping
from typing import Any

from termwise.account import glossary
from termwise.account.rounding import MISSING, rounded

BY_PARTS = {
    "block": "blocks",
    "variable": "side",
    "channel": "channels",
    "position": "positions",
    "part": "parts",
    "site": "shared",
}
"""By what, beside dimensions, readings have a number each, as their names end; and where an account names these."""

AccountJson = Mapping[str, Any]
"""What `Account.to_json` gives and account.json holds: "readings" by name, "diagnosis", "data" and "withheld"."""

ReadingJson = Mapping[str, Any]
"""One of the readings in it: "value", "stderr", "interval", "lower", "upper", "unit", "estimator", "bias" and "n"."""


def measured_on(account: AccountJson) -> str:
    """On which examples was measured, of which data and part; and in whose units: nothing of what is not known.

    Example:
        >>> measured_on({"data": {"name": "digits", "n": 359, "part": "test", "of": 1797}})
        'Measured on 359 of the 1,797 examples of digits: its test part.'
        >>> measured_on({"data": {"sum_log_scale": 4.605}})
        'Densities are of x in its own units; of x as the model standardises it, the distortion is 4.605 nats less.'
    """
    data = account.get("data") or {}
    return " ".join(sentence for sentence in (_examples_measured(data), units_in_words(account)) if sentence)


def units_in_words(account: AccountJson) -> str:
    """In whose units densities are, where the model standardises x; else nothing."""
    data = account.get("data") or {}
    nats = data.get("sum_log_scale")
    if isinstance(nats, float | int):
        apart = f"{abs(nats):.4g} nats {'less' if nats >= 0 else 'more'}"
        return f"Densities are of x in its own units; of x as the model standardises it, the distortion is {apart}."
    return "Densities are of x in its own units, which the model standardises." if "sum_log_scale" in data else ""


def _examples_measured(data: Mapping[str, Any]) -> str:
    name, n, part, of = (data.get(key) for key in ("name", "n", "part", "of"))
    if not isinstance(n, int) or not isinstance(of, int) or not isinstance(part, str):
        return ""
    whose = "all" if part == "all" else f"its {part} part"
    if "drawn_from" in data:
        return f"Measured on {n:,} examples of {name}, drawn at random from the {data['drawn_from']:,} of {whose}."
    if part == "all":
        return f"Measured on all {n:,} examples of {name}." if n == of else f"Measured on {n:,} of {of:,} of {name}."
    return f"Measured on {n:,} of the {of:,} examples of {name}: {whose}."


def overall(account: AccountJson) -> dict[str, ReadingJson]:
    """The readings whose value is one number."""
    return {name: r for name, r in account.get("readings", {}).items() if not isinstance(r.get("value"), list)}


def withheld(account: AccountJson) -> dict[str, str]:
    """Why readings that cannot be are not among the others, by name."""
    return dict(account.get("withheld") or {})


def withheld_sentences(account: AccountJson) -> list[str]:
    """The same as sentences, where readings have no rows of their own."""
    return [f"{glossary.reading(name).title} is withheld: {reason}." for name, reason in withheld(account).items()]


def interval(reading: ReadingJson) -> str:
    """The interval, as exact as the reading itself; a dash where there is none."""
    ends = reading.get("interval")
    if not ends or any(not isinstance(end, float | int) for end in ends):
        return MISSING
    return " to ".join(rounded(end, _error(reading))[0] for end in ends)


def bound(reading: ReadingJson, side: str) -> str:
    """The "lower" or "upper" bound, as exact as the reading itself; empty where there is none."""
    end = reading.get(side)
    return rounded(end, _error(reading))[0] if isinstance(end, float | int) else ""


def bounds_in_words(reading: ReadingJson) -> str:
    """The bounds in words, such as "at least 9.5 and at most 11.2, in expectation"; empty where there are none."""
    sides = (("lower", "at least"), ("upper", "at most"))
    ends = [f"{words} {end}" for side, words in sides if (end := bound(reading, side))]
    return f"{' and '.join(ends)}, in expectation" if ends else ""


def _error(reading: ReadingJson) -> float | None:
    """What to round by: the standard error, else the width of the bracket."""
    error, lower, upper = (reading.get(key) for key in ("stderr", "lower", "upper"))
    if isinstance(error, float | int):
        return error
    return (upper - lower) / 10 if isinstance(lower, float | int) and isinstance(upper, float | int) else None


def by_dimension(account: AccountJson) -> dict[str, ReadingJson]:
    """The readings whose value is one number for each latent dimension."""
    endings = tuple(f"_by_{part}" for part in BY_PARTS)
    return {name: r for name, r in _lists(account).items() if not name.endswith(endings)}


def by_parts(account: AccountJson) -> dict[str, dict[str, ReadingJson]]:
    """The readings of a number for each of `BY_PARTS`, such as each "block" of the code, where there are any."""
    lists = {
        part: {name: r for name, r in _lists(account).items() if name.endswith(f"_by_{part}")} for part in BY_PARTS
    }
    return {part: readings for part, readings in lists.items() if readings}


def _lists(account: AccountJson) -> dict[str, ReadingJson]:
    return {name: r for name, r in account.get("readings", {}).items() if isinstance(r.get("value"), list)}


def dimension_name(account: AccountJson, j: int, of: str = "dimension") -> str:
    """What dimension j of the code is called, or one of `BY_PARTS`: "z" and its place, where it has no name."""
    names = account.get("data", {}).get(BY_PARTS.get(of, "dimensions"))
    return str(names[j]) if isinstance(names, list) and j < len(names) else f"z{j}"


def measured_part(account: AccountJson) -> str:
    """Which part of the data was measured, in a sentence; empty where it was all."""
    data = account.get("data", {})
    n, whole = data.get("n"), data.get("drawn_from")
    if not (isinstance(n, int) and isinstance(whole, int)):
        return ""
    return f"Measured on {n:,} of {whole:,} examples, drawn at random."


def dimension_title(name: str) -> str:
    """The title of a reading by dimension or by another part, where a table says already that it is."""
    return re.sub(rf" by (dimension|{'|'.join(BY_PARTS)})$", "", glossary.reading(name).title)


def dimensions_by_cost(account: AccountJson) -> list[int]:
    """The latent dimensions, highest rate first; by the first reading by dimension where there is no rate."""
    lists = by_dimension(account)
    if not lists:
        return []
    leading = lists.get("rate_by_dimension") or next(iter(lists.values()))
    count = max(len(r["value"]) for r in lists.values())
    return sorted(range(count), key=lambda j: -at(leading, "value", j, -math.inf))


def at(reading: ReadingJson, key: str, j: int, otherwise: float) -> float:
    """The finite value or stderr of dimension j, or `otherwise` where the reading has none."""
    values = reading.get(key)
    if not isinstance(values, list) or j >= len(values) or values[j] is None or not math.isfinite(values[j]):
        return otherwise
    return float(values[j])
