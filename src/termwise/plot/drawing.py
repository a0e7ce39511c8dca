"""Where plots are drawn: the Axes of a user, or a figure of its own in the sizes of a paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from termwise.account import glossary
from termwise.errors import Refused, in_short
from termwise.report.term_colours import RUN_COLOURS, TERM_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTERS = 8.5
"""The size of most words, in points."""

SIZES = {
    "font.size": LETTERS,
    "axes.titlesize": 9.0,
    "axes.labelsize": LETTERS,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.5,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}
"""What a figure of its own is drawn with: letters that can be read at the width of a column, and stay letters."""

COLUMN, PAGE = 5.0, 7.2
"""How wide figures are, in inches: those of one thing, and those of a whole page."""

INK, MUTED, FAINT = "#1d2129", "#5c6370", "#e3dfd6"
"""The colours of what is no term: lines and words, what stands back, and what hardly shows."""

RUN_MARKS = "osD^vPX*"
"""The marks of runs, by which they are told apart without colours."""


def pyplot() -> Any:
    """The pyplot of matplotlib.

    Raises:
        Refused: It is not installed.
    """
    try:
        return import_module("matplotlib.pyplot")
    except ImportError:
        raise Refused("To draw needs matplotlib: pip install 'termwise[plot]'.") from None


def check_axes(ax: Any) -> None:
    """Raise Refused where that is no Axes to draw into."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise Refused(f"ax is one matplotlib Axes, such as plt.gca(), or axes[0] of several; got {in_short(ax)}.")


@contextmanager
def drawn_on(ax: "Axes | None", width: float = COLUMN, height: float = 3.2) -> Iterator["Axes"]:
    """The user's Axes as they are; or those of a new figure, in inches, in the sizes of a paper while it is drawn."""
    plt = pyplot()
    if ax is not None:
        check_axes(ax)
        yield ax
        return
    with plt.rc_context(SIZES):
        figure, own = plt.subplots(figsize=(width, height), layout="constrained")
        try:
            yield own
        except BaseException:
            plt.close(figure)
            raise


@contextmanager
def words_that_fit(ax: "Axes | None", width: float, height: float) -> Iterator[None]:
    """Words as small as a drawing of this width and height, in inches, becomes where it must fit into a user's Axes."""
    if ax is None:
        yield
        return
    check_axes(ax)
    room = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    share = min(1.0, room.width / width, room.height / height)
    with pyplot().rc_context({"font.size": LETTERS * share}):
        yield


def term_colour(reading: str) -> str:
    """The colour of a reading's term on paper."""
    return TERM_COLOURS[glossary.reading(reading).term].light


def run_colour(place: int) -> str:
    """The colour on paper of the run in this place."""
    return RUN_COLOURS[place % len(RUN_COLOURS)][0]


def run_look(place: int) -> dict[str, Any]:
    """The colour and the mark of the run in this place."""
    return {"color": run_colour(place), "marker": RUN_MARKS[place % len(RUN_MARKS)]}


def unit_label(unit: str) -> str:
    """A unit as an axis has it."""
    return unit.replace("^2", "²")
