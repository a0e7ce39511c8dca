"""What is against what should be: points about the line y = x, as one SVG file that needs nothing beside it."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from termwise.files import write_whole
from termwise.report.markup import typeset
from termwise.verify import Check, Scatter

SIDE = 360
"""The side of the square that holds the points, in pixels."""

LEFT, TOP, BELOW, RIGHT = 64, 46, 58, 18
"""The margins about it, in pixels."""

TICKS = 5
"""About how many ticks there are on each axis."""


def write_scatters(checks: Iterable[Check], folder: Path) -> list[Path]:
    """A file for each check with a scatter, called by its name; the folder must be there."""
    written = []
    for check in checks:
        if check.scatter is not None:
            path = folder / f"{check.name}.svg"
            write_whole(path, scatter_svg(check.scatter, check.equation).encode())
            written.append(path)
    return written


def scatter_svg(points: Scatter, title: str) -> str:
    """The points, both axes on one scale, and the line where y is x."""
    values = [value for value in (*points.x, *points.y) if math.isfinite(value)]
    ticks = _ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]

    def across(value: float) -> float:
        return LEFT + SIDE * (value - low) / (high - low)

    def up(value: float) -> float:
        return TOP + SIDE * (high - value) / (high - low)

    marks = [
        f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.2"/>'
        for x, y in zip(points.x, points.y, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    axes = []
    for tick in ticks:
        x, y, label = across(tick), up(tick), typeset(f"{tick:g}")
        axes.append(f'<path d="M{x:.1f} {TOP + SIDE}v5M{LEFT} {y:.1f}h-5" stroke="#555"/>')
        axes.append(f'<text x="{x:.1f}" y="{TOP + SIDE + 19}" text-anchor="middle">{label}</text>')
        axes.append(f'<text x="{LEFT - 9}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    width, height, middle = LEFT + SIDE + RIGHT, TOP + SIDE + BELOW, TOP + SIDE / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="{LEFT}" y="26" font-size="15" font-weight="600">{escape(title)}</text>'
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#555"/>{"".join(axes)}'
        f'<path class="equal" d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="#b5432a"/>'
        f'<g class="points" fill="#2a5f9e" fill-opacity=".45">{"".join(marks)}</g>'
        f'<text x="{LEFT + SIDE / 2}" y="{height - 12}" text-anchor="middle">{escape(points.x_label)}</text>'
        f'<text transform="translate(17 {middle}) rotate(-90)" text-anchor="middle">{escape(points.y_label)}</text>'
        "</svg>\n"
    )


def _ticks(low: float, high: float) -> Sequence[float]:
    """Round numbers, evenly apart, the first at or below `low` and the last at or above `high`."""
    rough = max(high - low, 1e-9) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = min(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]
