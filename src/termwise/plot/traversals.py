"""What each dimension of a code does, as a mosaic of images, or as curves."""

from typing import TYPE_CHECKING, Any

import numpy as np

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

    Of images a mosaic; of vectors and series curves over one another, from low (blue) to high (orange).

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
    moved = run if isinstance(run, Traversals) else _traversed(run, data)
    examples, names = moved.examples[:rows].double().numpy(), moved.names[:rows]
    shape = examples.shape[2:]
    if not can_be_drawn(shape):
        raise Refused(f"Images and vectors are drawn, and these examples have shape {shape}: take tw.traverse(run).")
    steps = examples.shape[1]
    with drawn_on(ax, min(PAGE, CELL * (steps + 1.4)), CELL * (len(names) + 0.6)) as ax:
        across, down = _images(ax, examples) if is_image(shape) else _curves(ax, examples)
        ax.set_yticks(down, names)
        stops = moved.stops[:rows]
        if bool((stops == stops[0]).all()):
            ax.set_xticks(across, [f"{stop:.2g}".replace("-", "−") for stop in stops[0].tolist()])
        else:
            ax.set_xticks([across[0], across[-1]], ["low", "high"])
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


def _curves(ax: "Axes", examples: np.ndarray) -> tuple[list[float], list[float]]:
    """Curves, a row for each dimension, those of a series' channels side by side; returns what `_images` does."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list(
        "low to high", [term_colour("index_code_mi"), term_colour("total_correlation")]
    )
    rows, steps = examples.shape[:2]
    lines = examples.reshape(rows, steps, -1)
    span = float(lines.max() - lines.min()) or 1.0
    for row in range(rows):
        for step in range(steps):
            y = row + 0.5 - 0.9 * (lines[row, step] - lines.min()) / span
            ax.plot(y, color=shades(step / max(steps - 1, 1)), lw=0.9)
    ax.set_ylim(rows - 0.4, -0.6)
    return [0.0, lines.shape[2] - 1.0], [float(row) for row in range(rows)]
