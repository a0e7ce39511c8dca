"""From entries of x back to the table that they were read from: its own columns, units and words, in its order.

Cells that had a value keep it as it was read; of the others x says what they are.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.tables.raw import RawColumn

Table = dict[str, np.ndarray]
"""Columns by name, in order: numbers, booleans, dates or words, (N,) each."""


def table_of(data: Dataset, x: Tensor) -> Table:
    """All columns of the table that the data were read from, in which x fills the cells of x that have no value.

    Numbers are those of x; of 0 and 1, and of words, the likelier; dates are so many days after the first.

    Args:
        data: A table of which cells may be missing.
        x: Rows, shape (N, D), without gaps.

    Example:
        >>> from termwise.data import load_data
        >>> import pandas
        >>> frame = pandas.DataFrame({"size": [1.5, None, 0.5], "kind": ["b", "a", None], "name": ["x", "y", "z"]})
        >>> data = load_data(frame, missing="mask", drop="name", test=0.0)
        >>> table = table_of(data, torch.tensor([[1.5, 0.0], [7.0, 1.0], [0.5, 0.9]]))
        >>> {name: column.tolist() for name, column in table.items()}
        {'size': [1.5, 7.0, 0.5], 'kind': ['b', 'a', 'b'], 'name': ['x', 'y', 'z']}
    """
    rows = np.arange(len(data.examples)) if data.positions is None else data.positions.numpy()
    values, result = x.double().numpy(), {}
    for column, entries in _columns(data):
        own = column.rows(rows)
        filled = _written(own, own.values, ~own.missing)
        if entries and own.missing.any():
            filled = _filled(data, column, own, entries, values)
        elif own.missing.any():
            filled = _without(own)
        result[column.name] = filled
    return result


def spread_of(data: Dataset, mean: Tensor, stddev: Tensor) -> Table:
    """How sure each filled cell is, by column of x, nan where there was a value.

    Of numbers the standard deviation, of dates too, in days; of 0 and 1, and of words, the probability of another one.

    Args:
        data: A table of which cells may be missing.
        mean: The mean of each entry, shape (N, D): of 0 and 1 the probability of 1.
        stddev: Its standard deviation.
    """
    result = {}
    missing = data.tensor().isnan()
    for column, entries in _columns(data):
        if entries:
            first = data.columns[entries[0]]
            if first.kind in ("binary", "category"):
                shares = (
                    mean[:, entries] if len(entries) > 1 else torch.cat([mean[:, entries], 1 - mean[:, entries]], 1)
                )
                unsure = 1 - shares.amax(1)
            else:
                unsure = stddev[:, entries[0]]
            result[column.name] = unsure.double().where(missing[:, entries[0]], torch.nan).numpy()
    return result


def likeliest(data: Dataset, mean: Tensor, missing: Tensor) -> Tensor:
    """Means of entries, shape (N, *shape), of which those that are missing and 0 or 1 are the likelier; a new tensor.

    Example:
        >>> from termwise.data import Column, InMemory
        >>> columns = tuple(Column(f"cut={one}", "category", "cut", one) for one in "abc")
        >>> data = Dataset("cuts", InMemory(torch.full((1, 3), torch.nan)), columns=columns)
        >>> likeliest(data, torch.tensor([[0.2, 0.5, 0.3]]), torch.ones(1, 3, dtype=torch.bool))
        tensor([[0., 1., 0.]])
    """
    filled = mean.clone()
    for entries in blocks(data):
        if data.columns[entries[0]].kind in ("binary", "category"):
            gone = missing[:, entries[0]]
            one = _place(mean[gone][:, entries])
            of_each = torch.arange(len(entries)) == one.unsqueeze(1) if len(entries) > 1 else one.unsqueeze(1)
            filled[gone.nonzero(), torch.tensor(entries)] = of_each.to(filled.dtype)
    return filled


def blocks(data: Dataset) -> list[list[int]]:
    """The entries of x that each column of the table became, in order; none where x is no table."""
    found: dict[str, list[int]] = {}
    for entry, column in enumerate(data.columns):
        found.setdefault(column.source, []).append(entry)
    return list(found.values())


def _columns(data: Dataset) -> Iterator[tuple[RawColumn, list[int]]]:
    """Every column of the table, as it was read, and the entries of x that it became."""
    cells, of_source = {column.name: column for column in data.cells}, {}
    for entries in blocks(data):
        of_source[data.columns[entries[0]].source] = entries
    for about in data.table:
        column = cells.get(about.name) or data.annotations.others.get(about.name)
        if column is not None:
            yield column, of_source.get(about.name, [])


def _place(shares: Tensor) -> Tensor:
    """Of each row of shares, (N, K), the place of the largest; of one share, 1 where it is above a half."""
    return shares.argmax(1) if shares.shape[1] > 1 else (shares[:, 0] > 0.5).long()


def _filled(data: Dataset, column: RawColumn, own: RawColumn, entries: list[int], x: np.ndarray) -> np.ndarray:
    """The cells of some rows of a column, those that are missing as x has them."""
    gone, first = own.missing, data.columns[entries[0]]
    values = x[gone][:, entries]
    if first.kind == "date":
        start, day = column.present.min(), np.timedelta64(1, "D")
        whole = bool((column.present == column.present.astype("datetime64[D]")).all())
        days = np.round(values[:, 0]) if whole else values[:, 0]
        made = start + (days * (day / np.timedelta64(1, "us"))).round().astype("timedelta64[us]")
    elif first.kind in ("binary", "category"):
        place = _place(torch.from_numpy(values)).numpy()
        if column.kind == "text":
            names = [data.columns[entry].value for entry in entries]
            words = names if len(names) > 1 else [next(w for w in column.distinct if w != names[0]), names[0]]
            made = np.array(words, dtype=object)[place]
        else:
            made = place.astype(bool) if column.kind == "bool" else place
    else:
        made = values[:, 0].astype(np.float32).astype(str).astype(np.float64)  # 3.4, not 3.4000000953674316
    result = (
        own.values.astype(np.result_type(own.values.dtype, np.float64))
        if column.kind == "number"
        else own.values.copy()
    )
    result[gone] = made
    return _written(column, result, np.ones(len(result), dtype=bool))


def _without(column: RawColumn) -> np.ndarray:
    """Cells with None where there is no value."""
    cells = _written(column, column.values, ~column.missing).astype(object)
    cells[column.missing] = None
    return cells


def _written(column: RawColumn, values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Truths in the words in which they were written, where those were words."""
    if not column.words:
        return values
    return np.array(column.words, dtype=object)[np.where(there, values, False).astype(int)]
