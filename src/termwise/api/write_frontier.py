"""A frontier, as one HTML file or as a figure."""

from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, cast

from termwise.account.frontier import Frontier
from termwise.api.write_report import PAGE_ENDINGS
from termwise.files import checked_place, write_whole
from termwise.plot.drawing import pyplot
from termwise.plot.frontier import frontier as draw
from termwise.report.frontier_page import frontier_page
from termwise.values import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRONTIER_ENDINGS = (*PAGE_ENDINGS, ".png", ".svg", ".pdf")
"""A page's, and a figure's."""


@checked
def write_frontier(found: Frontier, path: str | PathLike[str], *, title: str = "Rate and distortion") -> Path:
    """Write a frontier as one HTML file, with its figure and its numbers, or as a figure alone; returns its path.

    Args:
        found: What `tw.frontier` gave.
        path: The file to write: .html or .htm; .png, .svg or .pdf.
        title: The page's heading.

    Raises:
        Refused: The file has another ending, or is one of a run's own; or matplotlib is not installed.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> found = tw.frontier({"a world": tw.measure(world, world.data(200))})
        >>> write_frontier(found, f"{mkdtemp()}/frontier.html").name
        'frontier.html'
    """
    path = checked_place(path, "Frontiers are", FRONTIER_ENDINGS)
    if path.suffix in PAGE_ENDINGS:
        write_whole(path, frontier_page(found, _figure(found, "svg"), title).encode())
    else:
        write_whole(path, _figure(found, path.suffix[1:]))
    return path


def _figure(found: Frontier, kind: str) -> bytes:
    """The figure in a file's format."""
    plt, buffer = pyplot(), BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "termwise"}):
        figure = cast("Figure", draw(found).figure)
        figure.savefig(buffer, format=kind, metadata=undated)
        plt.close(figure)
    return buffer.getvalue()
