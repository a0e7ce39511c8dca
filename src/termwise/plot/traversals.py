"""What each dimension of a code does, as a mosaic of images, or as curves."""

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from termwise.errors import Refused
from termwise.models.code_paths import MOST_TRAVERSED, Traversals, traversals_of
from termwise.models.data_pass import evaluating, values_beside
from termwise.models.randomness import own_randomness
from termwise.models.target import check_makes_examples
from termwise.plot.drawing import PAGE, drawn_on, term_colour
from termwise.plot.subjects import model_and_examples
from termwise.report.image_grids import grid_gap, grid_pixels
from termwise.report.pictures import can_be_drawn, is_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = 0.5
"""How wide an image is in a figure of its own, in inches."""

MOST_ROWS = 12
"""How many dimensions are drawn, the costliest first."""


def traversals(run: Any, data: Any = None, rows: int = MOST_ROWS, ax: "Axes | None" = None) -> "Axes":
    """A row for each dimension of the code: what the decoder says while it moves and the others rest.

    Of images a mosaic; of vectors and series curves over their places, from low (blue) to high (orange).

    Args:
        run: A run; a model, and its data beside it; or what `tw.traverse` gives.
        data: The examples, the first of which is traversed; a run's held-out ones where left out.
        rows: How many dimensions at most, of a run the costliest.
        ax: Where to draw; a figure of its own where left out.

    Raises:
        Refused: Examples are neither images nor vectors.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=3, options={"hidden": [8]})
        >>> ax = tw.plot.traversals(untrained, tw.load_data("digits").test)
        >>> [tick.get_text() for tick in ax.get_yticklabels()]
        ['z0', 'z1', 'z2']
    """
    if rows < 1:
        raise Refused(f"One row or more is drawn; got rows={rows}.")
    moved = run if isinstance(run, Traversals) else _traversed(run, data)
    examples, names = moved.examples[:rows].double().numpy(), moved.names[:rows]
    shape = examples.shape[2:]
    if not can_be_drawn(shape):
        raise Refused(f"Images and vectors are drawn, and these examples have shape {shape}: take tw.traverse(run).")
    steps = examples.shape[1]
    with drawn_on(ax, min(PAGE, CELL * (steps + 1.4)), CELL * (len(names) + 0.6)) as ax:
        if is_image(shape):
            across, down = _images(ax, examples)
            ax.set_yticks(down, names)
            ax.set_xticks(*_stops(moved.stops[:rows], across))
        else:
            _curves(ax, examples)
            ax.set_yticks(range(len(names)), names)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return ax


def _traversed(run: Any, data: Any) -> Traversals:
    """All dimensions of the first example's code, the costliest first where a run's account says so."""
    model, examples = model_and_examples(run, data)
    check_makes_examples(model)
    account = getattr(run, "account", None)
    costs = None if account is None else account.by_dimension.get("rate_by_dimension")
    rates = None if costs is None else costs.value
    with evaluating(model), own_randomness(0):
        beside = values_beside(model, examples)
        first = None if beside is None else beside[:1]
        return traversals_of(model, examples.tensor(limit=1), first, rates=rates, most=MOST_TRAVERSED)


def _stops(stops: Tensor, across: list[float]) -> tuple[list[float], list[str]]:
    """Where columns of images have their ticks, and what stands there: the stops, where those of every row are one."""
    if bool((stops == stops[0]).all()):
        return across, [f"{stop:.2g}".replace("-", "−") for stop in stops[0].tolist()]
    return [across[0], across[-1]], ["low", "high"]


def _images(ax: "Axes", examples: np.ndarray) -> tuple[list[float], list[float]]:
    """The mosaic; returns where the columns are and where the rows are."""
    rows, steps = examples.shape[:2]
    pixels = grid_pixels(examples.reshape(rows * steps, *examples.shape[2:]), steps)
    if pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    ax.imshow(pixels, interpolation="nearest")
    height, width = examples.shape[-2:]
    gap = grid_gap(height)
    across = [k * (width + gap) + (width - 1) / 2 for k in range(steps)]
    return across, [k * (height + gap) + (height - 1) / 2 for k in range(rows)]


def _curves(ax: "Axes", examples: np.ndarray) -> None:
    """Curves over the places in x, a row for each dimension; those of a series' channels stand side by side."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    shades = LinearSegmentedColormap.from_list(
        "low to high", [term_colour("index_code_mi"), term_colour("total_correlation")]
    )
    rows, steps = examples.shape[:2]
    channels = 1 if examples.ndim == 3 else examples.shape[2]
    lines = examples.reshape(rows, steps, channels, -1)
    length = lines.shape[3]
    span = float(lines.max() - lines.min()) or 1.0
    ends = {0: "low", steps - 1: "high"}
    for row in range(rows):
        for step in range(steps):
            look: dict[str, Any] = {"color": shades(step / max(steps - 1, 1)), "lw": 0.9}
            if length == 1:
                look["marker"] = "."
            for channel, line in enumerate(lines[row, step]):
                label = ends.get(step) if row == channel == 0 else None
                at = channel * length + np.arange(length)
                ax.plot(at, row + 0.5 - 0.9 * (line - lines.min()) / span, label=label, **look)
    ax.set_ylim(rows - 0.4, -0.6)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    if channels > 1:
        ax.set_xticks(
            [(channel + 0.5) * length - 0.5 for channel in range(channels)], [f"channel {k}" for k in range(channels)]
        )
    else:
        ax.set_xlabel("place in x")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
