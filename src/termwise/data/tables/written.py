"""Tables as text, and examples as tables: columns of the source's own names, categories in its words."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from termwise.data.columns import Column
from termwise.data.tables.back import Table

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""What parts the cells of a table, by how its file's name ends."""


def table_text(tables: Iterable[Table], path: Path) -> bytes:
    """Tables of the same columns below each other, as a file has them whose name ends in one of `SEPARATORS`.

    Example:
        >>> table_text([{"size": np.array([1.0, 2.5]), "kind": np.array(["a", None])}], Path("sizes.csv"))
        b'size,kind\\n1,a\\n2.5,\\n'
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=SEPARATORS[path.suffix], lineterminator="\n")
    for number, table in enumerate(tables):
        if not number:
            writer.writerow(table)
        writer.writerows(zip(*(map(_cell, column) for column in table.values()), strict=True))
    return text.getvalue().encode()


def examples_as_table(columns: Sequence[Column], x: np.ndarray) -> Table:
    """Examples x, shape (N, D), by the column that entries were made of: numbers; of words the likeliest one.

    Of a date it is the days since the first. What has no columns has the entries' places as names.

    Example:
        >>> columns = [Column("size"), *(Column(f"cut={one}", "category", "cut", one) for one in "ab")]
        >>> table = examples_as_table(columns, np.array([[1.5, 0.2, 0.7], [2.5, 0.6, 0.4]]))
        >>> {name: column.tolist() for name, column in table.items()}
        {'size': [1.5, 2.5], 'cut': ['b', 'a']}
    """
    rows = x.reshape(len(x), -1)
    if len(columns) != rows.shape[1]:
        return {f"x{entry}": rows[:, entry] for entry in range(rows.shape[1])}
    table: Table = {}
    entries_of: dict[str, list[int]] = {}
    for entry, column in enumerate(columns):
        entries_of.setdefault(column.source, []).append(entry)
    for name, entries in entries_of.items():
        first = columns[entries[0]]
        if first.kind == "category" and len(entries) > 1:
            words = np.array([columns[entry].value for entry in entries], dtype=object)
            table[name] = words[rows[:, entries].argmax(1)]
        else:
            table[first.name] = rows[:, entries[0]]
    return table


def _cell(value: Any) -> str:
    """A cell as text: numbers as short as they can be and be the same, dates without hours where there are none."""
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else str(value.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, np.float32):
        return str(value).removesuffix(".0")
    if isinstance(value, float | np.floating):
        return repr(float(value)).removesuffix(".0")
    return str(value)
