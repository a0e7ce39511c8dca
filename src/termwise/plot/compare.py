"""Accounts against the first of them, reading by reading, with the errors of the differences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from termwise import account
from termwise.account import Comparison, glossary
from termwise.account.interval import NORMAL_95
from termwise.errors import Refused, UnknownName
from termwise.plot.drawing import COLUMN, MUTED, drawn_on, run_look, term_colour, unit_label
from termwise.plot.subjects import Subjects, accounts_of, check_listed
from termwise.report.sections import HEADLINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = tuple[str, list[Comparison]]
"""A reading, and what each account but the first says of it beside the first."""


def compare(accounts: Subjects, readings: Sequence[str] | None = None, ax: "Axes | None" = None) -> "Axes":
    """How far each account is from the first, reading by reading: the difference, with the 95% interval of it.

    Differences of the same examples are of pairs. A bound has no interval: it is drawn from where to where the
    difference lies, with an arrow where that end is open.

    Args:
        accounts: Two or more, runs or paths of run folders among them; in a list, or in a dict by their names.
        readings: Which, all of one unit; those that a reader looks for first, in nats, where left out.
        ax: Where to draw; a figure of its own where left out.

    Raises:
        Refused: There are fewer than two, or they have nothing in common that can be compared.
        UnknownName: There is no such reading.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2, mutual_information=1.0)
        >>> data = world.data(200, seed=0)
        >>> ax = tw.plot.compare([tw.measure(world, data), tw.measure(world, data, seed=1)], ["rate", "elbo"])
        >>> [tick.get_text() for tick in ax.get_yticklabels()], ax.get_xlabel()
        (['rate', 'ELBO'], 'nats more than account 1')
    """
    check_listed("compare", readings)
    named = accounts_of(accounts)
    first = named[0][1]
    compared = [{row.name: row for row in account.compare([first, other])} for _, other in named[1:]]
    if not compared:
        account.compare([first])  # says that it needs two
    rows = _rows(compared, readings)
    look = [run_look(k) for k in range(len(named))]
    apart = 0.7 / len(compared)
    with drawn_on(ax, COLUMN, 0.9 + (0.24 + 0.13 * len(compared)) * len(rows)) as ax:
        ax.axvline(0, color=MUTED, lw=0.8, ls=(0, (3, 3)))
        for k, (name, _) in enumerate(named[1:]):
            for place, (_, of_each) in enumerate(rows):
                y = place + (k - (len(compared) - 1) / 2) * apart
                _difference(ax, of_each[k], y, look[k + 1], name if place == 0 else "")
        ax.set_yticks(range(len(rows)), [glossary.reading(name).title for name, _ in rows])
        for label, (name, _) in zip(ax.get_yticklabels(), rows, strict=True):
            label.set_color(term_colour(name))
        ax.set_ylim(len(rows) - 0.45, -0.55)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(f"{unit_label(rows[0][1][0].unit)} more than {named[0][0]}")
        if len(compared) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)
        else:
            ax.set_title(f"{named[1][0]} less {named[0][0]}", loc="left")
    return ax


def _rows(compared: list[dict[str, Comparison]], asked: Sequence[str] | None) -> list[Row]:
    """The readings that are drawn, each with what every other account says of it beside the first."""
    names = glossary.in_order(name for rows in compared for name in rows)
    if asked is None:
        asked = [
            name for name in HEADLINES if name in names and all(r[name].unit == "nats" for r in compared if name in r)
        ]
    elif unknown := [name for name in asked if name not in names]:
        raise UnknownName("reading", unknown[0], names)
    rows = [(name, [one[name] for one in compared]) for name in asked if all(name in one for one in compared)]
    rows = [(name, each) for name, each in rows if any(one.difference is not None or one.between for one in each)]
    if not rows:
        why = next((one.why for rows_ in compared for one in rows_.values() if one.why), "they share no reading")
        raise Refused(f"There is no difference to draw: {why}.")
    if len(units := {one.unit for _, each in rows for one in each}) > 1:
        raise Refused(f"These readings are in {' and '.join(sorted(units))}: draw those of each unit into its own ax.")
    return rows


def _difference(ax: "Axes", row: Comparison, y: float, look: dict[str, Any], label: str) -> None:
    if row.difference is not None:
        error = None if row.difference_stderr is None else NORMAL_95 * row.difference_stderr
        ax.errorbar(row.difference, y, xerr=error, ls="none", ms=4.5, capsize=2.5, lw=1.1, label=label or None, **look)
    elif row.between:
        low, high = (np.nan if end is None else end for end in row.between)
        ends = [end for end in (low, high) if np.isfinite(end)]
        ax.plot([ends[0], ends[-1]], [y, y], color=look["color"], lw=1.1, marker="|", label=label or None)
        if len(ends) == 1:
            up = bool(np.isfinite(low))
            ax.plot(ends, [y], ls="none", color=look["color"], marker=">" if up else "<", ms=4.5)
