"""Tables in Weka's .arff files, read with scipy: attributes of numbers, of dates, and of one word among several."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.io.arff

from termwise.data.dataset import Dataset
from termwise.data.formats.paired_files import is_one_or_a_pair, parts_of, splits_of, twin_note
from termwise.data.tables.build import dataset_of_table
from termwise.data.tables.options import Missing, Names, TableOptions
from termwise.data.tables.raw import RawColumn, RawTable, column_of
from termwise.errors import BadData
from termwise.main_memory import check_fits

_SWELLS = 12  # bytes of memory that a byte of text takes, at least, as cells


def is_arff(path: Path) -> bool:
    """Whether a path is an .arff file, or a folder with NAME_TRAIN.arff and NAME_TEST.arff."""
    return is_one_or_a_pair(path, ".arff")


def load_arff(
    path: Path,
    *,
    labels: str | bool | None = None,
    attributes: Names = None,
    columns: Names = None,
    drop: Names = None,
    missing: Missing = "refuse",
    side: Names = None,
) -> Dataset:
    """A table in an .arff file; or in NAME_TRAIN.arff and NAME_TEST.arff in one folder, which keep their split.

    Args:
        path: The file, or the folder of two.
        labels: The attribute that holds labels. Left out, the one that is called class, label or target, or that is
            last and of words, if only one would do; false for none.
        attributes: Names of those that are attributes beside x.
        columns: Names of those that make x, in this order; all others where left out. In a setting, "a,b,c".
        drop: Names of those that are left out.
        missing: What to do where a cell is "?": "refuse" the table, "drop" the row, fill in the "mean" of what
            trains (and of words a value of their own), or "mask" it: left out of the likelihood.
        side: Names of columns that stand beside x, off which they are taken unless they are named in `columns` too.
    """
    parts = parts_of(path, ".arff")
    tables = [_columns(one) for one in parts.values()]
    if len(tables) > 1 and missing == "drop":
        raise BadData(f'{path}: expected missing= other than "drop" where two files are parts. Load one of them.')
    heads = [[column.name for column in table] for table in tables]
    if any(head != heads[0] for head in heads):
        raise BadData(f"{path}: expected the same attributes in {' and '.join(p.name for p in parts.values())}.")
    joined = [_joined(list(columns)) for columns in zip(*tables, strict=True)]
    lengths = [len(table[0].values) for table in tables]
    notes = list(twin_note(path)) if path.is_file() else []
    table = RawTable(path.stem if path.is_file() else path.name, str(path), joined, notes=notes)
    data = dataset_of_table(table, TableOptions(labels, attributes, columns, drop, False, missing, side))
    return replace(data, splits=splits_of(parts, lengths))


def _columns(path: Path) -> list[RawColumn]:
    """The attributes of one file."""
    check_fits(_SWELLS * path.stat().st_size, f"{path}, in memory,", "Load a part of it.")
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            rows, meta = scipy.io.arff.loadarff(file)
    except NotImplementedError as error:
        raise _unread(path, "string" if "tring" in str(error) else "relational") from None
    except Exception as error:  # its parser raises a dozen kinds
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise BadData(f"{path}: cannot be read as an .arff file: {reason}. Save it as .csv.") from None
    if not len(rows):
        raise BadData(f"{path}: expected rows below @data, got none.")
    made = []
    for name, kind in zip(meta.names(), meta.types(), strict=True):
        values = rows[name]
        if kind == "nominal":
            words = [value.decode("utf-8", "replace") for value in values.tolist()]
            values = [None if word == "?" else word for word in words]
        column = None if kind == "relational" else column_of(name, values)
        if column is None:
            raise _unread(path, kind)
        made.append(replace(column, categorical=kind == "nominal"))
    return made


def _unread(path: Path, kind: str) -> BadData:
    return BadData(
        f"{path}: expected attributes of numbers, dates and words from a list, got a {kind} one. Save it as .csv, or "
        "series of several channels as .ts."
    )


def _joined(columns: list[RawColumn]) -> RawColumn:
    values = [column.values for column in columns]
    if len({column.kind for column in columns}) > 1:
        raise BadData(f"Expected the attribute {columns[0].name!r} to be of one kind in both files.")
    return replace(
        columns[0], values=np.concatenate(values), missing=np.concatenate([column.missing for column in columns])
    )
