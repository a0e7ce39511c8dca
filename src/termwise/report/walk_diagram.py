"""The walk from the posterior to the prior as a figure: an arc for each link, as thick as its nats.

Links between neighbouring stops stand on the line; a link that passes over stops spans them from above, as the rate
spans them all. Comparisons in the space of x, such as the distortion, stand beside, and are not to scale: a
distortion may be negative. Under the stops, the same links lie end to end on a ruler, their lengths to scale.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from termwise.account import glossary
from termwise.account.rounding import with_error
from termwise.report.term_colours import svg_colour
from termwise.report.walk_layout import (
    FIRST_RISE,
    PILL,
    STEP,
    Arc,
    arc_ports,
    placed_walk,
    ruler_lengths,
    shoulder,
    tick_of,
)


def walk_svg(links: Sequence[Mapping[str, Any]]) -> str:
    """The walk as an SVG element, inked in `currentColor`, its hues open to the page's `--term-*` variables.

    Args:
        links: Mappings with name, from, to, value, stderr (or None) and unit.

    Raises:
        BadData: The links go round in a circle.
    """
    stops, columns, arcs, beside = placed_walk(links)
    line = 46 + max((arc.height for arc in arcs), default=FIRST_RISE)
    parts = [_beam(x, line) for x in columns[:-1]]
    parts += _arcs(arcs, columns, line)
    parts += [_pill(x, line, name) for x, name in zip(columns, stops, strict=True)]
    bottom, ruler = line + 62, _ruler(arcs, columns, line + 84)
    if ruler:
        parts.append(ruler)
        bottom = line + 124
    x = columns[-1] + 124 if columns else 56
    for link in beside:
        if stops:
            parts.append(f'<path class="aside" d="M{x - 62} {line - 130}V{line + 44}" {_HAIR}/>')
        parts += _aside(link, x, line)
        x += STEP + 124
    width = (x - 124 if beside or columns else 0) + 56
    title, words = "The walk from the posterior to the prior", " ".join(_sentence(link) for link in links)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="walk" style="--width:{width}" viewBox="0 0 {width} {bottom}" '
        'role="img" '
        'aria-labelledby="walk-title walk-desc" fill="currentColor" font-size="14" '
        'font-family="ui-sans-serif, system-ui, sans-serif">'
        f'<title id="walk-title">{title}</title><desc id="walk-desc">{escape(words) or "No links."}</desc>'
        f"{''.join(parts)}</svg>"
    )


_HAIR = 'fill="none" stroke="currentColor" stroke-opacity=".28"'


def _arcs(arcs: list[Arc], columns: list[int], line: int) -> list[str]:
    ports, drawn = arc_ports(arcs, columns), []
    for arc in arcs:
        x0, x1 = ports[id(arc), "start"], ports[id(arc), "end"]
        path, middle, top = _arch(x0, x1, line, arc.height), (x0 + x1) / 2, line - arc.height
        faint = f'<path d="{path}" stroke-dasharray="2 3"/>' if arc.thickness < 1 else ""
        drawn.append(
            f'<g class="arc" style="stroke:{svg_colour(arc.link["name"])}" fill="none">'
            f"<title>{escape(_sentence(arc.link))}</title>"
            f'{faint}<path class="nats" data-link="{escape(arc.link["name"])}" d="{path}" '
            f'stroke-width="{arc.thickness:.2f}" stroke-opacity=".82"/></g>'
        )
        if arc.level == 0:
            drawn.append(_label(arc.link, middle, top + arc.thickness / 2 + 26))
        else:
            drawn.append(_label(arc.link, middle, top - arc.thickness / 2 - 9, stacked=False))
    return drawn


def _ruler(arcs: list[Arc], columns: list[int], y: int) -> str:
    """The links between neighbouring stops end to end, their lengths to scale; "" unless all are non-negative nats."""
    steps = ruler_lengths(arcs, len(columns))
    if not steps:
        return ""
    whole = sum(nats for _, nats in steps)
    x, scale, parts = float(columns[0]), (columns[-1] - columns[0]) / whole, []
    for arc, nats in steps:
        parts.append(
            f'<rect class="length" data-link="{escape(arc.link["name"])}" x="{x:.2f}" y="{y}" '
            f'width="{nats * scale:.2f}" height="10" style="fill:{svg_colour(arc.link["name"])}" fill-opacity=".82">'
            f"<title>{escape(_sentence(arc.link))}</title></rect>"
        )
        x += nats * scale
        parts.append(f'<path d="M{x:.2f} {y}v10" style="stroke:var(--panel, Canvas)"/>')
    tick = tick_of(whole)
    for i in range(int(whole / tick) + 1):
        at = columns[0] + i * tick * scale
        parts.append(
            f'<path d="M{at:.1f} {y + 14}v5" {_HAIR}/><text x="{at:.1f}" y="{y + 33}" text-anchor="middle" '
            f'font-size="11.5" fill-opacity=".68">{i * tick:g}{" nats" if i == 0 else ""}</text>'
        )
    return f'<g class="ruler">{"".join(parts)}</g>'


def _aside(link: Mapping[str, Any], x: int, line: int) -> list[str]:
    """A comparison in the space of x, drawn beside the walk and not to scale."""
    end = x + STEP
    return [
        f'<g class="aside" style="stroke:{svg_colour(link["name"])}" fill="none">'
        f"<title>{escape(_sentence(link))}</title>"
        f'<path d="{_arch(x, end, line, FIRST_RISE)}" stroke-width="2" '
        'stroke-dasharray="5 4"/></g>',
        _label(link, x + STEP / 2, line - FIRST_RISE + 25),
        _pill(x, line, link["from"]),
        _pill(end, line, link["to"]),
    ]


def _arch(x0: float, x1: float, line: int, height: int) -> str:
    """Straight up, round the shoulder, across, and down again, so that arcs over one another never cross."""
    round_, top = shoulder(x0, x1, height), line - height
    left, right = f"A{round_:.1f} {round_:.1f} 0 0 1 {x0 + round_:.1f} {top}", f"{x1 - round_:.1f}"
    return (
        f"M{x0:.1f} {line}V{top + round_:.1f}{left}H{right}"
        f"A{round_:.1f} {round_:.1f} 0 0 1 {x1:.1f} {top + round_:.1f}V{line}"
    )


def _beam(x: int, y: int) -> str:
    end = x + STEP - PILL // 2 - 7
    return f'<path d="M{x + PILL // 2 + 7} {y}H{end}m-5 -4l5 4l-5 4" {_HAIR} stroke-linejoin="round"/>'


def _pill(x: int, y: int, name: str) -> str:
    entry = glossary.stop(name)
    return (
        f'<rect x="{x - PILL // 2}" y="{y - 18}" width="{PILL}" height="36" rx="18" stroke="currentColor" '
        'stroke-opacity=".35" style="fill:var(--paper, Canvas)"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-size="16" font-style="italic" '
        f'font-family="ui-serif, Georgia, serif">{_symbol(entry.symbol)}</text>'
        f'<text x="{x}" y="{y + 37}" text-anchor="middle" font-size="12.5" fill-opacity=".68">'
        f"{escape(entry.title)}</text>"
    )


def _label(link: Mapping[str, Any], x: float, y: float, *, stacked: bool = True) -> str:
    words = [escape(line) for line in title_in_lines(link, 18 if stacked else 99)]
    below = f'<tspan x="{x:.1f}" dy="{19 if len(words) < 2 else 16}"'
    bold = f'font-weight="600">{escape(value_in_words(link))}</tspan>'
    more = "".join(f"{below}>{line}</tspan>" for line in words[1:])
    value = f"{below} {bold}" if stacked else f'<tspan dx="7" {bold}'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{words[0]}{more}{value}</text>'


def title_in_lines(link: Mapping[str, Any], width: int) -> list[str]:
    """What a link is called, in lines of so many letters."""
    return textwrap.wrap(glossary.reading(link["name"]).title, width)


def _symbol(symbol: str) -> str:
    """The symbol with its lowered characters as smaller, shifted spans, since SVG has no <sub>."""
    lowered = r'<tspan dy="4" font-size="11">\1</tspan><tspan dy="-4">&#8203;</tspan>'
    return re.sub(r"_(\w)", lowered, escape(symbol))


def value_in_words(link: Mapping[str, Any]) -> str:
    """The value of a link with its error, and its unit where that is not nats."""
    unit = link.get("unit", "nats")
    text = with_error(link.get("value"), link.get("stderr")).replace("-", "−")
    return text if unit == "nats" else f"{text} {unit}"


def _sentence(link: Mapping[str, Any]) -> str:
    ends = f"{glossary.stop(link['from']).title} to {glossary.stop(link['to']).title}"
    return f"{glossary.reading(link['name']).title}, {ends}: {value_in_words(link)} {link.get('unit', 'nats')}."
