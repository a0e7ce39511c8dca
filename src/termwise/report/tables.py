"""An account, and a comparison of accounts, as tables for the terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from termwise.account import glossary
from termwise.report import readings
from termwise.report.readings import bound
from termwise.report.rounding import MISSING, rounded, with_error

COLOURS = {
    "distortion": "red",
    "rate": "blue",
    "elbo": "default",
    "mi": "cyan",
    "marginal": "magenta",
    "tc": "yellow",
    "dw": "green",
    "other": "default",
}
MOST_DIMENSIONS = 24


def account_table(account: Mapping[str, Any]) -> RenderableType:
    """Each reading with its error, estimator and bias; then by dimension; then the diagnosis in words."""
    overall = readings.overall(account)
    population = {name: overall.pop(name) for name in list(overall) if glossary.reading(name).population_of}
    parts: list[RenderableType] = [_readings(overall)]
    if population:
        parts += ["", _population(population)]
    lists = readings.by_dimension(account)
    if lists:
        parts += ["", _dimensions(lists, readings.dimensions_by_cost(account))]
    diagnosis = account.get("diagnosis") or []
    if diagnosis:
        parts += ["", Text(" Diagnosis", "bold"), *(_sentence(s) for s in diagnosis)]
    return Group(*parts)


def comparison_table(names: Sequence[str], comparison: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Runs side by side, one row for each reading.

    Args:
        names: The runs.
        comparison: For each reading: name, values and stderrs by run, and for two runs the difference (last minus
            first), difference_stderr, z (the difference in standard errors) and whether the runs were paired.
    """
    table = _table()
    table.add_column("", style="bold", no_wrap=len(names) < 3)
    for name in names:
        table.add_column(Text(name, overflow="fold"), justify="right")
    differs = any(row.get("difference") is not None for row in comparison)
    if differs:
        table.add_column("difference", justify="right")
        table.add_column("in s.e.", justify="right")
    for row in comparison:
        entry = glossary.reading(row["name"])
        cells: list[RenderableType] = [Text(entry.title, COLOURS[entry.term])]
        stderrs = row.get("stderrs") or [None] * len(names)
        cells += [_stacked(v, s, len(names)) for v, s in zip(row["values"], stderrs, strict=True)]
        if differs:
            cells += _difference(row)
        table.add_row(*cells)
    if not differs:
        return table
    return Group(table, _note(names, comparison))


def recipes_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The named objectives: name, links beside the distortion, options with their defaults, and paper."""
    parts: list[RenderableType] = []
    for row in rows:
        options = "  ".join(f"{name}={_default(value)}" for name, value in row["options"].items())
        lines = [(f"distortion + {row['formula']}", "cyan"), (options, ""), (row["source"], "dim")]
        parts.append(Text(row["name"], "bold"))
        parts += [Padding(Text(line, style), (0, 0, 0, 2)) for line, style in lines if line]
    return Group(*parts)


def _default(value: object) -> str:
    return "by the paper" if value is None else str(value)


def sources_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Where data can come from, what it is, and the options that it takes."""
    table = _table()
    table.add_column("source", style="bold", no_wrap=True)
    table.add_column("what it is")
    for row in rows:
        options = [f"\n{name}: {meaning}" for name, meaning in row["options"].items()]
        table.add_row(row["name"], Text.assemble(row["description"], *((option, "dim") for option in options)))
    return table


def verification_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Checks of the theory, one below another, and a last line that says how many hold.

    Args:
        rows: For each check: name, equation, statement, left, right, residual, allowed, as_printed, passed and note.
    """
    table = _table()
    table.add_column("")
    table.add_column("check", ratio=1)
    for side in ("left", "right", "residual", "allowed", "as printed"):
        table.add_column(side, justify="right", no_wrap=True)
    for row in rows:
        said = Text.assemble((row["name"], "bold"), f"  {row['equation']}", (f"\n{row['statement']}", "dim"))
        if not row["passed"]:
            said.append(f"\n{row['note']}", "red")
        sides = [MISSING if row[side] is None else f"{round(row[side], 5) + 0.0:.5f}" for side in ("left", "right")]
        errors = [
            MISSING if row[error] is None else f"{row[error]:.1e}" for error in ("residual", "allowed", "as_printed")
        ]
        table.add_row(Text("✓", "green") if row["passed"] else Text("✗", "bold red"), said, *sides, *errors)
    failed = [row["name"] for row in rows if not row["passed"]]
    last = (
        f"{len(failed)} of {len(rows)} checks fail: {', '.join(failed)}" if failed else f"All {len(rows)} checks hold."
    )
    return Group(
        table,
        Text(" as printed: the residual of the form that the notes print, which was corrected", "dim"),
        Text(f" {last}", "bold red" if failed else "bold"),
    )


def _readings(taken: Mapping[str, readings.Reading]) -> Table:
    table = _table()
    table.add_column("", no_wrap=True, overflow="ellipsis")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("± s.e.", justify="left", no_wrap=True, style="dim")
    table.add_column("unit", no_wrap=True, style="dim")
    table.add_column("estimator, and its bias", ratio=1)
    for name, reading in taken.items():
        entry = glossary.reading(name)
        value, error = rounded(reading.get("value"), reading.get("stderr"))
        how = Text(str(reading.get("estimator") or MISSING))
        for said in (reading.get("bias"), _bounds(reading)):
            if said:
                how.append(f"\n{said}", "dim")
        title = Text(entry.title, f"bold {COLOURS[entry.term]}")
        table.add_row(title, Text(value, "bold"), error and f"± {error}", Text(str(reading.get("unit") or "")), how)
    return table


def _population(taken: Mapping[str, readings.Reading]) -> RenderableType:
    """What the links are for new data, of which the examples are a sample: intervals and brackets."""
    table = _table()
    table.add_column("for new data", no_wrap=True, overflow="ellipsis")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("± s.e.", no_wrap=True, style="dim")
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("bracket", justify="right", no_wrap=True)
    for name, reading in taken.items():
        entry = glossary.reading(name)
        value, error = rounded(reading.get("value"), reading.get("stderr"))
        table.add_row(
            Text(entry.title.removeprefix("population "), f"bold {COLOURS[entry.term]}"),
            Text(value, "bold"),
            error and f"± {error}",
            readings.interval(reading),
            " to ".join(readings.bound(reading, side) or MISSING for side in ("lower", "upper")),
        )
    how = dict.fromkeys(str(reading["estimator"]) for reading in taken.values() if reading.get("estimator"))
    note = (
        f" {'; '.join(how)}. The bracket is rigorous in expectation; where no interval can be had, it stands for one."
    )
    return Group(table, Text(note, "dim"))


def _bounds(reading: Mapping[str, Any]) -> str:
    words = (("lower", "at least"), ("upper", "at most"))
    said = [f"{word} {end}" for side, word in words if (end := bound(reading, side))]
    return f"{' and '.join(said)}, in expectation" if said else ""


def _dimensions(lists: Mapping[str, readings.Reading], shown: Sequence[int]) -> RenderableType:
    """A row for each latent dimension, the costliest first, with bars on one scale for all."""
    every = (readings.at(reading, "value", j, 0.0) for reading in lists.values() for j in shown)
    longest = max(every, default=0.0) or 1.0
    table = _table()
    table.add_column("", justify="right", style="dim")
    for name in lists:
        entry = glossary.reading(name)
        table.add_column(
            Text(entry.title.removesuffix(" by dimension"), f"bold {COLOURS[entry.term]}", overflow="fold"),
            justify="right",
            no_wrap=True,
        )
        table.add_column("", ratio=1, min_width=6 if len(lists) < 3 else 3)
    for j in shown[:MOST_DIMENSIONS]:
        cells: list[RenderableType] = [f"z{j}"]
        for name, reading in lists.items():
            value = readings.at(reading, "value", j, math.nan)
            text = with_error(value, readings.at(reading, "stderr", j, 0.0)) if math.isfinite(value) else MISSING
            length = max(value, 0.0) if math.isfinite(value) else 0.0
            cells += [text, Bar(longest, 0, length, color=COLOURS[glossary.reading(name).term])]
        table.add_row(*cells)
    if len(shown) <= MOST_DIMENSIONS:
        return table
    rest = Text(f" and {len(shown) - MOST_DIMENSIONS} dimensions more, with less", "dim")
    return Group(table, rest)


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
    said = f"difference: {names[-1]} minus {names[0]}, {how}; bold where it is two standard errors or more"
    return Padding(Text(said, "dim"), (0, 1))


def _stacked(value: float | None, stderr: float | None, runs: int) -> Text:
    """A value with its error beside it, or below it where many runs share the width."""
    text, error = rounded(value, stderr)
    if not error:
        return Text(text)
    return Text.assemble(text, (f"{' ' if runs < 3 else chr(10)}± {error}", "dim"))


def _sentence(sentence: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(" •", "dim"), Text(str(sentence)))
    return grid


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, expand=False)
