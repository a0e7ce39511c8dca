"""Columns as they were read: numbers, dates, booleans or words, and which cells have none of them.

Words are read as what they all are: numbers (with a decimal comma too), dates with the year first, true and false.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from numbers import Number, Real
from typing import Any, Literal

import numpy as np

MISSING = frozenset(
    ["", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "nil", "nat", "missing", "?", "."]
)
"""What stands in a cell that has no value, in small letters."""

TRUTHS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
"""Words for 1 and 0, in small letters."""

_DAY = re.compile(r"\d{4}([-/])\d{1,2}\1\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]00:?00)?")
_MONTH_FIRST = re.compile(r"[A-Z][a-z]{2} \d{1,2},? \d{4}")
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d+)?(e[+-]?\d+)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
DATE_LIKE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( .*)?")
"""What a cell looks like that may be a date."""


@dataclass(frozen=True, eq=False)
class RawColumn:
    """One column of a table.

    Args:
        name: What it is called.
        values: Its cells, (N,): numbers, booleans, datetime64 in microseconds, or words as objects. Where a cell is
            missing, any value of that type.
        missing: Which cells are, (N,).
        written: How its numbers were written, where that was not plain: "with commas".
        named: Whether the table itself names it, rather than its place.
        holds: What its cells are, in the plural, where they can be no cells of a table, such as lists.
        categorical: Whether what it was read from says that they are categories, though they may be numbers.
        words: How false and true were written, where they were words.
    """

    name: str
    values: np.ndarray
    missing: np.ndarray
    written: str = ""
    named: bool = True
    holds: str = ""
    categorical: bool = False
    words: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What its cells are: "number", "bool", "date" or "text"; or "other"."""
        if self.holds:
            return "other"
        return {"b": "bool", "M": "date", "O": "text"}.get(self.values.dtype.kind, "number")

    @property
    def present(self) -> np.ndarray:
        """The cells that are not missing."""
        return self.values[~self.missing]

    @cached_property
    def distinct(self) -> np.ndarray:
        """The different values of its cells, in order."""
        return np.array(sorted(set(self.present)), dtype=object) if self.kind == "text" else np.unique(self.present)

    @property
    def meaning(self) -> Literal["number", "count", "binary", "date", "text"]:
        """What its cells mean: as `kind`, but of numbers whether they count, or are 0 and 1."""
        if self.kind in ("date", "text", "other"):
            return "date" if self.kind == "date" else "text"
        if self.kind == "bool":
            return "binary"
        present = self.present
        if not present.size or (present < 0).any() or not (present == np.round(present)).all():
            return "number"
        return "binary" if present.min() == 0 and present.max() == 1 else "count"

    def rows(self, kept: np.ndarray) -> "RawColumn":
        """The same column of some rows, a mask (N,)."""
        return replace(self, values=self.values[kept], missing=self.missing[kept])


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was read.

    Args:
        name: What to call the data.
        where: What to call the table in errors.
        columns: All of its columns.
        lines: The line of a file that each row stands on; none where it is no file.
        notes: What its reader took it for, where it could be taken for something else: a sentence each.
        classes: What the values 0, 1, ... of the last column stand for, where the table itself says so.
        headed: Whether the table names its columns.
    """

    name: str
    where: str
    columns: list[RawColumn]
    lines: Sequence[int] = ()
    notes: list[str] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    headed: bool = True

    def place(self, row: int) -> str:
        """Where a row is: "line 3"."""
        return f"line {self.lines[row]}" if self.lines else f"row {row}"


def column_of(name: str, values: Any) -> RawColumn:
    """A column of any values in a row, of Python's or numpy's.

    Example:
        >>> column_of("age", [38, None, 26.5]).values.tolist()
        [38.0, nan, 26.5]
    """
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biufM":
        missing = np.ma.getmaskarray(values).copy()
        plain = np.ma.getdata(values)
        if plain.dtype.kind == "M":
            plain = plain.astype("datetime64[us]")
        if plain.dtype.kind in "fM":
            missing |= np.isnan(plain)
        return RawColumn(name, plain, missing)
    cells: list[Any] = [None if cell is np.ma.masked else cell for cell in values]
    missing = np.array([is_none(cell) for cell in cells], dtype=bool)
    present = [cell for cell, none in zip(cells, missing, strict=True) if not none]
    if all(isinstance(cell, bool | np.bool_) for cell in present) and present:
        return RawColumn(name, np.array([bool(cell) for cell in cells]), missing)
    if all(isinstance(cell, int | np.integer) for cell in present) and present:
        whole = [0 if none else int(cell) for cell, none in zip(cells, missing, strict=True)]
        fits = all(-(2**63) <= cell < 2**63 for cell in whole)
        return RawColumn(name, np.array(whole, dtype=np.int64 if fits else np.float64), missing)
    if all(isinstance(cell, Real) or type(cell).__name__ == "Decimal" for cell in present):
        numbers = [np.nan if none else float(cell) for cell, none in zip(cells, missing, strict=True)]
        return RawColumn(name, np.array(numbers, dtype=np.float64), missing)
    if all(isinstance(cell, date | datetime | np.datetime64) for cell in present):
        days = [np.datetime64("NaT") if none else _plain_time(cell) for cell, none in zip(cells, missing, strict=True)]
        return RawColumn(name, np.array(days, dtype="datetime64[us]"), missing)
    if all(isinstance(cell, str | bytes | Number | np.generic) for cell in present):
        return column_of_text(name, ["" if none else _text(cell) for cell, none in zip(cells, missing, strict=True)])
    kinds = sorted({type(cell).__name__ for cell in present if not isinstance(cell, str | bytes | Number)})
    blank = np.zeros(len(cells))
    return RawColumn(name, blank, np.zeros(len(cells), dtype=bool), holds=" and ".join(f"{kind}s" for kind in kinds))


def column_of_text(name: str, cells: Sequence[str], separator: str = "", named: bool = True) -> RawColumn:
    """A column of text, read as numbers, dates, or true and false, where all of its cells are.

    Args:
        name: What it is called.
        cells: Its cells.
        separator: What parts the cells of a line; beside a comma, no number has a decimal comma.
        named: Whether the table itself names it.

    Example:
        >>> column_of_text("price", ["1,5", "NA", "2,25"], separator=";").values.tolist()
        [1.5, nan, 2.25]
    """
    words = {cell: cell.strip() for cell in dict.fromkeys(cells)}  # each text is read once
    present = {cell: word for cell, word in words.items() if word.lower() not in MISSING}
    missing = np.array([cell not in present for cell in cells], dtype=bool)
    few = list(present.values())
    comma = _thousands_number if separator == "," else _comma_number
    readings: list[tuple[Callable[[str], Any], str]]
    readings = [(_plain_number, ""), (comma, "with commas"), (_thousands_number, "with commas")]
    if "date" in name.lower():
        readings.insert(0, (_digits_day, ""))
    for read, written in (*readings, (_day, ""), (_month_first, ""), (_truth(few), "")):
        if (read_as := _all(read, few)) is not None:
            value_of = dict(zip(present, read_as, strict=True))
            values = np.array([value_of[cell] for cell in cells if cell in present])
            filled = np.full(len(cells), np.nan) if not len(values) else np.empty(len(cells), values.dtype)
            filled[~missing] = values
            words_of = {value: word for word, value in reversed(list(zip(few, read_as, strict=True)))}
            truths = (words_of[False], words_of[True]) if filled.dtype.kind == "b" else ()
            return RawColumn(name, filled, missing, written, named, words=truths)
    texts = np.empty(len(cells), dtype=object)
    texts[:] = [words[cell] for cell in cells]
    return RawColumn(name, texts, missing, named=named)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, written plainly."""
    return _plain_number(cell.strip()) is not None


def is_missing(cell: str) -> bool:
    """Whether a cell has no value."""
    return cell.strip().lower() in MISSING


def _all(read: Callable[[str], Any], words: Sequence[str]) -> list[Any] | None:
    """Every word, read; None where one cannot be."""
    values = []
    for word in words:
        if (value := read(word)) is None:
            return None
        values.append(value)
    return values


def _truth(words: Sequence[str]) -> Callable[[str], bool | None]:
    """What reads a word as true or false, where all words are of one pair, and both are there."""
    pair = {word.lower() for word in words}
    return lambda word: word.lower() in ("true", "yes", "t", "y") if pair in TRUTHS else None


def _plain_number(word: str) -> float | None:
    try:
        return None if "_" in word else float(word)
    except ValueError:
        return None


def _comma_number(word: str) -> float | None:
    if not word or not _COMMA.fullmatch(word):
        return None
    return _plain_number(word.replace(".", "").replace(",", "."))


def _thousands_number(word: str) -> float | None:
    return float(word.replace(",", "")) if _THOUSANDS.fullmatch(word) else _plain_number(word)


def _day(word: str) -> np.datetime64 | None:
    if not _DAY.fullmatch(word):
        return None
    year, month, rest = re.split(r"[-/]", word.removesuffix("Z"), maxsplit=2)
    day, _, time = rest.replace("T", " ").partition(" ")
    time = re.sub(r"[+-]00:?00$", "", time).strip()
    hour = f"T{time.partition(':')[0]:0>2}:{time.partition(':')[2]}" if time else ""
    try:
        return np.datetime64(f"{year}-{month:0>2}-{day:0>2}{hour}", "us")
    except ValueError:
        return None


def _digits_day(word: str) -> np.datetime64 | None:
    return _day(f"{word[:4]}-{word[4:6]}-{word[6:]}") if len(word) == 8 and word.isdigit() else None


def _month_first(word: str) -> np.datetime64 | None:
    if not _MONTH_FIRST.fullmatch(word):
        return None
    try:
        return np.datetime64(datetime.strptime(word.replace(",", ""), "%b %d %Y"), "us")
    except ValueError:
        return None


def is_none(cell: Any) -> bool:
    """Whether a cell is none, not a number or not a time, as Python, numpy or pandas have them."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, Number | np.datetime64) and bool(cell != cell)


def _plain_time(cell: Any) -> np.datetime64:
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        cell = (cell - cell.utcoffset()).replace(tzinfo=None)  # type: ignore[operator]
    return np.datetime64(cell, "us")


def _text(cell: Any) -> str:
    return cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)
