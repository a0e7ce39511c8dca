"""From columns to entries of x: numbers as they are, dates as days, and words one-hot."""

from dataclasses import dataclass, field

import numpy as np

from termwise.data.columns import Column, Kind
from termwise.data.tables.options import Missing, in_words
from termwise.data.tables.raw import DATE_LIKE, RawColumn, RawTable, is_number

MOST_VALUES = 100
"""How many different words a column has, at most, to be one-hot."""

ABSENT = "(missing)"
"""The value of a column of words where its cell is missing, and is to be filled."""

_LARGEST = float(np.finfo(np.float32).max)
_EXACT = 2**24  # whole numbers up to which float32 has every one
_RESOLVED = 1e-3  # of a standard deviation: what float32 must tell apart


@dataclass
class Entries:
    """The entries of x that columns make, and what was found wrong or doubtful on the way.

    Attributes:
        columns: What they are.
        values: Of each, (N,) float32, nan where a cell is missing.
        notes: What could be meant otherwise, a sentence each.
        faults: What cannot be used, a sentence each.
        to_drop: The columns at fault that could be left out.
    """

    columns: list[Column] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    to_drop: list[str] = field(default_factory=list)

    @property
    def x(self) -> np.ndarray:
        """All of them, (N, D) float32."""
        return np.stack(self.values, axis=1)

    def add(self, column: RawColumn, values: np.ndarray, kind: Kind, value: str = "", name: str = "") -> None:
        """Add one entry, nan where the column's cell is missing."""
        filled = values.astype(np.float32)
        filled[column.missing] = np.nan
        self.columns.append(Column(name or column.name, kind, column.name, value))
        self.values.append(filled)


def entries_of(columns: list[RawColumn], table: RawTable, missing: Missing) -> Entries:
    """The entries of x that these columns of a table make.

    Args:
        columns: Those that are part of x, in order.
        table: What they are of.
        missing: What becomes of missing cells; with "mean", those of words have a value of their own.
    """
    made = Entries()
    words: list[str] = []
    constant: list[str] = []
    for column in columns:
        if column.holds:
            made.faults.append(f"column {column.name!r} holds {column.holds}: expected numbers, dates or words.")
            made.to_drop.append(column.name)
            continue
        if column.kind == "text":
            words += _add_words(column, table, missing, made)
            continue
        if column.kind == "date":
            _add_date(column, made)
        elif column.kind == "bool":
            made.add(column, column.values, "binary")
        else:
            _add_number(column, table, made)
        if (column.present == column.present[0]).all():
            constant.append(column.name)
    if words:
        made.notes.append(f"Words are one-hot: {in_words(words)}.")
    if constant:
        made.notes.append(
            f"{in_words(constant)} {'has' if len(constant) == 1 else 'have'} one value in all rows; "
            f"{_dropped(constant)} leaves {'it' if len(constant) == 1 else 'them'} out."
        )
    return made


def _add_number(column: RawColumn, table: RawTable, made: Entries) -> None:
    values = column.values.astype(np.float64)
    present = values[~column.missing]
    if (odd := ~column.missing & ~(np.abs(values) <= _LARGEST)).any():
        row = int(odd.argmax())
        made.faults.append(
            f"{table.place(row)}, column {column.name!r}: expected a finite number, got {str(column.values[row])!r}."
        )
        made.to_drop.append(column.name)
        return
    kind: Kind = "number" if column.meaning == "text" else column.meaning
    made.add(column, np.where(column.missing, 0.0, values), kind)
    if column.written:
        made.notes.append(f"The numbers of {column.name} are read {column.written}, the first as {present[0]:g}.")
    rounded = present.astype(np.float32).astype(np.float64)
    if np.abs(rounded - present).max() > _RESOLVED * present.std() > 0:
        made.faults.append(
            f"column {column.name!r}: its numbers lie so close, for their size ({present.min():.10g} to "
            f"{present.max():.10g}), that float32 does not tell them apart. Subtract the least from all."
        )
        made.to_drop.append(column.name)
    elif kind == "count" and np.abs(present).max() > _EXACT and len(np.unique(rounded)) < len(column.distinct):
        made.notes.append(
            f"{column.name} has whole numbers above 2^24, some of which float32 takes for one another; if they name "
            f"the rows, {_dropped([column.name])} leaves them out."
        )


def _add_date(column: RawColumn, made: Entries) -> None:
    first = column.present.min()
    days = (column.values - first) / np.timedelta64(1, "D")
    made.add(column, days, "date")
    at = str(first.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
    made.notes.append(f"{column.name} is in days since {at}; {_dropped([column.name])} leaves it out.")


def _add_words(column: RawColumn, table: RawTable, missing: Missing, made: Entries) -> list[str]:
    """Add the entries of a column of words; and say how many it has, where they are one-hot."""
    values, n = list(column.distinct), len(column.present)
    many = len(values) > MOST_VALUES or (len(values) > n / 2 and n >= 10)
    if fault := _number_among(column, many, table):
        made.faults.append(fault)
        made.to_drop.append(column.name)
        return []
    if many:
        what = "different texts"
        if all(map(DATE_LIKE.fullmatch, values[:20])):
            what = "texts that look like dates, which are read as 2012-01-31"
        made.faults.append(f"column {column.name!r} has {len(values)} {what}, such as {values[0][:40]!r}.")
        made.to_drop.append(column.name)
        return []
    if missing == "mean" and column.missing.any():
        words = np.where(column.missing, ABSENT, column.values.astype(str))
        column = RawColumn(column.name, words.astype(object), np.zeros(len(words), dtype=bool))
        values.append(ABSENT)
    if len(values) == 1:
        made.notes.append(f"{column.name} is {values[0]!r} in all rows, and is left out.")
        return []
    if len(values) == 2:
        made.add(column, column.values == values[1], "binary", values[1], f"{column.name}={values[1]}")
        return []
    for value in values:
        made.add(column, column.values == value, "category", value, f"{column.name}={value}")
    return [f"{column.name} ({len(values)} entries)"]


def _number_among(column: RawColumn, many: bool, table: RawTable) -> str:
    """What is wrong with a column of numbers that has a few words, or of words that has a few numbers; else ""."""
    numeric = {value for value in column.distinct if is_number(value)}
    where = np.array([value in numeric for value in column.values]) & ~column.missing
    n, count = len(column.present), int(where.sum())
    few_values = len(column.distinct) <= 20 and 5 * len(column.distinct) <= n  # as "0", "1", "2", "3+"
    if not 0 < count < n or (few_values and 0.05 < count / n < 0.95) or (many and count < n / 2):
        return ""
    odd = where if count < n / 2 else ~where & ~column.missing
    row, others = int(odd.argmax()), int(odd.sum()) - 1
    return (
        f"{table.place(row)}, column {column.name!r}: expected a finite number, got {column.values[row]!r}"
        + (f", and the like in {others} other row{'s' * (others > 1)}" if others else "")
        + ". Fill or remove it; a column of labels is taken off with labels=."
    )


def _dropped(names: list[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names[:20]) + ", ..." * (len(names) > 20)
    return f"drop=[{listed}]"
