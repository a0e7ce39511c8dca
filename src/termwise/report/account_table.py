"""An account as tables for the terminal."""

import math
from collections.abc import Mapping, Sequence

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from termwise.account import glossary
from termwise.report.account_json import (
    AccountJson,
    ReadingJson,
    at,
    bound,
    bounds_in_words,
    by_dimension,
    dimension_title,
    dimensions_by_cost,
    interval,
    measured_part,
    overall,
    withheld,
)
from termwise.report.rounding import MISSING, WITHHELD, rounded, with_error
from termwise.report.term_colours import terminal_colour
from termwise.report.terminal import listed_sentence, plain_table

MOST_DIMENSIONS = 24
"""How many latent dimensions are shown, the costliest first."""


def account_table(account: AccountJson) -> RenderableType:
    """Each reading with its error, estimator and bias, or why it is withheld; by dimension; the diagnosis in words."""
    whole = overall(account)
    population = {name: whole.pop(name) for name in list(whole) if glossary.reading(name).population_of}
    parts: list[RenderableType] = [_readings(whole, withheld(account))]
    if part := measured_part(account):
        parts += ["", Text(f" {part}")]
    if population:
        parts += ["", _population(population)]
    lists = by_dimension(account)
    if lists:
        parts += ["", _dimensions(lists, dimensions_by_cost(account))]
    diagnosis = account.get("diagnosis") or []
    if diagnosis:
        parts += ["", Text(" Diagnosis", "bold"), *(listed_sentence(s) for s in diagnosis)]
    return Group(*parts)


def _readings(selected: Mapping[str, ReadingJson], reasons: Mapping[str, str]) -> Table:
    """A row a reading: its value, error and unit, how it was estimated, its bias and its bounds; or why it has none."""
    table = plain_table()
    table.add_column("", no_wrap=True, overflow="ellipsis")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("± s.e.", justify="left", no_wrap=True, style="dim")
    table.add_column("unit", no_wrap=True, style="dim")
    table.add_column("estimator, and its bias", ratio=1)
    for name, reading in selected.items():
        entry = glossary.reading(name)
        value, error = rounded(reading.get("value"), reading.get("stderr"))
        how = Text(str(reading.get("estimator") or MISSING))
        for line in (reading.get("bias"), bounds_in_words(reading)):
            if line:
                how.append(f"\n{line}", "dim")
        title = Text(entry.title, f"bold {terminal_colour(name)}")
        table.add_row(title, Text(value, "bold"), error and f"± {error}", Text(str(reading.get("unit") or "")), how)
    for name, reason in reasons.items():
        title = Text(glossary.reading(name).title, f"bold {terminal_colour(name)}")
        table.add_row(title, Text(WITHHELD, "bold"), "", "", Text(reason))
    return table


def _population(selected: Mapping[str, ReadingJson]) -> RenderableType:
    """What the links are for new data, of which the examples are a sample: intervals and brackets."""
    table = plain_table()
    table.add_column("for new data", no_wrap=True, overflow="ellipsis")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("± s.e.", no_wrap=True, style="dim")
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("bracket", justify="right", no_wrap=True)
    for name, reading in selected.items():
        entry = glossary.reading(name)
        value, error = rounded(reading.get("value"), reading.get("stderr"))
        table.add_row(
            Text(entry.title.removeprefix("population "), f"bold {terminal_colour(name)}"),
            Text(value, "bold"),
            error and f"± {error}",
            interval(reading),
            " to ".join(bound(reading, side) or MISSING for side in ("lower", "upper")),
        )
    how = dict.fromkeys(str(reading["estimator"]) for reading in selected.values() if reading.get("estimator"))
    note = (
        f" {'; '.join(how)}. The bracket is rigorous in expectation; where no interval can be had, it stands for one."
    )
    return Group(table, Text(note, "dim"))


def _dimensions(lists: Mapping[str, ReadingJson], shown: Sequence[int]) -> RenderableType:
    """A row for each latent dimension, the costliest first, with bars on one scale for all."""
    every = (at(reading, "value", j, 0.0) for reading in lists.values() for j in shown)
    longest = max(every, default=0.0) or 1.0
    table = plain_table()
    table.add_column("", justify="right", style="dim")
    for name in lists:
        table.add_column(
            Text(dimension_title(name), f"bold {terminal_colour(name)}", overflow="fold"),
            justify="right",
            no_wrap=True,
        )
        table.add_column("", ratio=1, min_width=6 if len(lists) < 3 else 3)
    for j in shown[:MOST_DIMENSIONS]:
        cells: list[RenderableType] = [f"z{j}"]
        for name, reading in lists.items():
            value = at(reading, "value", j, math.nan)
            text = with_error(value, at(reading, "stderr", j, 0.0)) if math.isfinite(value) else MISSING
            length = max(value, 0.0) if math.isfinite(value) else 0.0
            cells += [text, Bar(longest, 0, length, color=terminal_colour(name))]
        table.add_row(*cells)
    if len(shown) <= MOST_DIMENSIONS:
        return table
    rest = Text(f" and {len(shown) - MOST_DIMENSIONS} dimensions more, with less", "dim")
    return Group(table, rest)
