"""An account as columns, and as a data frame of whichever library is there."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from termwise.account.reading import AnyReading, Reading
from termwise.errors import Refused

LIBRARIES = ("pandas", "polars")
"""The libraries whose data frames an account can be, the first that is installed having the say."""


def columns_of(readings: Mapping[str, AnyReading]) -> dict[str, list[Any]]:
    """A row for each number: a reading of one has no dimension, one by dimension a row for each.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> rate = reading_without_error("rate", 2.0, estimator="closed form", bias="none", n=10)
        >>> columns = columns_of({"rate": rate})
        >>> columns["reading"], columns["value"], columns["stderr"], columns["n"]
        (['rate'], [2.0], [None], [10])
    """
    rows = [row for reading in readings.values() for row in _rows(reading)]
    names = ("reading", "dimension", "value", "stderr", "from_95", "to_95", "lower", "upper", "unit", "estimator")
    return {name: [row[name] for row in rows] for name in (*names, "bias", "n")}


def _rows(reading: AnyReading) -> list[dict[str, Any]]:
    whole = {"reading": reading.name, "unit": reading.unit, "estimator": reading.estimator, "bias": reading.bias}
    if isinstance(reading, Reading):
        low, high = reading.interval or (None, None)
        numbers = (reading.value, reading.stderr, low, high, reading.lower, reading.upper)
        return [_row(whole, None, reading.n, numbers)]
    nothing: list[Any] = [None] * len(reading.value)
    ends: list[Any] = [(None, None)] * len(reading.value) if reading.interval is None else reading.interval
    columns = (reading.stderr or nothing, ends, reading.lower or nothing, reading.upper or nothing)
    each = zip(reading.value, *columns, strict=True)
    return [
        _row(whole, j, reading.n, (value, stderr, low, high, lower, upper))
        for j, (value, stderr, (low, high), lower, upper) in enumerate(each)
    ]


def _row(whole: Mapping[str, str], dimension: int | None, n: int, numbers: tuple[Any, ...]) -> dict[str, Any]:
    names = ("value", "stderr", "from_95", "to_95", "lower", "upper")
    return {**whole, "dimension": dimension, "n": n, **dict(zip(names, numbers, strict=True))}


def frame_of(columns: Mapping[str, list[Any]]) -> Any:
    """The columns as a data frame.

    Raises:
        Refused: No library that has data frames is installed.
    """
    for name in LIBRARIES:
        try:
            return import_module(name).DataFrame(columns)
        except ImportError:
            continue
    raise Refused(
        f"A data frame needs {' or '.join(LIBRARIES)}, and none is installed: pip install pandas. `to_dict()` has the "
        "same columns without one."
    )
