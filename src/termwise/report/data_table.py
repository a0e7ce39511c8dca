"""What a data set is taken for, as a table for the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from termwise.data.description import DescribedColumn, Description
from termwise.report.terminal import listed_sentence, plain_table

MOST_COLUMNS = 40
"""The columns of a table of data that are shown, at most."""


def data_table(about: Description) -> RenderableType:
    """A headline, the columns with their scales where they have names, and the rest in sentences."""
    parts: list[RenderableType] = [Text(about.headline, "bold")]
    if about.columns:
        parts.append(_columns(about.columns))
    return Group(*parts, *map(listed_sentence, about.sentences()))


def _columns(columns: Sequence[DescribedColumn]) -> RenderableType:
    """A row a column; of what all have alike there is no head."""
    shown = columns[:MOST_COLUMNS]
    table = plain_table()
    table.add_column("column", style="bold", overflow="fold", max_width=24)
    table.add_column("kind")
    for head in ("mean", "sd", "min", "max"):
        table.add_column(head, justify="right", no_wrap=True)
    beside = [(_put(column), column) for column in shown]
    if any(put for put, _ in beside):
        table.add_column("", style="dim")
    for put, column in beside:
        numbers = (column.mean, column.stddev, column.minimum, column.maximum)
        cells: list[Any] = ["" if number is None else f"{number:.4g}" for number in numbers]
        table.add_row(column.name, column.kind, *cells, *([put] if any(put for put, _ in beside) else []))
    if len(columns) > len(shown):
        table.add_row(Text(f"and {len(columns) - len(shown):,} more", "dim"))
    return table


def _put(column: DescribedColumn) -> str:
    """What it was put to, where that is not x; how many values and how many of them are missing."""
    parts = [] if column.use == "x" else [column.use]
    parts += [f"{column.values:,} values"] if column.values and column.kind == "text" else []
    parts += [f"{column.missing:,} missing"] if column.missing else []
    return ", ".join(parts)
