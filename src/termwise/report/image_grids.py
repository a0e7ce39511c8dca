"""Examples as pictures that a page can hold: images as one PNG sheet, vectors as lines in SVG."""

import base64
import io

import numpy as np
from PIL import Image

LINE_WIDTH, LINE_HEIGHT = 96.0, 52.0
"""The size of the drawing of a vector, in pixels."""

MOST_COORDINATES = 256
"""How many points a line has at most; each is the mean of neighbouring coordinates where there are more."""


def image_grid(images: np.ndarray, columns: int) -> str:
    """The images in rows of `columns`, as `grid_png` has them, as a data URI."""
    return "data:image/png;base64," + base64.b64encode(grid_png(images, columns)).decode("ascii")


def grid_png(images: np.ndarray, columns: int, zoom: int = 1) -> bytes:
    """The images in rows of `columns`, as a PNG whose gaps are transparent.

    Args:
        images: Shape (n, H, W) or (n, 1 or 3, H, W), clipped to [0, 1].
        columns: How many stand side by side.
        zoom: How many pixels wide and high each pixel is.
    """
    canvas, file = grid_pixels(images, columns).repeat(zoom, 0).repeat(zoom, 1), io.BytesIO()
    Image.fromarray(canvas, "LA" if canvas.shape[2] == 2 else "RGBA").save(file, "PNG", optimize=True)
    return file.getvalue()


def grid_pixels(images: np.ndarray, columns: int) -> np.ndarray:
    """The same as bytes, shape (height, width, 2 or 4): grey or colours, and last the opacity."""
    if images.ndim == 3:
        images = images[:, None]
    n, channels, height, width = images.shape
    gap = grid_gap(height)
    rows = -(-n // columns)
    canvas = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, channels + 1), np.uint8)
    pixels = np.rint(255 * images.clip(0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)  # (n, H, W, C)
    for k, image in enumerate(pixels):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        canvas[top : top + height, left : left + width, :channels] = image
        canvas[top : top + height, left : left + width, channels] = 255
    return canvas


def grid_gap(height: int) -> int:
    """The pixels between two images of this height."""
    return max(1, round(height / 14))


def line_drawing(curves: np.ndarray, classes: list[str], low: float, high: float) -> str:
    """Vectors over one another as lines in one small SVG, the first at the bottom.

    Args:
        curves: Shape (k, D); where D is above 256, each point is the mean of neighbouring coordinates.
        classes: A CSS class for each curve.
        low: The value at the bottom of the picture.
        high: The value at the top.
    """
    thin = np.stack([np.array([part.mean() for part in _parts(curve)]) for curve in curves])
    points = thin.shape[1]
    x = np.linspace(3, LINE_WIDTH - 3, points) if points > 1 else np.array([LINE_WIDTH / 2])
    y = LINE_HEIGHT - 4 - (LINE_HEIGHT - 8) * (thin - low) / ((high - low) or 1.0)
    drawn = []
    for row, name in zip(y, classes, strict=True):
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, row, strict=True))
        drawn.append(f'<path class="{name}" d="M{path}{"h0" if points == 1 else ""}"/>')
    return f'<svg class="line" viewBox="0 0 {LINE_WIDTH:g} {LINE_HEIGHT:g}" aria-hidden="true">{"".join(drawn)}</svg>'


def _parts(curve: np.ndarray) -> list[np.ndarray]:
    return np.array_split(curve, min(len(curve), MOST_COORDINATES))
