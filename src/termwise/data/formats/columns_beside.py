"""Columns of values that lie beside x, one an example: which of them are labels, attributes, or offered as either."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from termwise.data.annotations import Annotations, attribute_values, label_codes
from termwise.data.columns import TableColumn, Use
from termwise.data.tables.options import Names, chosen
from termwise.data.tables.raw import RawColumn
from termwise.errors import BadData

_MOST_CLASSES = 200  # different values of what is offered as labels


def annotations_beside(
    about: Mapping[str, RawColumn], labels: str | None, attributes: Names, where: str
) -> tuple[Annotations, tuple[TableColumn, ...]]:
    """What columns say of each example, as asked; and what became of each column.

    Args:
        about: The columns by name, (N,) each.
        labels: That which holds labels, if one is to.
        attributes: Those that are attributes.
        where: What to call them in errors.
    """
    names = chosen(attributes, list(about), "attributes", where)
    annotations = Annotations(others=about)
    if labels is not None:
        (label,) = chosen([labels], list(about), "labels", where)
        codes, words = label_codes(_label_values(about[label], where), where)
        annotations = replace(annotations, labels=codes, label_names=words)
    if names:
        values = np.stack([_numbers(about[name], where) for name in names], axis=1)
        annotations = replace(annotations, attributes=attribute_values(values, where), attribute_names=tuple(names))
    table = []
    for name, column in about.items():
        use: Use = "labels" if name == labels else "attributes" if name in names else "beside"
        distinct, gaps = len(column.distinct), int(column.missing.sum())
        few = 1 < distinct <= _MOST_CLASSES and 2 * distinct <= len(column.values)
        offered = use == "beside" and few and not gaps and column.meaning in ("text", "binary", "count")
        table.append(TableColumn(name, column.meaning, use, distinct, gaps, offered))
    return annotations, tuple(table)


def _label_values(column: RawColumn, where: str) -> np.ndarray:
    """The values of a column as labels: words, or whole numbers."""
    if gaps := int(column.missing.sum()):
        raise BadData(f"{where}: expected a label for every example in {column.name!r}, and {gaps} have none.")
    return column.values.astype(str) if column.kind in ("text", "date") else column.values


def _numbers(column: RawColumn, where: str) -> np.ndarray:
    """The values of a column as an attribute: numbers."""
    gaps = int(column.missing.sum())
    if column.kind not in ("number", "bool") or gaps:
        got = f"{gaps} that are missing" if gaps else column.meaning
        raise BadData(
            f"{where}: expected a number for every example in {column.name!r}, got {got}. As labels, it would be "
            f"labels={column.name}."
        )
    return column.values.astype(np.float64)
