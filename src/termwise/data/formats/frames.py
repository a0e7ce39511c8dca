"""Tables that are Python objects: data frames of any library, Arrow tables, lists of rows, dictionaries of columns.

Frames are opened by narwhals, which knows pandas, polars, Arrow, Modin, cuDF, DuckDB and others, and imports none.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.tables.build import dataset_of_table
from termwise.data.tables.options import Missing, Names, TableOptions
from termwise.data.tables.raw import RawColumn, RawTable, column_of
from termwise.errors import BadData


def is_table(thing: object) -> bool:
    """Whether an object is a data frame of any library, a dictionary of columns, or a list of rows."""
    if isinstance(thing, Mapping):
        return bool(thing) and all(map(_is_row, thing.values()))
    if isinstance(thing, list):
        return bool(thing) and all(isinstance(row, Mapping) or _is_row(row) for row in thing)
    try:
        return isinstance(nw.from_native(thing, pass_through=True), nw.DataFrame | nw.LazyFrame)
    except nw.exceptions.NarwhalsError:  # a frame that cannot be used
        return True


def load_table(
    table: Any,
    *,
    name: str = "table",
    labels: str | bool | None = None,
    attributes: Names = None,
    columns: Names = None,
    drop: Names = None,
    index: str | bool = "auto",
    missing: Missing = "refuse",
    side: Names = None,
) -> Dataset:
    """A table that is an object: columns of numbers and dates as they are, of words one-hot, as x, (N, D).

    Args:
        table: A data frame, of pandas, polars, Arrow or any other library that narwhals knows, of which an index is
            left out; a dictionary of columns by name; or a list of rows, each a list, or a dictionary by name.
        name: What to call the data.
        labels: The name of the column that holds labels, of words or whole numbers. Left out, the one that is called
            class, label, species, target or y, or that is last and of words, if only one would do; False for none.
        attributes: Names of columns that are attributes.
        columns: Names of the columns that make x, in this order; all others where left out.
        drop: Names of columns that are left out.
        index: The name of the column that numbers or names the rows, which is left out; False where there is none.
        missing: What to do where a cell is missing: "refuse" the table, "drop" the row, fill in the "mean" of what
            trains (and of words a value of their own), or "mask" it: left out of the likelihood.
        side: Names of columns that stand beside x, off which they are taken unless they are named in `columns` too.
    """
    headed = not isinstance(table, list) or isinstance(table[0], Mapping)
    read = _of_columns if isinstance(table, Mapping) else _of_rows if isinstance(table, list) else _of_frame
    raw = read(table, name)
    if not raw or not len(raw[0].values):
        raise BadData(f"{name}: expected rows of cells, got none.")
    index = False if index == "auto" and not headed else index
    options = TableOptions(labels, attributes, columns, drop, index, missing, side)
    return dataset_of_table(RawTable(name, name, raw, headed=headed), options)


def _of_frame(frame: Any, where: str) -> list[RawColumn]:
    if type(frame).__module__.partition(".")[0] == "pandas":
        frame = frame.set_axis([str(column) for column in frame.columns], axis=1)  # names may be numbers
    try:
        opened = nw.from_native(frame)
        eager = opened.collect() if isinstance(opened, nw.LazyFrame) else opened
        return [_of_series(eager.get_column(column), column) for column in eager.columns]
    except nw.exceptions.NarwhalsError as error:
        raise BadData(f"{where}: cannot be read as a table: {' '.join(str(error).split())[:300]}") from None


def _of_columns(columns: Mapping[Any, Any], where: str) -> list[RawColumn]:
    lengths = {str(key): len(column) for key, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise BadData(f"{where}: expected columns as long as one another, got {lengths}.")
    return [_made(str(key), column) for key, column in columns.items()]


def _of_rows(rows: list[Any], where: str) -> list[RawColumn]:
    if any(isinstance(row, Mapping) for row in rows):
        if not all(isinstance(row, Mapping) for row in rows):
            raise BadData(f"{where}: expected rows that are all lists or all dictionaries, got both.")
        names = dict.fromkeys(key for row in rows for key in row)
        return [_made(str(key), [row.get(key) for row in rows]) for key in names]
    if odd := [number for number, row in enumerate(rows) if len(row) != len(rows[0])]:
        raise BadData(
            f"{where}, row {odd[0]}: expected {len(rows[0])} cells, as row 0 has, got {len(rows[odd[0]])}. Mend it."
        )
    return [_made(str(at), list(cells)) for at, cells in enumerate(zip(*rows, strict=True))]


def _made(name: str, cells: Any) -> RawColumn:
    """A column of cells of Python's, of an array or of a tensor."""
    return column_of(name, cells.numpy(force=True) if isinstance(cells, Tensor) else cells)


def _of_series(series: Any, name: str) -> RawColumn:
    """A column of a frame."""
    kind, missing = series.dtype, series.is_null().to_numpy()
    if kind in (nw.Categorical, nw.Enum, nw.String):
        words = _made(name, series.cast(nw.String).to_list())
        return replace(words, categorical=kind != nw.String)
    if kind == nw.Boolean:
        return RawColumn(name, series.fill_null(False).to_numpy().astype(bool), missing)
    if kind == nw.Decimal:
        series = series.cast(nw.Float64)
    elif kind == nw.Duration:
        return RawColumn(name, series.dt.total_microseconds().to_numpy() / 8.64e10, missing)
    elif kind in (nw.Date, nw.Datetime):
        if getattr(kind, "time_zone", None) is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _made(name, np.asarray(series.cast(nw.Datetime("us")).to_numpy(), dtype="datetime64[us]"))
    elif not kind.is_numeric():
        return _made(name, series.to_list())
    if kind.is_integer() and missing.any():
        series = series.fill_null(0)
    values = np.asarray(series.to_numpy())
    if kind.is_integer():
        return RawColumn(name, values, missing)
    values = values.astype(np.float64)
    return RawColumn(name, values, missing | np.isnan(values))


def _is_row(thing: Any) -> bool:
    """Whether an object has cells in a row, and is no text."""
    if isinstance(thing, np.ndarray | Tensor):
        return thing.ndim == 1
    return isinstance(thing, list | tuple)
