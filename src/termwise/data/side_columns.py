"""A column of what stands beside x as one variable: what is a category, and what a number.

    words, yes and no    categories, and what a file or a frame calls categories
    whole numbers        categories where few are different and each comes twice or more on average, else numbers;
                         handed in from Python, categories
    fractions, dates     numbers; of dates the days since the first

Whoever names the variable has the last say: "age:number", "donor:category" (`termwise.data.side_names`).
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.data.annotations import as_array
from termwise.data.side_names import SideKind
from termwise.data.tables.raw import RawColumn, column_of, is_none
from termwise.errors import BadData, in_short

MOST_CATEGORIES = 30
"""How many different whole numbers a column that is read has, at most, for them to be categories."""

MISSING = "missing"
"""The category of examples whose own is not known, where one is asked for."""


def column_of_values(name: str, values: Any) -> RawColumn:
    """A column of values of Python's, whose words stay words, also where they are written as numbers.

    Raises:
        BadData: They are not one an example.
    """
    if isinstance(values, list | tuple):
        values = np.fromiter((cell.item() if isinstance(cell, Tensor) else cell for cell in values), dtype=object)
    array = as_array(values)
    if array.ndim != 1 or not len(array):
        raise BadData(f"{name}: expected one value an example, shape (N,), got {array.shape or in_short(values)}.")
    if array.dtype.kind in "SU":
        array = array.astype(str).astype(object)
    if array.dtype.kind == "O":
        missing = np.array([is_none(cell) for cell in array])
        if all(isinstance(cell, str) for cell in array[~missing]):
            return RawColumn(name, array, missing)
    return column_of(name, array)


def kind_by_type(column: RawColumn) -> SideKind:
    """What values handed in from Python are, by their type: fractions and dates are numbers."""
    return "number" if column.values.dtype.kind in "fM" else "category"


def kind_by_values(column: RawColumn) -> SideKind:
    """What the values of a column that was read are: few whole numbers, each of several examples, are categories."""
    if column.categorical or column.kind in ("text", "bool"):
        return "category"
    few = len(column.distinct) <= MOST_CATEGORIES and 2 * len(column.distinct) <= len(column.present)
    whole = column.kind == "number" and bool((column.present == np.round(column.present)).all())
    return "category" if whole and few else "number"


def variable_of(column: RawColumn, kind: SideKind, missing: bool = False) -> tuple[tuple[str, ...], Tensor]:
    """The categories, none of a number, and of each example its category's place or its number, (N,) float64.

    Args:
        column: The values.
        kind: What they are.
        missing: Whether examples without a value have a category of their own; else they are nan.

    Raises:
        BadData: There is no value, or one that cannot be.
    """
    if column.holds or not column.present.size:
        raise BadData(
            f"{column.name}: expected categories or numbers, one an example, got {column.holds or 'no value'}."
        )
    values = torch.full((len(column.values),), torch.nan, dtype=torch.float64)
    known = torch.from_numpy(~column.missing)
    if kind == "number":
        values[known] = torch.from_numpy(_numbers(column, missing))
        return (), values
    distinct, place = np.unique(column.present, return_inverse=True)
    words = [category_word(one) for one in distinct]
    order = sorted(range(len(words)), key=lambda at: _in_order(words[at]) if column.kind == "text" else (0, at, ""))
    values[known] = torch.from_numpy(np.argsort(order)[place.ravel()].astype(np.float64))
    if missing and column.missing.any():
        values[~known] = float(len(words))
        order, words = [*order, len(words)], [*words, MISSING]
    return tuple(words[at] for at in order), values


def category_word(value: Any) -> str:
    """What a category is called: the digits of a whole number, yes or no, a day, or a word as it is.

    Example:
        >>> category_word(5), category_word(5.0), category_word(True), category_word("5")
        ('5', '5', 'yes', '5')
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == round(value):
        return str(int(value))
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
    return str(value)


def _numbers(column: RawColumn, missing: bool) -> np.ndarray:
    """The numbers of the examples that have one, float64."""
    present = column.present
    if column.kind == "text":
        raise BadData(f"{column.name}: expected numbers, got words, such as {in_short(str(present[0]))}.")
    if missing:
        raise BadData(
            f"{column.name}: expected categories, for a number has none that could be {MISSING!r}. Say "
            f'"{column.name}:known", which leaves out the examples without a number.'
        )
    if column.kind == "date":
        return np.asarray((present - present.min()) / np.timedelta64(1, "D"), dtype=np.float64)
    numbers = present.astype(np.float64)
    if not np.isfinite(numbers).all():
        broken = int((~np.isfinite(numbers)).sum())
        raise BadData(f"{column.name}: expected finite numbers, got {broken:,} of {len(numbers):,} that are not.")
    return numbers


def _in_order(word: str) -> tuple[int, int, str]:
    """Whole numbers in their order, before words in theirs."""
    return (0, int(word), "") if word.lstrip("-").isascii() and word.lstrip("-").isdigit() else (1, 0, word)
