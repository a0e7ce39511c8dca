"""Attributes as a figure: rows of images, edited along vectors at several strengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.measuring.attributes import AttributesBeside, Edits, check_strengths, decoded
from termwise.measuring.attributes.edits import code_means
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.drawable import Drawable
from termwise.report.pictures import can_be_drawn, is_image

MOST_ATTRIBUTES = 12
"""How many attributes a figure shows, the first ones."""

STRENGTHS = (-1.0, 1.0)
"""The strengths of the edits in a figure, in units of the vectors."""

_LEAST_SIDE, _GAP, _APART = 56, 3, 10  # pixels: an image's side, between images, between attributes
_INK, _PAPER = (32, 32, 36), (255, 255, 255)


@dataclass(frozen=True, eq=False)
class EditedImages:
    """Some images, and what editing makes of them.

    Attributes:
        originals: Shape (n, *shape).
        reconstructions: Likewise.
        edits: By attribute and strength, shape (n, A, S, *shape).
        names: The A attributes'.
        titles: Of the S columns of an attribute: the strengths, in units of the vectors; or without it, and with it.
    """

    originals: np.ndarray
    reconstructions: np.ndarray
    edits: np.ndarray
    names: tuple[str, ...]
    titles: tuple[str, ...]


def edited_images(
    model: Drawable,
    data: Dataset,
    vectors: Edits,
    strengths: Sequence[float] = STRENGTHS,
    count: int = 8,
    device: torch.device | str = "cpu",
) -> EditedImages:
    """The first `count` examples, edited in the first attributes, at most `MOST_ATTRIBUTES`, at every strength.

    By values beside x they are edited to be without each, and with it.

    Raises:
        Refused: Examples that are no images; strengths that are no finite numbers.
    """
    if not (can_be_drawn(data.shape) and is_image(data.shape)):
        raise Refused(f"A figure needs images, (1 or 3, H, W) or (H, W); {data.name} has examples of {data.shape}.")
    check_strengths(*strengths)
    names = vectors.names[:MOST_ATTRIBUTES]
    by_value = isinstance(vectors, AttributesBeside)
    shown = (-1.0, 1.0) if by_value else tuple(strengths)
    draw = DataPass(model, data, device=device).at(torch.arange(min(count, len(data))))
    with evaluating(model):
        code = (code_means(draw), draw.context)
        edits = [
            torch.stack([decoded(model, *vectors.added(code, j, s)).cpu() for s in shown], 1) for j in range(len(names))
        ]
        plain = decoded(model, *code).cpu()
    titles = ("without", "with") if by_value else tuple(f"{s:+g}" for s in shown)
    return EditedImages(draw.x.cpu().numpy(), plain.numpy(), torch.stack(edits, 1).numpy(), names, titles)


def attribute_figure(images: EditedImages) -> Image.Image:
    """The figure: a row an image; the original, its reconstruction, and then a group of columns an attribute."""
    rows = [
        [original, plain, *edits.reshape(-1, *original.shape)]
        for original, plain, edits in zip(images.originals, images.reconstructions, images.edits, strict=True)
    ]
    per_group, high, wide = len(images.titles), *images.originals.shape[-2:]
    scale = max(1, round(_LEAST_SIDE / max(high, wide)))
    high, wide = high * scale, wide * scale
    titles = ["original", "decoded", *(images.titles * len(images.names))]
    font = ImageFont.load_default(12)
    groups = [_fitted(name, per_group * (wide + _GAP) + _APART - 2 * _GAP, font) for name in images.names]
    lefts = [
        _GAP + (_APART * (1 + (k - 2) // per_group) if k > 1 else 0) + k * (wide + _GAP) for k in range(len(titles))
    ]
    top = 40
    canvas = Image.new("RGB", (lefts[-1] + wide + _GAP, top + len(rows) * (high + _GAP)), _PAPER)
    pen = ImageDraw.Draw(canvas)
    for k, (title, left) in enumerate(zip(titles, lefts, strict=True)):
        pen.text((left + wide / 2, top - 4), _fitted(title, wide, font), _INK, font, anchor="ms")
        for r, row in enumerate(rows):
            canvas.paste(_picture(row[k], scale), (left, top + r * (high + _GAP)))
    for g, name in enumerate(groups):
        left, right = lefts[2 + g * per_group], lefts[1 + (g + 1) * per_group] + wide
        pen.text(((left + right) / 2, 16), name, _INK, font, anchor="ms")
        pen.line([(left, 21), (right, 21)], (190, 190, 196))
    return canvas


def _picture(pixels: np.ndarray, scale: int) -> Image.Image:
    """One image of shape (H, W) or (1 or 3, H, W), clipped to [0, 1], with every pixel `scale` wide."""
    grey = pixels[0] if pixels.ndim == 3 and len(pixels) == 1 else pixels
    plain = np.rint(255 * np.nan_to_num(grey).clip(0, 1)).astype(np.uint8)
    image = Image.fromarray(plain if plain.ndim == 2 else plain.transpose(1, 2, 0)).convert("RGB")
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def _fitted(text: str, width: float, font: Any) -> str:
    """The text, cut where it is wider than there is room."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "..") > width:
        text = text[:-1]
    return text + ".."
