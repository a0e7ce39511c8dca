"""The pieces that tables for the terminal share, and layouts of which one fits whatever the width: nothing is cut."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

MOST_OF_HEAD = 12
"""The columns that a head takes before it folds, where its cells take no more."""


def plain_table() -> Table:
    """A table whose only rule is below its heads, no wider than it need be."""
    return Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, expand=False)


def listed_sentence(sentence: str) -> RenderableType:
    """A sentence after a bullet, its further lines as far in as its first."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(" •", "dim"), Text(str(sentence)))
    return grid


def listed_diagnosis(sentences: Sequence[str]) -> list[RenderableType]:
    """A diagnosis under its heading, and a line below it; nothing of none."""
    return [Text(" Diagnosis", "bold"), *map(listed_sentence, sentences), ""] if sentences else []


class Fitting:
    """Layouts of the same, widest first, of which a terminal shows the first that it is wide enough for, else the last.

    A table is as wide as the longest words of its columns at the least, and as whole cells where they do not wrap.
    """

    def __init__(self, *layouts: RenderableType) -> None:
        self.layouts = layouts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The layout that fits."""
        fits = (one for one in self.layouts if _least_width(one, console, options) <= options.max_width)
        yield next(fits, self.layouts[-1])


def _least_width(layout: RenderableType, console: Console, options: ConsoleOptions) -> int:
    """The columns below which a layout would be cut."""
    wide = options.update(max_width=10_000)
    if isinstance(layout, Group):
        tables = [part for part in layout.renderables if isinstance(part, Table)]
        return max((_least_width(table, console, options) for table in tables), default=0)
    if isinstance(layout, Table):
        for column in layout.columns:
            if column.no_wrap:
                cells = (Measurement.get(console, wide, cell).maximum for cell in (column.header, *column.cells))
                column.min_width = max(cells)
    return Measurement.get(console, wide, layout).minimum


@dataclass(frozen=True)
class Entry:
    """What stands under one another where a table is too wide: a title, its value, and what is to be said below."""

    title: Text
    value: Text
    error: str = ""
    unit: str = ""
    below: RenderableType = ""


@dataclass(frozen=True)
class Stacked:
    """Each entry's title, value, error and unit on a line, in columns, and what is to be said of it below.

    Where a line is too narrow for that, the title has one of its own.
    """

    entries: Sequence[Entry]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines of each entry."""
        texts = [(e.title.plain, e.value.plain, e.error, e.unit) for e in self.entries]
        title, value, error, unit = (max(map(cell_len, column)) for column in zip(*texts, strict=True))
        beside = title + value + error + unit + 6 <= options.max_width
        for entry in self.entries:
            line = Text.assemble(" ", entry.title, " " * (title - cell_len(entry.title.plain) + 2 if beside else 0))
            if not beside:
                yield line
                line = Text("  ")
            line.append(" " * (value - cell_len(entry.value.plain))).append_text(entry.value)
            yield line.append(f" {entry.error:<{error}} {entry.unit}".rstrip(), "dim")
            if entry.below:
                yield Padding(entry.below, (0, 0, 0, 3))


@dataclass(frozen=True)
class RowsOver:
    """Rows under the heads of columns, as many columns at a time as fit: the rest in tables of the same rows below.

    Args:
        names: What each row is called.
        heads: The head of each column.
        cells: A row of cells by column.
    """

    names: Sequence[Text]
    heads: Sequence[Text]
    cells: Sequence[Sequence[Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Tables whose columns fit, one below another."""
        longest = max((cell_len(name.plain) for name in self.names), default=0)
        name = min(longest, max(MOST_OF_HEAD, options.max_width // 3))
        columns = [self._column(j) for j in range(len(self.heads))]
        start = 0
        while start < len(columns):
            end, left = start, options.max_width - name - 2
            while end < len(columns) and (end == start or columns[end][1] + 3 <= left):
                left -= columns[end][1] + 3
                end += 1
            table = plain_table()
            table.add_column("", width=name, overflow="fold")
            for head, _ in columns[start:end]:
                table.add_column(head, justify="right", overflow="fold")
            for title, row in zip(self.names, self.cells, strict=True):
                table.add_row(title, *row[start:end])
            yield table
            start = end

    def _column(self, j: int) -> tuple[Text, int]:
        """The head of a column, folded where its cells are narrow, and the width of both."""
        cells = max((cell_len(line) for row in self.cells for line in row[j].plain.splitlines()), default=0)
        lines = textwrap.wrap(self.heads[j].plain, max(cells, MOST_OF_HEAD))
        return Text("\n".join(lines), self.heads[j].style), max(cells, *map(cell_len, lines))
