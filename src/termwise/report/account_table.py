"""An account as tables for the terminal."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from termwise.account import glossary
from termwise.account.rounding import MISSING, WITHHELD, rounded, with_error
from termwise.report.account_json import (
    AccountJson,
    ReadingJson,
    at,
    bound,
    bounds_in_words,
    by_dimension,
    by_parts,
    dimension_name,
    dimension_title,
    dimensions_by_cost,
    interval,
    measured_part,
    overall,
    withheld,
)
from termwise.report.term_colours import terminal_colour
from termwise.report.terminal import Entry, Fitting, Stacked, listed_diagnosis, plain_table

MOST_DIMENSIONS = 24
"""How many latent dimensions are shown, the costliest first."""

WIDE_ENOUGH = 36
"""The columns that sentences ask for beside numbers, before they go below them."""


def account_table(account: AccountJson) -> RenderableType:
    """The diagnosis in words; each reading with its error, estimator and bias, or why it is withheld; by dimension."""
    whole = overall(account)
    population = {name: whole.pop(name) for name in list(whole) if glossary.reading(name).population_of}
    parts: list[RenderableType] = [*listed_diagnosis(account.get("diagnosis") or [])]
    parts.append(_readings(whole, withheld(account)))
    if sentence := measured_part(account):
        parts += ["", Text(f" {sentence}")]
    if population:
        parts += ["", *_population(population)]
    for part, readings in by_parts(account).items():
        values = next(iter(readings.values()))["value"]
        order: Sequence[int] = range(len(values))
        if len(order) > MOST_DIMENSIONS:
            order = sorted(order, key=values.__getitem__, reverse=True)
        parts += ["", *_dimensions(readings, order, partial(dimension_name, account, of=part), f"{part}s")]
    lists = by_dimension(account)
    if lists:
        parts += ["", *_dimensions(lists, dimensions_by_cost(account), partial(dimension_name, account))]
    return Group(*parts)


def _readings(selected: Mapping[str, ReadingJson], reasons: Mapping[str, str]) -> RenderableType:
    """A row a reading: its value, error and unit, how it was estimated, its bias and its bounds; or why it has none."""
    table = plain_table()
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("± s.e.", justify="left", no_wrap=True, style="dim")
    table.add_column("unit", no_wrap=True, style="dim")
    table.add_column("estimator, and its bias", ratio=1, min_width=WIDE_ENOUGH)
    entries = []
    for name, reading in selected.items():
        value, error = rounded(reading.get("value"), reading.get("stderr"))
        unit = str(reading.get("unit") or "")
        how = [str(reading.get("estimator") or MISSING), str(reading.get("bias") or ""), bounds_in_words(reading)]
        first, *further = (line for line in how if line)
        entries.append(
            Entry(
                _title(name),
                Text(value, "bold"),
                error and f"± {error}",
                unit,
                Text("; ".join((first, *further)), "dim"),
            )
        )
        table.add_row(
            _title(name),
            Text(value, "bold"),
            error and f"± {error}",
            Text(unit),
            Text.assemble(first, *((f"\n{line}", "dim") for line in further)),
        )
    for name, reason in reasons.items():
        entries.append(Entry(_title(name), Text(WITHHELD, "bold"), below=Text(reason)))
        table.add_row(_title(name), Text(WITHHELD, "bold"), "", "", Text(reason))
    return Fitting(table, Stacked(entries)) if entries else table


def _title(name: str, without: str = "") -> Text:
    """A reading's title in the colour of its term."""
    return Text(glossary.reading(name).title.removeprefix(without), f"bold {terminal_colour(name)}")


def _population(selected: Mapping[str, ReadingJson]) -> Iterator[RenderableType]:
    """What the links are for new data, of which the examples are a sample: intervals and brackets."""
    table = plain_table()
    table.add_column("for new data", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("± s.e.", no_wrap=True, style="dim")
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("bracket", justify="right", no_wrap=True)
    entries = []
    for name, reading in selected.items():
        value, error = rounded(reading.get("value"), reading.get("stderr"))
        title = _title(name, "population ")
        bracket = " to ".join(bound(reading, side) or MISSING for side in ("lower", "upper"))
        table.add_row(title, Text(value, "bold"), error and f"± {error}", interval(reading), bracket)
        ends = Text(f"95%: {interval(reading)}; bracket: {bracket}", "dim")
        entries.append(Entry(title, Text(value, "bold"), error and f"± {error}", below=ends))
    how = dict.fromkeys(str(reading["estimator"]) for reading in selected.values() if reading.get("estimator"))
    yield Fitting(table, Group(Text(" for new data", "dim"), Stacked(entries)))
    yield Text(
        f" {'; '.join(how)}. The bracket is rigorous in expectation; where no interval can be had, it stands for one.",
        "dim",
    )


def _dimensions(
    lists: Mapping[str, ReadingJson], order: Sequence[int], name_of: Callable[[int], str], what: str = "dimensions"
) -> Iterator[RenderableType]:
    """A row for each latent dimension, or other part; bars, where there is room, on one scale for each unit."""
    shown = order[:MOST_DIMENSIONS]
    units = {reading.get("unit") for reading in lists.values()}
    longest = {
        unit: max((at(r, "value", j, 0.0) for r in lists.values() if r.get("unit") == unit for j in order), default=0.0)
        or 1.0
        for unit in units
    }
    rows = {j: name_of(j) for j in shown}
    one_by_one = (_dimension_table({name: reading}, rows, longest) for name, reading in lists.items())
    yield Fitting(
        _dimension_table(lists, rows, longest),
        _dimension_table(lists, rows, longest, heads="\n"),
        _dimension_table(lists, rows, longest, heads="\n", bars=False),
        Group(*one_by_one),
    )
    if len(order) > MOST_DIMENSIONS:
        yield Text(f" and {len(order) - MOST_DIMENSIONS} {what} more, with less", "dim")


def _dimension_table(
    lists: Mapping[str, ReadingJson],
    shown: Mapping[int, str],
    longest: Mapping[Any, float],
    heads: str = " ",
    bars: bool = True,
) -> Table:
    table = plain_table()
    table.add_column("", justify="right", style="dim")
    for name in lists:
        head = Text(dimension_title(name).replace(" ", heads), f"bold {terminal_colour(name)}")
        table.add_column(head, justify="right", no_wrap=True)
        if bars:
            table.add_column("", ratio=1, min_width=6 if len(lists) < 3 else 3)
    for j, title in shown.items():
        cells: list[RenderableType] = [title]
        for name, reading in lists.items():
            value = at(reading, "value", j, math.nan)
            text = with_error(value, at(reading, "stderr", j, 0.0)) if math.isfinite(value) else MISSING
            cells.append(text)
            if bars:
                cells.append(
                    Bar(
                        longest[reading.get("unit")],
                        0,
                        max(value, 0.0) if math.isfinite(value) else 0.0,
                        color=terminal_colour(name),
                    )
                )
        table.add_row(*cells)
    return table
