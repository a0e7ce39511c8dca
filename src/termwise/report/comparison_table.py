"""A comparison of accounts as a table for the terminal."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from termwise.account import glossary
from termwise.account.rounding import MISSING, interval_in_words, rounded, with_error
from termwise.report.term_colours import terminal_colour
from termwise.report.terminal import Fitting, RowsOver, plain_table

NARROW = 14
"""The columns that the name of a run has before it is folded, where a table is too wide."""


def comparison_table(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Runs side by side, a row for each reading; or a row for each run, where the terminal is too narrow for that.

    Args:
        names: The runs.
        comparison: For each reading the fields of a `Comparison`.
    """
    differs = len(names) == 2
    heads = [*names, *(("difference", "in s.e.") if differs else ())]
    titles = [Text(glossary.reading(row["name"]).title, terminal_colour(row["name"])) for row in comparison]
    on_a_line = [[*_values(row, len(names)), *(_difference(row) if differs else ())] for row in comparison]
    cells = on_a_line if len(names) < 3 else [_values(row, len(names), "\n") for row in comparison]
    folded = ["\n".join(textwrap.wrap(head, NARROW)) for head in heads]
    by_run = RowsOver([Text(head) for head in heads], titles, list(zip(*on_a_line, strict=True)))
    notes = [
        *(_differences(names, comparison) if differs else ()),
        *_reasons(comparison),
        *_withheld(names, comparison),
    ]
    return Group(
        Fitting(_by_reading(heads, titles, cells), _by_reading(folded, titles, cells), by_run),
        *(Padding(Text(line, "dim"), (0, 1)) for line in notes),
    )


def _by_reading(heads: Sequence[str], titles: Sequence[Text], cells: Sequence[Sequence[Text]]) -> Table:
    """A row for each reading, a column for each run; no cell wraps."""
    table = plain_table()
    table.add_column("", style="bold", no_wrap=True)
    for head in heads:
        table.add_column(Text(head), justify="right", no_wrap=True)
    for title, row in zip(titles, cells, strict=True):
        table.add_row(title, *row)
    return table


def _difference(row: Mapping[str, Any]) -> list[Text]:
    text, clear = difference_in_words(row)
    style, z = "bold" if clear else "dim", row.get("z")
    return [Text(text, style), Text(MISSING, "dim") if z is None else Text(f"{z:+.1f}", style)]


def difference_in_words(row: Mapping[str, Any]) -> tuple[str, bool]:
    """The difference of two runs with its sign and error, or from and to where it lies; and whether its sign is sure.

    Args:
        row: The fields of a `Comparison`.

    Example:
        >>> difference_in_words({"difference": 0.5, "difference_stderr": 0.1, "z": 5.0})
        ('+0.50 ± 0.10', True)
    """
    if ends := row.get("between"):
        stderrs = [stderr for stderr in row.get("stderrs") or () if stderr]
        clear = (ends[0] is not None and ends[0] > 0) or (ends[1] is not None and ends[1] < 0)
        return interval_in_words(ends, max(stderrs, default=None)), clear
    z = row.get("z")
    text = with_error(row.get("difference"), row.get("difference_stderr"))
    return text if text.startswith(("-", MISSING)) else f"+{text}", z is not None and abs(z) >= 2


def _differences(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the differences are."""
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
    return lines


def _reasons(comparison: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why values are of other things, and have no order; or why differences are not paired, or not there."""
    of_reason: dict[str, list[str]] = {}
    for row in comparison:
        if row.get("why"):
            of_reason.setdefault(row["why"], []).append(glossary.reading(row["name"]).title)
    return [f"{why[0].upper()}{why[1:]} ({_some(titles)})." for why, titles in of_reason.items()]


def _withheld(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why a reading stands as a dash, where it is because a run's account withholds it."""
    runs_of: dict[tuple[str, str], list[str]] = {}
    for row in comparison:
        for name, reason in zip(names, row.get("withheld") or (), strict=False):
            if reason:
                runs_of.setdefault((glossary.reading(row["name"]).title, reason), []).append(name)
    return [f"{title} is withheld of {', '.join(runs)}: {reason}" for (title, reason), runs in runs_of.items()]


def _some(titles: Sequence[str]) -> str:
    """The first of many."""
    return ", ".join(titles) if len(titles) <= 4 else f"{', '.join(titles[:3])} and {len(titles) - 3} more"


def _values(row: Mapping[str, Any], runs: int, between_both: str = " ") -> list[Text]:
    """A reading's value by run, with its error beside it, or below it."""
    stderrs, bounds = row.get("stderrs") or [None] * runs, row.get("bounds") or [None] * runs
    cells = []
    for value, stderr, ends in zip(row["values"], stderrs, bounds, strict=True):
        text, error = (interval_in_words(ends, stderr), "") if ends else rounded(value, stderr)
        cells.append(Text.assemble(text, (f"{between_both}± {error}", "dim")) if error else Text(text))
    return cells
