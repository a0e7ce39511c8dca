"""An account as columns, and as the frames and data sets of other libraries, where they are installed."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from warnings import catch_warnings, simplefilter

from torch import Tensor

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


def dataset_of(readings: Mapping[str, AnyReading], per_example: Mapping[str, Tensor], data: Mapping[str, Any]) -> Any:
    """Readings as a Dataset of xarray.

    Values by example have the dimension "example"; those by dimension, block, variable or factor that, with its names
    where the account has them, and a variable for their errors beside them; any other reading is a number.

    Raises:
        Refused: xarray is not installed.
    """
    xarray = _library("xarray", "A Dataset")
    variables: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, reading in readings.items():
        said = {"unit": reading.unit, "estimator": reading.estimator, "bias": reading.bias, "n": reading.n}
        if isinstance(reading, Reading):
            numbers = {"value": reading.value, "stderr": reading.stderr}
            said |= {key: number for key, number in numbers.items() if number is not None}
            values = per_example.get(name)
            variables[name] = ((), reading.value, said) if values is None else ("example", values.numpy(), said)
            continue
        of = name.rpartition("_by_")[2]
        dimension = of if sizes.setdefault(of, len(reading.value)) == len(reading.value) else f"{of} of {name}"
        variables[name] = (dimension, [_nan(one) for one in reading.value], said)
        if reading.stderr is not None:
            variables[f"{name}_stderr"] = (dimension, [_nan(one) for one in reading.stderr], {"unit": reading.unit})
    names = {"dimension": data.get("dimensions"), "block": data.get("blocks"), "variable": data.get("side")}
    named = {of: known or [f"z{j}" for j in range(sizes[of])] for of, known in names.items() if of in sizes}
    coordinates = {of: list(known) for of, known in named.items() if len(known) == sizes[of]}
    kept = {key: value for key, value in data.items() if isinstance(value, str | int | float)}
    return xarray.Dataset(variables, coordinates, kept)


def inference_data_of(per_example: Mapping[str, Tensor]) -> Any:
    """Values by example as an InferenceData of ArviZ, whose group "examples" has one chain, and examples as draws.

    Raises:
        Refused: ArviZ is not installed, or there are no values.
    """
    if not per_example:
        raise Refused("This account has no values by example: measure again, or load it with its account.npz.")
    arviz, xarray = _library("arviz", "An InferenceData"), _library("xarray", "An InferenceData")
    values = {name: (("chain", "draw"), one.numpy()[None]) for name, one in per_example.items()}
    with catch_warnings():
        simplefilter("ignore", UserWarning)  # that the group is none of its own is meant
        return arviz.InferenceData(examples=xarray.Dataset(values))


def _library(name: str, what: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Refused(
            f"{what} needs {name}: pip install 'termwise[arviz]'. `to_dict()` has columns without it."
        ) from None


def _nan(number: float | None) -> float:
    return float("nan") if number is None else number
