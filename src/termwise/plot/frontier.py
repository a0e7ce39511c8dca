"""Rate against distortion of several models: what each nat of the code buys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from termwise.account import Account, Reading, glossary
from termwise.account.frontier import Frontier
from termwise.errors import Refused, UnknownName
from termwise.plot.drawing import FAINT, INK, MUTED, drawn_on, unit_label
from termwise.plot.subjects import Subjects, accounts_of, check_listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USUAL = {"rate", "distortion", "total_correlation"}
"""The readings that are drawn where nothing is said."""

MOST_NAMES = 12
"""How many points have their names beside them."""

MOST_BETAS = 5
"""About how many of a curve's betas are written along it."""


def frontier(
    accounts: Subjects | Frontier,
    colour: str | None = "total_correlation",
    *,
    x: str = "rate",
    y: str = "distortion",
    names: bool | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Each account as a point, its rate across and its distortion upwards, with both errors and a colour.

    Faint lines join points of one ELBO, where both are in nats: rate + distortion is the same along them, and lower to
    the left. An account that lacks what colours is grey.

    Args:
        accounts: Accounts, runs, or paths of run folders, in a list, or in a dict by their names; or what `tw.frontier`
            gave, whose curve is drawn too: the best that the decoder allows, with the betas along it.
        colour: The reading by which points are coloured; None for one colour.
        x: The reading across.
        y: The reading upwards.
        names: Whether points have their names beside them; where left out, up to twelve.
        ax: Where to draw; a figure of its own where left out.

    Raises:
        Refused: An account lacks one of both readings; or they are in several units.
        UnknownName: No account has a reading of this name.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> account = tw.measure(world, world.data(500))
        >>> ax = tw.plot.frontier({"a world": account})
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('rate (nats)', 'distortion (nats)')
    """
    check_listed("frontier", colour)
    curve = accounts.curve if isinstance(accounts, Frontier) and (x, y) == ("rate", "distortion") else None
    named = list(accounts.accounts.items()) if isinstance(accounts, Frontier) else accounts_of(accounts)
    known = {name for _, one in named for name in one.overall}
    if unknown := [name for name in (x, y, colour) if name and name not in known | USUAL]:
        raise UnknownName("reading", unknown[0], known | USUAL)
    for name, one in named:
        if lacking := [which for which in (x, y) if which not in one.overall]:
            raise Refused(f"{name} has no {' and no '.join(lacking)}: measure that too, or leave {name} out.")
    across, up = ([one[which] for _, one in named] for which in (x, y))
    with drawn_on(ax, 4.6, 3.4) as ax:
        bars: dict[str, Any] = {"ls": "none", "color": MUTED, "lw": 0.9, "capsize": 2, "zorder": 2}
        for a, b in zip(across, up, strict=True):
            ax.errorbar(a.value, b.value, b.stderr, a.stderr, **bars)
        _points(ax, [one for _, one in named], across, up, colour)
        if curve is not None:
            _best_curve(ax, curve)
        if names if names is not None else len(named) <= MOST_NAMES:
            for (name, _), a, b in zip(named, across, up, strict=True):
                ax.annotate(
                    name, (a.value, b.value), xytext=(5, 5), textcoords="offset points", size="small", color=INK
                )
        ax.margins(0.14)
        if {one.unit for one in (*across, *up)} <= {"nats"} and (x, y) == ("rate", "distortion"):
            _same_elbo(ax)
        ax.set_xlabel(_axis(x, across))
        ax.set_ylabel(_axis(y, up))
    return ax


def _points(
    ax: "Axes", accounts: Sequence[Account], across: Sequence[Reading], up: Sequence[Reading], colour: str | None
) -> None:
    """The points, by the reading that colours those of them that have it."""
    look: dict[str, Any] = {"s": 30, "zorder": 3, "edgecolors": INK, "linewidths": 0.5}
    where = np.array([[a.value, b.value] for a, b in zip(across, up, strict=True)])
    shades = [one.overall.get(colour or "") for one in accounts]
    there = np.array([shade is not None for shade in shades])
    if not there.all():
        ax.scatter(where[~there, 0], where[~there, 1], color=MUTED, **look)
    if colour and there.any():
        known = [shade for shade in shades if shade is not None]
        drawn = ax.scatter(where[there, 0], where[there, 1], c=[one.value for one in known], cmap="viridis", **look)
        ax.figure.colorbar(drawn, ax=ax, label=_axis(colour, known))


def _best_curve(ax: "Axes", curve: Account) -> None:
    """A decoder's best rates and distortions, joined, and some of their betas in words."""
    rate, distortion = (curve.by_dimension[f"{name}_by_beta"].value for name in ("rate", "distortion"))
    betas = curve.data["betas"]
    ax.plot(rate, distortion, color=INK, lw=1.1, marker="o", ms=2.2, zorder=1.5, label="best for this decoder")
    step = max(1, len(betas) // MOST_BETAS)
    for place in range((betas.index(1.0) if 1.0 in betas else 0) % step, len(betas), step):
        ax.annotate(
            f"β = {betas[place]:.2g}",
            (rate[place], distortion[place]),
            xytext=(5, 4),
            textcoords="offset points",
            size="x-small",
            color=MUTED,
        )


def _same_elbo(ax: "Axes") -> None:
    """Lines on which rate and distortion have one sum, evenly apart, within what is shown."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for total in np.linspace(left + low, right + high, 8)[1:-1]:
        ax.plot([left, right], [total - left, total - right], color=FAINT, lw=0.8, zorder=0)
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)


def _axis(name: str, readings: Sequence[Reading]) -> str:
    """What an axis is of, and its unit.

    Raises:
        Refused: The accounts have it in several units.
    """
    units = {one.unit for one in readings} or {glossary.reading(name).unit}
    if len(units) > 1:
        raise Refused(f"Accounts have {name} in {' and '.join(sorted(units))}, which no one axis can show.")
    return f"{glossary.reading(name).title} ({unit_label(units.pop())})"
