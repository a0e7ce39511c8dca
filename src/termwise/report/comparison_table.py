"""A comparison of accounts as a table for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from termwise.account import glossary
from termwise.report.rounding import MISSING, rounded, with_error
from termwise.report.term_colours import terminal_colour
from termwise.report.terminal import plain_table


def comparison_table(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Runs side by side, one row for each reading.

    Args:
        names: The runs.
        comparison: For each reading: name, values and stderrs by run, and for two runs the difference (last minus
            first), difference_stderr, z (the difference in standard errors) and whether the runs were paired.
    """
    table = plain_table()
    table.add_column("", style="bold", no_wrap=len(names) < 3)
    for name in names:
        table.add_column(Text(name, overflow="fold"), justify="right")
    differs = any(row.get("difference") is not None for row in comparison)
    if differs:
        table.add_column("difference", justify="right")
        table.add_column("in s.e.", justify="right")
    for row in comparison:
        entry = glossary.reading(row["name"])
        cells: list[RenderableType] = [Text(entry.title, terminal_colour(row["name"]))]
        stderrs = row.get("stderrs") or [None] * len(names)
        cells += [_stacked(v, s, len(names)) for v, s in zip(row["values"], stderrs, strict=True)]
        if differs:
            cells += _difference(row)
        table.add_row(*cells)
    if not differs:
        return table
    return Group(table, _note(names, comparison))


def _difference(row: Mapping[str, Any]) -> list[RenderableType]:
    z = row.get("z")
    clear = z is not None and abs(z) >= 2
    style = "bold" if clear else "dim"
    text = with_error(row.get("difference"), row.get("difference_stderr"))
    signed = text if text.startswith(("-", MISSING)) else f"+{text}"
    return [Text(signed, style), Text(MISSING if z is None else f"{z:+.1f}", style)]


def _note(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> RenderableType:
    paired = {bool(row.get("paired")) for row in comparison if row.get("difference") is not None}
    how = {
        frozenset({True}): "paired by example",
        frozenset({False}): "not paired",
    }.get(frozenset(paired), "paired by example where both runs have values for each")
    note = f"difference: {names[-1]} minus {names[0]}, {how}; bold where it is two standard errors or more"
    return Padding(Text(note, "dim"), (0, 1))


def _stacked(value: float | None, stderr: float | None, runs: int) -> Text:
    """A value with its error beside it, or below it where many runs share the width."""
    text, error = rounded(value, stderr)
    if not error:
        return Text(text)
    return Text.assemble(text, (f"{' ' if runs < 3 else chr(10)}± {error}", "dim"))
