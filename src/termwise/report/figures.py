"""The pictures of a run's report as PNG files, for whoever shows such: images alone, by name."""

import numpy as np

from termwise.report.image_grids import grid_png
from termwise.report.pictures import Pictures, is_image

ACROSS = 8
"""How many examples stand side by side."""

MOST_WALKS = 16
"""How many dimensions have a row."""

LEAST_HEIGHT = 48
"""The pixels that an example is high at the least, each pixel of a smaller one becoming several."""


def figures_of(pictures: Pictures) -> dict[str, bytes]:
    """PNGs by name: each row of originals over its reconstructions, samples, and a row for each traversed dimension.

    What is no image, such as a row of a table, has no figure.

    Example:
        >>> images = np.random.default_rng(0).random((4, 8, 8))
        >>> list(figures_of(Pictures(originals=images, reconstructions=images)))
        ['reconstructions']
    """
    figures = {}
    if pictures.originals is not None and pictures.reconstructions is not None:
        across = min(ACROSS, len(pictures.originals))
        rows = [slice(start, start + across) for start in range(0, len(pictures.originals) - across + 1, across)]
        pairs = [part for row in rows for part in (pictures.originals[row], pictures.reconstructions[row])]
        figures["reconstructions"] = (np.concatenate(pairs), across)
    if pictures.samples is not None:
        figures["samples"] = (pictures.samples, min(ACROSS, len(pictures.samples)))
    if pictures.traversals is not None:
        walks = pictures.traversals[:MOST_WALKS]
        figures["traversals"] = (walks.reshape(-1, *walks.shape[2:]), walks.shape[1])
    return {
        name: grid_png(images, columns, zoom=_zoom(images.shape[-2]))
        for name, (images, columns) in figures.items()
        if _drawn(images)
    }


def _drawn(images: np.ndarray) -> bool:
    return is_image(images.shape[1:])


def _zoom(height: int) -> int:
    """How many pixels wide and high each pixel is drawn, so that examples of this height can be seen."""
    return max(1, -(-LEAST_HEIGHT // height))
