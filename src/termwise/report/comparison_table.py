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
        comparison: For each reading the fields of a `Comparison`.
    """
    table = plain_table()
    table.add_column("", style="bold", no_wrap=len(names) < 3)
    for name in names:
        table.add_column(Text(name, overflow="fold"), justify="right")
    differs = len(names) == 2
    if differs:
        table.add_column("difference", justify="right")
        table.add_column("in s.e.", justify="right")
    for row in comparison:
        entry = glossary.reading(row["name"])
        cells: list[RenderableType] = [Text(entry.title, terminal_colour(row["name"]))]
        stderrs = row.get("stderrs") or [None] * len(names)
        bounds = row.get("bounds") or [None] * len(names)
        for value, stderr, ends in zip(row["values"], stderrs, bounds, strict=True):
            cells.append(Text(between(ends, stderr)) if ends else _stacked(value, stderr, len(names)))
        if differs:
            cells += _difference(row)
        table.add_row(*cells)
    if not differs:
        return table
    return Group(table, *_notes(names, comparison))


def between(ends: Sequence[float | None], stderr: float | None = None) -> str:
    """From and to where something lies, in words, as exact as a standard error of this size.

    Example:
        >>> between((9.5, 11.25), 0.1), between((-90.0, None)), between((None, 3.0))
        ('9.50 to 11.25', 'at least -90', 'at most 3')
    """
    lower, upper = (None if end is None else rounded(end, stderr)[0] for end in ends)
    if lower is None or upper is None:
        return f"at most {upper}" if lower is None else f"at least {lower}"
    return f"{lower} to {upper}"


def _difference(row: Mapping[str, Any]) -> list[RenderableType]:
    if ends := row.get("between"):
        stderrs = [stderr for stderr in row.get("stderrs") or () if stderr]
        clear = (ends[0] is not None and ends[0] > 0) or (ends[1] is not None and ends[1] < 0)
        text = between(ends, max(stderrs, default=None))
        return [Text(text, "bold" if clear else "dim"), Text(MISSING, "dim")]
    z = row.get("z")
    clear = z is not None and abs(z) >= 2
    style = "bold" if clear else "dim"
    text = with_error(row.get("difference"), row.get("difference_stderr"))
    signed = text if text.startswith(("-", MISSING)) else f"+{text}"
    return [Text(signed, style), Text(MISSING if z is None else f"{z:+.1f}", style)]


def _notes(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """What the differences are, and why some are not paired, or not there."""
    paired = {bool(row.get("paired")) for row in comparison if row.get("difference") is not None}
    how = {
        frozenset({True}): "paired by example",
        frozenset({False}): "not paired",
    }.get(frozenset(paired), "paired by example where both runs have values for each")
    lines = [f"difference: {names[-1]} minus {names[0]}, {how}; bold where it is two standard errors or more"]
    if any(row.get("between") for row in comparison):
        lines.append(
            "of bounds: from and to where the difference lies, and no standard error; bold where its sign is sure"
        )
    of_reason: dict[str, list[str]] = {}
    for row in comparison:
        if row.get("why"):
            of_reason.setdefault(row["why"], []).append(glossary.reading(row["name"]).title)
    for why, titles in of_reason.items():
        lines.append(f"{why[0].upper()}{why[1:]} ({_some(titles)}).")
    return [Padding(Text(line, "dim"), (0, 1)) for line in lines]


def _some(titles: Sequence[str]) -> str:
    """The first of many."""
    return ", ".join(titles) if len(titles) <= 4 else f"{', '.join(titles[:3])} and {len(titles) - 3} more"


def _stacked(value: float | None, stderr: float | None, runs: int) -> Text:
    """A value with its error beside it, or below it where many runs share the width."""
    text, error = rounded(value, stderr)
    if not error:
        return Text(text)
    return Text.assemble(text, (f"{' ' if runs < 3 else chr(10)}± {error}", "dim"))
