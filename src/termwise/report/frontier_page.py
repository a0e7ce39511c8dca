"""A frontier on one HTML page: the figure, its points, and the best curve of a decoder beta by beta."""

import base64
from collections.abc import Sequence
from html import escape
from string import Template

from termwise.account import glossary
from termwise.account.frontier import AXES, Frontier
from termwise.report.frontier_table import OF_CURVE, curve_cells
from termwise.report.markup import quiet, section, typeset
from termwise.report.page import page_resource, page_style

ALONG = "rate + distortion is the same along the faint lines, and lower to the left: the ELBO is higher there."


def frontier_page(found: Frontier, figure: bytes, title: str = "Rate and distortion") -> str:
    """The page as text.

    Args:
        found: What it is of.
        figure: An SVG of it.
        title: The heading.
    """
    parts = {"figure": ("The frontier", _figure(figure, found))}
    if found.points:
        parts["points"] = ("The encoder" if found.curve else "The points", _points(found))
    if found.curve is not None:
        heads = [glossary.reading(name).title.removesuffix(" by beta") for name in OF_CURVE]
        table = _table(["beta", *heads, "BDMC gap"], curve_cells(found.curve))
        parts["curve"] = ("The best codes for this decoder", table)
    items = "".join(f"<li>{typeset(one)}</li>" for one in found.sentences)
    return Template(page_resource("frontier.html")).substitute(
        title=escape(title),
        style=page_style(),
        links="\n".join(f'<a href="#{name}">{escape(heading)}</a>' for name, (heading, _) in parts.items()),
        sentences=f"<ul>{items}</ul>" if items else "",
        sections="\n".join(section(name, heading, body) for name, (heading, body) in parts.items()),
    )


def _figure(figure: bytes, found: Frontier) -> str:
    shown = "rate across and distortion upwards" + (", with the best curve of the decoder" if found.curve else "")
    uri = f"data:image/svg+xml;base64,{base64.b64encode(figure).decode()}"
    look = "width:100%;max-width:46rem;background:#fff;border-radius:4px"
    return f'<img src="{uri}" alt="{shown}" style="{look}">' + quiet(ALONG)


def _points(found: Frontier) -> str:
    names = [*AXES, *(name for name in ("excess_rate", "excess_distortion") if found.curve is not None)]
    names = [name for name in names if any(name in point.account for point in found.points)]
    counted = found.curve is None  # of one encoder there is nothing to count
    heads = ["", *(["seeds"] if counted else []), *(glossary.reading(name).title for name in names)]
    rows = [[one.name, *([str(one.seeds)] if counted else []), *one.cells(names)] for one in found.points]
    more = any(point.seeds > 1 for point in found.points)
    said = quiet("Of several seeds the mean, ± the standard error between them.") if more else ""
    return _table(heads, rows) + said


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = map(escape, heads)
    head = f'<th scope="col">{first}</th>' + "".join(f'<th scope="col" class="number">{one}</th>' for one in others)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{typeset(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    table = f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="table-scroll" tabindex="0" role="group" aria-label="Numbers">{table}</div>'
