"""The section of the page that shows each latent dimension as a row of bars."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from termwise.account.rounding import MISSING, with_error
from termwise.report.account_json import (
    AccountJson,
    ReadingJson,
    at,
    by_dimension,
    by_parts,
    dimension_name,
    dimension_title,
    dimensions_by_cost,
)
from termwise.report.markup import hue, quiet, typeset

MOST_DIMENSIONS = 32
"""How many rows are shown before the others are folded away."""


def dimensions_section(account: AccountJson) -> str:
    """A row of bars for each block, variable beside x and latent dimension; bars of one unit share one scale."""
    lists = by_dimension(account)
    if not lists:
        return quiet("No reading was taken by dimension.")
    above = "".join(
        _bars_of(account, readings, range(max(len(r["value"]) for r in readings.values())), part)
        for part, readings in by_parts(account).items()
    )
    intro = "<p>The costliest first; bars of one unit share one scale, and whiskers are one standard error.</p>"
    return intro + above + _bars_of(account, lists, dimensions_by_cost(account), "dimension")


def _bars_of(account: AccountJson, lists: Mapping[str, ReadingJson], order: Sequence[int], of: str) -> str:
    heads = "".join(
        f'<th scope="col" {hue(name)}>{escape(dimension_title(name))}'
        f' <span class="unit">{escape(str(reading.get("unit") or ""))}</span></th>'
        for name, reading in lists.items()
    )
    longest = {
        unit: max((_far(r, j) for r in lists.values() if r.get("unit") == unit for j in order), default=0.0) or 1.0
        for unit in {r.get("unit") for r in lists.values()}
    }
    rows = []
    for j in order:
        cells = "".join(_bar(name, reading, j, longest[reading.get("unit")]) for name, reading in lists.items())
        rows.append(f'<tr><th scope="row">{name_in_html(account, j, of)}</th>{cells}</tr>')
    named = name_in_html(account, 0, of) != "z<sub>0</sub>"
    shown, rest = _bars(heads, rows[:MOST_DIMENSIONS], named), rows[MOST_DIMENSIONS:]
    if not rest:
        return shown
    more = f"<details><summary>The other {len(rest)} dimensions</summary>{_bars(heads, rest, named)}</details>"
    return shown + more


def name_in_html(account: AccountJson, j: int, of: str = "dimension") -> str:
    """What a dimension is called, or a block of the code or a variable beside x, in HTML."""
    name = dimension_name(account, j, of)
    return f"z<sub>{j}</sub>" if name == f"z{j}" else escape(name)


def _bar(name: str, reading: ReadingJson, j: int, longest: float) -> str:
    value, stderr = at(reading, "value", j, math.nan), at(reading, "stderr", j, 0.0)
    text = typeset(with_error(value, stderr)) if math.isfinite(value) else MISSING
    length = 100 * max(value, 0.0) / longest if math.isfinite(value) else 0.0
    low, high = (100 * max(value + k * stderr, 0.0) / longest if length else 0.0 for k in (-1, 1))
    whisker = f'<i style="left:{low:.2f}%;width:{high - low:.2f}%"></i>' if high > low else ""
    return (
        f'<td {hue(name)} data-label="{escape(dimension_title(name))}">'
        f'<span class="track"><b style="width:{length:.2f}%"></b>{whisker}</span>'
        f'<span class="figure">{text}</span></td>'
    )


def _bars(heads: str, rows: Sequence[str], named: bool) -> str:
    kind = "bars named" if named else "bars"
    corner = '<th scope="col"><span class="visually-hidden">dimension</span></th>'
    return f'<table class="{kind}"><thead><tr>{corner}{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _far(reading: ReadingJson, j: int) -> float:
    """How far a bar reaches, its whisker with it."""
    reach = at(reading, "value", j, 0.0) + at(reading, "stderr", j, 0.0)
    return reach if math.isfinite(reach) else 0.0
