"""The walk from the posterior to the prior, as the report draws it; of several accounts their rulers, one by one."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from termwise.account import Account, glossary
from termwise.errors import Refused
from termwise.plot.drawing import COLUMN, FAINT, INK, MUTED, drawn_on, term_colour, words_that_fit
from termwise.plot.subjects import Subjects, accounts_of, check_listed
from termwise.report.walk_diagram import title_in_lines, value_in_words
from termwise.report.walk_layout import (
    FIRST_RISE,
    PILL,
    STEP,
    Arc,
    PlacedWalk,
    arc_ports,
    nats_of,
    placed_walk,
    ruler_lengths,
    shoulder,
    tick_of,
)
from termwise.report.walks import standard_links

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AN_INCH = 118
"""How many pixels of the report's drawing are an inch of the figure's."""


def walk(accounts: Subjects, ax: "Axes | None" = None) -> "Axes":
    """The links from the posterior to the prior of an account, an arc each as thick as its nats, and its ruler.

    Of several accounts the rulers alone, one below the other on one scale: the links end to end, whose lengths add up
    to the rate.

    Args:
        accounts: An account, a run or the path of a run folder; or several, in a list, or in a dict by their names.
        ax: Where to draw; a figure of its own where left out. In one that is smaller the words of a walk are, too.

    Raises:
        Refused: There is no link of the walk.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> account = tw.measure(world, world.data(500))
        >>> ax = tw.plot.walk({"seed 0": account, "again": account})
        >>> [label.get_text() for label in ax.get_yticklabels()], ax.get_xlabel()
        (['seed 0', 'again'], 'nats')
    """
    check_listed("walk", ax)
    named = accounts_of(accounts)
    if len(named) > 1:
        return _rulers([(name, _steps(account)) for name, account in named], ax)
    placed = placed_walk(standard_links(named[0][1].to_json()))
    if not placed.arcs:
        raise Refused("This account has no link of the walk: neither the rate nor a part of it was measured.")
    beside = placed.columns[-1] + 124 + len(placed.beside) * (STEP + 124) - 124
    right = beside if placed.beside else placed.columns[-1]
    top = max(arc.height for arc in placed.arcs) + 46
    ruler = ruler_lengths(placed.arcs, len(placed.stops))
    bottom = -128 if ruler else -56
    width, height = (right + 56) / AN_INCH, (top - bottom) / AN_INCH
    with words_that_fit(ax, width, height), drawn_on(ax, width, height) as ax:
        ax.set_aspect("equal")
        ax.set_xlim(0, right + 56)
        ax.set_ylim(bottom, top)
        ax.axis("off")
        _arcs(ax, placed)
        for x, stop in zip(placed.columns, placed.stops, strict=True):
            _stop(ax, x, stop)
        if ruler:
            _ruler(ax, ruler, placed.columns)
        for k, link in enumerate(placed.beside):
            _aside(ax, link, placed.columns[-1] + 124 + k * (STEP + 124))
    return ax


def _steps(account: Account) -> list[tuple[Mapping[str, Any], float]]:
    """The links of an account that lie end to end, with their nats; or the rate alone."""
    placed = placed_walk(standard_links(account.to_json()))
    steps = [(arc.link, nats) for arc, nats in ruler_lengths(placed.arcs, len(placed.stops))]
    whole = [arc.link for arc in placed.arcs if arc.link["name"] == "rate"]
    return steps or [(link, nats) for link in whole if (nats := nats_of(link)) is not None]


def _rulers(rulers: list[tuple[str, list[tuple[Mapping[str, Any], float]]]], ax: "Axes | None") -> "Axes":
    if not any(links for _, links in rulers):
        raise Refused("No account has a link of the walk: neither the rate nor a part of it was measured.")
    named: dict[str, Any] = {}
    with drawn_on(ax, COLUMN, 1.0 + 0.36 * len(rulers)) as ax:
        for row, (_, links) in enumerate(rulers):
            start = 0.0
            for link, nats in links:
                stderr = link.get("stderr")
                bar = ax.barh(row, nats, left=start, height=0.62, color=term_colour(link["name"]), alpha=0.85)
                named.setdefault(glossary.reading(link["name"]).title, bar)
                start += nats
                if stderr:
                    ax.errorbar(start, row, xerr=stderr, color=INK, lw=0.9, capsize=2)
        ax.set_yticks(range(len(rulers)), [name for name, _ in rulers])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(rulers) - 0.5, -0.5)
        ax.set_xlim(left=0)
        ax.set_xlabel("nats")
        ax.legend(named.values(), named, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
    return ax


def _arcs(ax: "Axes", placed: PlacedWalk) -> None:
    """An arc for each link, filled, so that its thickness is in the drawing's own units."""
    ports = arc_ports(placed.arcs, placed.columns)
    arrow = {"arrowstyle": "->", "color": MUTED, "alpha": 0.5, "lw": 0.7}
    for x in placed.columns[:-1]:
        ax.annotate("", (x + STEP - PILL / 2 - 6, 0), (x + PILL / 2 + 6, 0), arrowprops=arrow)
    for arc in placed.arcs:
        x0, x1, colour = ports[id(arc), "start"], ports[id(arc), "end"], term_colour(arc.link["name"])
        shape = np.concatenate(
            [_arch(x0, x1, arc.height, arc.thickness / 2), _arch(x0, x1, arc.height, -arc.thickness / 2)[::-1]]
        )
        (patch,) = ax.fill(*shape.T, color=colour, alpha=0.82, lw=0)
        patch.set_gid(arc.link["name"])
        if arc.thickness < 1:
            ax.plot(*_arch(x0, x1, arc.height, 0.0).T, color=colour, lw=0.8, ls=(0, (2, 3)))
        _label(ax, arc.link, (x0 + x1) / 2, arc.height, arc.thickness, stacked=arc.level == 0)


def _arch(x0: float, x1: float, height: float, off: float) -> np.ndarray:
    """The points of an arch that lies so far outside of the middle line, shape (n, 2)."""
    corner = shoulder(x0, x1, height)
    round_ = max(corner + off, 0.0)
    turn = np.linspace(0, np.pi / 2, 24)
    left = np.stack([x0 + corner - round_ * np.cos(turn), height - corner + round_ * np.sin(turn)], 1)
    right = np.stack([x1 - corner + round_ * np.sin(turn), height - corner + round_ * np.cos(turn)], 1)
    return np.concatenate([[[x0 - off, 0.0]], left, right, [[x1 + off, 0.0]]])


def _label(ax: "Axes", link: Mapping[str, Any], x: float, y: float, thickness: float, *, stacked: bool) -> None:
    """What a link is called and its value: below its arc, or above it where it spans others."""
    bold = value_in_words(link)
    lines = title_in_lines(link, 15 if stacked else 99)
    if not stacked:
        ax.text(x, y + thickness / 2 + 6, f"{lines[0]}  {bold}", ha="center", va="bottom", color=INK, size="medium")
        return
    below = y - thickness / 2 - 9
    title = ax.text(x, below, "\n".join(lines), ha="center", va="top", color=INK, linespacing=1.1)
    ax.annotate(bold, (0.5, 0), (0, -2), title, "offset points", ha="center", va="top", weight="bold", color=INK)


def _stop(ax: "Axes", x: float, name: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    entry = glossary.stop(name)
    box = FancyBboxPatch(
        (x - PILL / 2 + 12, -12),
        PILL - 24,
        24,
        boxstyle="round,pad=6,rounding_size=18",
        fc="white",
        ec=MUTED,
        lw=0.7,
        zorder=3,
    )
    ax.add_patch(box)
    symbol = re.sub(r"_(\w)", r"$_{\1}$", entry.symbol)
    ax.text(x, 0, symbol, ha="center", va="center", style="italic", family="serif", color=INK, zorder=4)
    ax.text(x, -26, entry.title, ha="center", va="top", size="small", color=MUTED)


def _ruler(ax: "Axes", steps: list[tuple[Arc, float]], columns: list[int]) -> None:
    """The links end to end on a scale of nats, each with its error."""
    whole = sum(nats for _, nats in steps)
    x, scale, y = float(columns[0]), (columns[-1] - columns[0]) / whole, -88
    for arc, nats in steps:
        ax.barh(y, nats * scale, left=x, height=12, color=term_colour(arc.link["name"]), alpha=0.82)
        x += nats * scale
        if arc.link.get("stderr"):
            ax.errorbar(x, y, xerr=arc.link["stderr"] * scale, color=INK, lw=0.9, capsize=2)
    tick = tick_of(whole)
    for k in range(int(whole / tick) + 1):
        at = columns[0] + k * tick * scale
        ax.plot([at, at], [y - 9, y - 14], color=FAINT, lw=0.8)
        ax.text(
            at, y - 16, f"{k * tick:g}{' nats' if k == 0 else ''}", ha="center", va="top", size="x-small", color=MUTED
        )


def _aside(ax: "Axes", link: Mapping[str, Any], x: float) -> None:
    """A comparison in the space of x, beside the walk and not to scale."""
    colour = term_colour(link["name"])
    (line,) = ax.plot(*_arch(x, x + STEP, FIRST_RISE, 0.0).T, color=colour, lw=1.2, ls=(0, (4, 3)), zorder=0)
    line.set_gid(link["name"])
    ax.plot([x - 62, x - 62], [-44, 130], color=FAINT, lw=0.8)
    _label(ax, link, x + STEP / 2, FIRST_RISE, 2, stacked=True)
    _stop(ax, x, link["from"])
    _stop(ax, x + STEP, link["to"])
