"""A sweep as a table for the terminal: a row for each setting, readings as means over seeds."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from termwise.account import glossary
from termwise.report.term_colours import terminal_colour
from termwise.report.terminal import Fitting, RowsOver, plain_table
from termwise.sweeps import Sweep
from termwise.sweeps.settings import in_words, value_in_words

MOST_ROWS = 60
"""The settings that a terminal shows; the page has all."""

MOST_REASONS = 6
"""The runs that did not finish of which a terminal says why."""


def sweep_table(found: Sweep) -> RenderableType:
    """Settings with the means of their readings over seeds and the errors between seeds, and runs that did not finish.

    Args:
        found: The sweep.
    """
    names = found.shown()
    settings = found.settings[:MOST_ROWS]
    heads = [*(found.short[key] for key in found.keys), "n", *(glossary.reading(name).short for name in names)]
    rows = []
    for setting in settings:
        cells = [Text(value_in_words(setting[key])) for key in found.keys]
        cells.append(Text(str(len(found.of_setting(setting)))))
        for name in names:
            one = next((one for one in found.of(name) if one.setting == setting), None)
            cells.append(Text("—", "dim") if one is None else Text(str(one.over_seeds)))
        rows.append(cells)
    table = plain_table()
    styles = ["bold"] * len(found.keys) + ["dim"] + [terminal_colour(name) for name in names]
    for head, style in zip(heads, styles, strict=True):
        table.add_column(Text(head, style if style != "bold" else ""), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    k = len(found.keys)
    words = [Text(in_words(setting, found.short)) for setting in settings]
    by_setting = RowsOver(words, [Text(head) for head in heads[k:]], [row[k:] for row in rows])
    return Group(Fitting(table, by_setting), *(Padding(Text(line, "dim"), (0, 1)) for line in _said(found)))


def _said(found: Sweep) -> list[str]:
    """What is to be said below the table."""
    lines = ["means over seeds, ± the standard error between them; n seeds"]
    if len(found.settings) > MOST_ROWS:
        lines.append(f"{MOST_ROWS} of {len(found.settings)} settings; the page and results.csv have all")
    cut = [run for run in found.runs if run.state in ("failed", "pruned")]
    for run in cut[:MOST_REASONS]:
        words = in_words(run.setting, found.short) or "the base"
        lines.append(f"{run.state}: {words}, seed {run.seed}: {' '.join(run.reason.split()):.200}")
    if len(cut) > MOST_REASONS:
        lines.append(f"and {len(cut) - MOST_REASONS} more that did not finish; the page has all with their reasons")
    return lines
