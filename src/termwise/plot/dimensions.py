"""What each dimension of the code costs, as bars with their errors."""

from typing import TYPE_CHECKING, Any

import numpy as np

from termwise.account import Account, ReadingByDimension, glossary
from termwise.errors import Refused, UnknownName
from termwise.plot.drawing import COLUMN, INK, PAGE, drawn_on, run_colour, term_colour, unit_label
from termwise.plot.subjects import Subjects, accounts_of, check_listed
from termwise.report.account_json import by_dimension, dimension_name, dimension_title, dimensions_by_cost
from termwise.report.dimension_bars import MOST_DIMENSIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bars = tuple[str, str, ReadingByDimension, list[int]]
"""A group of bars: what it is called, its colour, the reading, and which of its dimensions."""


def dimensions(accounts: Subjects, reading: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """The readings of each dimension, the costliest first, with their errors; at most 32 of them.

    Of one account all readings by dimension in nats, or the one that is asked for. Of several accounts one, by default
    the rate: bars side by side are then of the same rank, for dimensions of two codes have nothing in common.

    Args:
        accounts: An account, a run or the path of a run folder; or several, in a list, or in a dict by their names.
        reading: Its name, such as "rate_by_dimension".
        ax: Where to draw; a figure of its own where left out.

    Raises:
        Refused: There is no reading by dimension.
        UnknownName: There is none of this name.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> ax = tw.plot.dimensions(tw.measure(world, world.data(500)), "rate_by_dimension")
        >>> [tick.get_text() for tick in ax.get_xticklabels()], [f"{bar.get_height():.2f}" for bar in ax.patches]
        (['z1', 'z0'], ['5.11', '1.46'])
    """
    check_listed("dimensions", reading)
    named = accounts_of(accounts)
    bars: list[Bars] = []
    for k, (name, account) in enumerate(named):
        json = account.to_json()
        known = {one: account.by_dimension[one] for one in by_dimension(json)}
        if not known:
            raise Refused(f"{name} has no reading by dimension: measure the run again, tw.measure(run).")
        if reading is not None and (not isinstance(reading, str) or reading not in known):
            raise UnknownName("reading by dimension", reading, known)
        order = dimensions_by_cost(json)[:MOST_DIMENSIONS]
        if len(named) > 1:
            chosen = known[reading or ("rate_by_dimension" if "rate_by_dimension" in known else next(iter(known)))]
            bars.append((name, run_colour(k), chosen, order))
        else:
            shown = [reading] if reading else [n for n, r in known.items() if r.unit == "nats"] or list(known)[:1]
            bars += [(dimension_title(one), term_colour(one), known[one], order) for one in shown]
    return _drawn(bars, named[0][1] if len(named) == 1 else None, ax)


def _drawn(bars: list[Bars], one: Account | None, ax: "Axes | None") -> "Axes":
    count = max(len(order) for *_, order in bars)
    width = 0.8 / len(bars)
    with drawn_on(ax, min(PAGE, max(COLUMN, 0.5 + 0.18 * count * len(bars))), 2.9) as ax:
        for k, (name, colour, reading, order) in enumerate(bars):
            at = np.arange(len(order)) + (k - (len(bars) - 1) / 2) * width
            heights = [_number(reading.value, j) for j in order]
            errors = None if reading.stderr is None else [_number(reading.stderr, j) for j in order]
            look: dict[str, Any] = {"ecolor": INK, "error_kw": {"lw": 0.8, "capsize": min(2.0, 12 * width)}}
            ax.bar(at, heights, width * 0.92, yerr=errors, color=colour, alpha=0.85, label=name, **look)
        ax.set_ylabel(unit_label(bars[0][2].unit))
        if one is None:
            ax.set_xticks(range(count), [str(k + 1) for k in range(count)])
            ax.set_xlabel("dimensions of each code, the costliest first")
            ax.set_title(dimension_title(bars[0][2].name), loc="left")
        else:
            names = [dimension_name(one.to_json(), j) for j in bars[0][3]]
            long = max(map(len, names)) > 4
            turned: dict[str, Any] = (
                {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if long and count > 6 else {}
            )
            ax.set_xticks(range(count), names, size="small" if count > 16 else None, **turned)
            if len(bars) == 1:
                ax.set_title(glossary.reading(bars[0][2].name).title, loc="left")
        if len(bars) > 1:
            ax.legend()
        ax.margins(x=0.02)
    return ax


def _number(values: list[float], j: int) -> float:
    return values[j] if j < len(values) and values[j] is not None else float("nan")
