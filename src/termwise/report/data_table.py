"""What a data set is taken for, as a table for the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from termwise.data.description import DescribedColumn, Description
from termwise.report.terminal import Entry, Fitting, Stacked, listed_sentence, plain_table

MOST_COLUMNS = 40
"""The columns of a table of data that are shown, at most."""

LONGEST_NAME = 24
"""The width of a column's name, which folds where it is longer."""


def data_table(about: Description) -> RenderableType:
    """A headline, the columns with their scales where they have names, and the rest in sentences."""
    parts: list[RenderableType] = [Text(about.headline, "bold")]
    if shown := about.columns[:MOST_COLUMNS]:
        parts.append(Fitting(_wide(shown), _narrow(shown)))
    if len(about.columns) > MOST_COLUMNS:
        parts.append(Text(f" and {len(about.columns) - MOST_COLUMNS:,} more columns (all of them with --json)", "dim"))
    return Group(*parts, *map(listed_sentence, about.sentences()))


def _wide(columns: Sequence[DescribedColumn]) -> RenderableType:
    """A row a column; what else there is to say of some stands last."""
    table = plain_table()
    longest = min(LONGEST_NAME, max(len(name) for name in ("column", *(column.name for column in columns))))
    table.add_column("column", style="bold", overflow="fold", min_width=longest, max_width=longest)
    table.add_column("kind", no_wrap=True)
    for head in ("mean", "sd", "min", "max"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", style="dim", no_wrap=True)
    for column in columns:
        table.add_row(Text(column.name), column.kind, *_numbers(column), _put(column))
    return table


def _narrow(columns: Sequence[DescribedColumn]) -> RenderableType:
    """A column's name, kind and all else on a line, and its numbers on the next."""
    entries = []
    for column in columns:
        mean, sd, low, high = _numbers(column)
        numbers = Text(f"mean {mean}, sd {sd}, {low} to {high}" if mean else "", "dim")
        said = ", ".join(part for part in (column.kind, _put(column)) if part)
        entries.append(Entry(Text(column.name, "bold"), Text(said), below=numbers if mean else ""))
    return Stacked(entries)


def _numbers(column: DescribedColumn) -> list[str]:
    numbers = (column.mean, column.stddev, column.minimum, column.maximum)
    return ["" if number is None else f"{number:.4g}" for number in numbers]


def _put(column: DescribedColumn) -> str:
    """What it was put to, where that is not x; how many values and how many of them are missing."""
    parts = [] if column.use == "x" else [column.use]
    parts += [f"{column.values:,} values"] if column.values and column.kind == "text" else []
    parts += [f"{column.missing:,} missing"] if column.missing else []
    return ", ".join(parts)
