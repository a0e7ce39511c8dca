"""Cells by genes, as single-cell biology has them: a matrix, dense or sparse, with tables of its rows and columns.

A row is a cell, and an example. Genes give the columns their names; what is known of the cells can be made labels or
attributes. Whole numbers that do not end at 1 are counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from termwise.data.columns import Column, Kind
from termwise.data.dataset import Dataset
from termwise.data.examples import in_memory_examples
from termwise.data.formats.columns_beside import annotations_beside
from termwise.data.side_columns import column_of_values
from termwise.data.sparse_rows import log_of_one_more, sparse_examples
from termwise.data.tables.options import Names, in_words
from termwise.data.tables.raw import RawColumn, column_of
from termwise.errors import BadData


@dataclass(frozen=True)
class Cells:
    """A matrix of cells by genes, and what is known of either.

    Args:
        name: What to call the data.
        where: What to call it in errors.
        x: The matrix, (N, D), dense or one of scipy's.
        genes: The names of its columns, (D,); none where they have none.
        about: What is known of the cells: columns of N values.
        notes: What it was taken for: a sentence each.
    """

    name: str
    where: str
    x: Any
    genes: Sequence[str] = ()
    about: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def dataset_of_cells(cells: Cells, labels: str | None, attributes: Names, log1p: bool) -> Dataset:
    """The data set whose examples are the cells.

    Args:
        cells: The cells.
        labels: What of that which is known of them are labels, by name.
        attributes: What of it are attributes, by name.
        log1p: Whether x is log(1 + entry).
    """
    where, x = cells.where, cells.x
    if x.ndim != 2 or (cells.genes and len(cells.genes) != x.shape[1]):
        raise BadData(
            f"{where}: expected a matrix of cells by genes, one name a gene, got {tuple(x.shape)} and "
            f"{len(cells.genes)} names."
        )
    kind = "number" if log1p else _kind(x)
    if scipy.sparse.issparse(x):
        examples = sparse_examples(x, where, log1p)
    else:
        examples = in_memory_examples(log_of_one_more(x, where) if log1p else x, where)
    notes = list(cells.notes)
    if kind == "count":
        notes.append(
            "x holds counts. Where cells differ in depth alone, likelihood negative-binomial:observed leaves their "
            "totals out, as scvi-tools does; log1p=true (--set data.log1p=true) takes logarithms, for a normal one."
        )
    about = _about(cells, column_of)
    annotations, table = annotations_beside(about, labels, attributes, where)
    if offered := [column.name for column in table if column.offered]:
        notes.append(f"Of each cell {in_words(offered)} are known, too: labels=NAME makes labels of one.")
    return Dataset(
        cells.name,
        examples,
        replace(annotations, others=_about(cells, column_of_values)),  # whose words stay words: "10" is no number
        columns=tuple(Column(name, kind) for name in _distinct(cells.genes)),
        table=table,
        notes=tuple(notes),
    )


def _kind(x: Any) -> Kind:
    """What the entries of a matrix are: counts, zeros and ones, or other numbers."""
    values = x.data if scipy.sparse.issparse(x) else x
    if values.dtype.kind == "b" or not values.size:
        return "binary"
    if values.dtype.kind == "f":
        for part in np.array_split(values.ravel(), values.size // 2**22 + 1):
            if not (part == np.round(part)).all():
                return "number"
    if values.dtype.kind not in "fiu" or values.min() < 0:
        return "number"
    return "count" if values.max() > 1 else "binary"


def _about(cells: Cells, read: Callable[[str, Any], RawColumn]) -> dict[str, RawColumn]:
    """What is known of the cells, as columns; without what is no value a cell."""
    count = cells.x.shape[0]
    return {name: read(name, values) for name, values in (cells.about or {}).items() if np.shape(values) == (count,)}


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, each made its own by a number where it is not."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        own, number = name, 0
        while own in taken:
            number += 1
            own = f"{name}-{number}"
        taken.add(own)
        distinct.append(own)
    return distinct
