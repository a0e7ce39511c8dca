"""What the files of an account may hold: readings of numbers that are finite or null, and values by example."""

import json
from collections.abc import Mapping
from os import PathLike
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from termwise.account.reading import AnyReading, Reading, ReadingByDimension
from termwise.content import parse_json, read_arrays, read_json, unreadable

Number = float | None
"""A finite number, or null where there is none."""

REMEDY = "Restore it, or measure again."
"""What to do where an account cannot be read."""


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    unit: str
    estimator: str
    bias: str
    n: Annotated[int, Field(ge=0)]


class OneNumber(_Entry):
    """A `Reading` without its name."""

    value: Number
    stderr: Number
    interval: Annotated[list[Number], Field(min_length=2, max_length=2)] | None
    lower: Number
    upper: Number


class ByDimension(_Entry):
    """A `ReadingByDimension` without its name: lists of one length."""

    value: list[Number]
    stderr: list[Number] | None
    interval: list[Annotated[list[Number], Field(min_length=2, max_length=2)]] | None
    lower: list[Number] | None
    upper: list[Number] | None

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        for name in ("stderr", "interval", "lower", "upper"):
            if (other := getattr(self, name)) is not None and len(other) != len(self.value):
                raise ValueError(f"value has {len(self.value)} entries, and {name} {len(other)}")
        return self


def _kind(entry: Any) -> str:
    value = entry.get("value") if isinstance(entry, dict) else getattr(entry, "value", None)
    return "by dimension" if isinstance(value, list) else "one number"


class SavedAccount(BaseModel):
    """The content of account.json, or of another account's file."""

    model_config = ConfigDict(strict=True, extra="allow")
    readings: dict[
        str,
        Annotated[
            Annotated[OneNumber, Tag("one number")] | Annotated[ByDimension, Tag("by dimension")], Discriminator(_kind)
        ],
    ]
    diagnosis: list[str]
    data: dict[str, Any] = {}
    withheld: dict[str, str] = {}
    values: str | None = None
    checksum: str | None = None

    def named(self) -> dict[str, AnyReading]:
        """The readings by name."""
        return {name: _reading(name, entry) for name, entry in self.readings.items()}


def _reading(name: str, entry: OneNumber | ByDimension) -> AnyReading:
    kind = ReadingByDimension if isinstance(entry, ByDimension) else Reading
    return kind(name=name, **entry.model_dump())


def read_account(path: str | PathLike[str]) -> SavedAccount:
    """What a file holds that `Account.save` wrote.

    Raises:
        BadData: It is not there, is torn, or holds something else.
    """
    return read_json(path, SavedAccount, "account", REMEDY)


def parsed_account(content: Mapping[str, Any] | str) -> SavedAccount:
    """What `Account.to_json` gave, or its text, says.

    Raises:
        BadData: It is something else.
    """
    try:
        text = content if isinstance(content, str) else json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise unreadable("what is given", "account", error, "Give what to_json() gave, or its text.") from None
    return parse_json(text.encode(), SavedAccount, "what is given", "account", "Give what to_json() gave, or its text.")


def read_values(path: str | PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The values per example that `Account.save` wrote, each of shape (N,).

    Raises:
        BadData: The file is torn, or holds something else.
    """
    arrays = read_arrays(path, "file of values per example", REMEDY)
    for name, values in arrays.items():
        if values.dtype.kind != "f" or values.ndim != 1:
            why = f"{name} is an array of {values.dtype} and shape {values.shape}, and should hold a number an example"
            raise unreadable(path, "file of values per example", why, REMEDY)
    return arrays
