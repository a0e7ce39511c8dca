"""A frontier as tables for the terminal: its points, and the best curve of a decoder beta by beta."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from termwise.account import Account, glossary
from termwise.account.frontier import AXES, Frontier
from termwise.account.rounding import MISSING, with_error
from termwise.report.term_colours import terminal_colour
from termwise.report.terminal import Fitting, RowsOver, listed_sentence, plain_table

OF_CURVE = ("rate_by_beta", "distortion_by_beta", "log_partition_by_beta")
"""The readings of a curve that are listed for each beta."""


def frontier_table(found: Frontier) -> RenderableType:
    """The points, a row each; then the curve, a row a beta; and what is to be said of both."""
    parts: list[RenderableType] = []
    if found.points and found.curve is None:
        heads = ["seeds", *(glossary.reading(name).title for name in AXES)]
        rows = [[str(point.seeds), *point.cells()] for point in found.points]
        parts.append(_table([point.name for point in found.points], heads, rows, ["dim", *map(terminal_colour, AXES)]))
    if found.curve is not None:
        heads = [*(glossary.reading(name).title.removesuffix(" by beta") for name in OF_CURVE), "BDMC gap"]
        rows = curve_cells(found.curve)
        colours = [*map(terminal_colour, OF_CURVE), "dim"]
        parts.append(_table([f"beta {row[0]}" for row in rows], heads, [row[1:] for row in rows], colours))
    if any(point.seeds > 1 for point in found.points):
        parts.append(Padding(Text("of several seeds the mean, ± the standard error between them", "dim"), (0, 1)))
    return Group(*parts, *map(listed_sentence, found.sentences))


def curve_cells(curve: Account) -> list[list[str]]:
    """Of each beta: itself, rate, distortion and log partition function, and BDMC's gap where it is certified."""
    readings = [curve.by_dimension[name] for name in OF_CURVE]
    gaps = curve.by_dimension.get("bdmc_gap_by_beta")
    certified = dict(zip(curve.data["certified_betas"], range(len(curve.data["certified_betas"])), strict=True))
    rows = []
    for place, beta in enumerate(curve.data["betas"]):
        cells = [with_error(one.value[place], None if one.stderr is None else one.stderr[place]) for one in readings]
        own, gap = certified.get(beta), MISSING
        if gaps is not None and own is not None:
            gap = with_error(gaps.value[own], gaps.stderr[own] if gaps.stderr else None)
        rows.append([f"{beta:.3g}", *cells, gap])
    return rows


def _table(names: list[str], heads: list[str], rows: list[list[str]], colours: list[str]) -> RenderableType:
    table = plain_table()
    table.add_column("", style="bold", no_wrap=True)
    for head, colour in zip(heads, colours, strict=True):
        table.add_column(Text(head, colour), justify="right", no_wrap=True)
    for name, row in zip(names, rows, strict=True):
        table.add_row(Text(name), *map(Text, row))
    columns = [[Text(cell) for cell in row] for row in rows]
    return Fitting(table, RowsOver([Text(name) for name in names], [Text(head) for head in heads], columns))
