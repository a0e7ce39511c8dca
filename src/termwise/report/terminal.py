"""The pieces that tables for the terminal share."""

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def plain_table() -> Table:
    """A table whose only rule is below its heads, no wider than it need be."""
    return Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, expand=False)


def listed_sentence(sentence: str) -> RenderableType:
    """A sentence after a bullet, its further lines as far in as its first."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(" •", "dim"), Text(str(sentence)))
    return grid
