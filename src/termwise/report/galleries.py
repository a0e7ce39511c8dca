"""The pictures of a run in HTML: images as strips of pixels, vectors as small lines."""

import math

import numpy as np

from termwise.account.rounding import with_error
from termwise.report.account_json import AccountJson, at, by_dimension
from termwise.report.image_grids import image_grid, line_drawing
from termwise.report.markup import quiet, typeset
from termwise.report.pictures import Pictures, is_image

MOST_PICTURES = 32
"""How many originals are shown, and half as many as samples are."""


def reconstruction_gallery(pictures: Pictures) -> str:
    """Originals over their reconstructions, as HTML."""
    if pictures.originals is None or pictures.reconstructions is None:
        return quiet("No reconstructions were drawn.")
    n = min(len(pictures.originals), MOST_PICTURES)
    originals, copies = pictures.originals[:n], pictures.reconstructions[:n]
    if is_image(originals.shape[1:]):
        per_row, rows = _columns(originals.shape[1:]), []
        for start in range(0, n, per_row):
            part = slice(start, start + per_row)
            rows.append(_strip("original", originals[part], per_row, f"originals {start + 1} onwards"))
            rows.append(_strip("reconstruction", copies[part], per_row, "their reconstructions"))
        return f'<div class="strips pairs">{"".join(rows)}</div>'
    low, high = float(min(originals.min(), copies.min())), float(max(originals.max(), copies.max()))
    drawn = [
        line_drawing(np.stack([a, b]), ["before", "after"], low, high) for a, b in zip(originals, copies, strict=True)
    ]
    key = "<p class=key><span class=before>original</span> <span class=after>reconstruction</span></p>"
    label = f"{n} vectors, each with its reconstruction drawn over it"
    return f'{key}<div class="lines" role="img" aria-label="{label}">{"".join(drawn)}</div>'


def sample_gallery(pictures: Pictures) -> str:
    """Decoded draws from the prior, as HTML."""
    if pictures.samples is None:
        return quiet("No samples were drawn.")
    drawn = pictures.samples[: 2 * MOST_PICTURES]
    label = f"{len(drawn)} decoded draws from the prior"
    if is_image(drawn.shape[1:]):
        per_row = _columns(drawn.shape[1:])
        width = _share(min(per_row, len(drawn)), per_row)
        return f'<img class="sheet" src="{image_grid(drawn, per_row)}" alt="{label}" style="width:{width}">'
    low, high = float(drawn.min()), float(drawn.max())
    strips = "".join(line_drawing(v[None], ["after"], low, high) for v in drawn)
    return f'<div class="lines" role="img" aria-label="{label}">{strips}</div>'


def traversal_gallery(pictures: Pictures, account: AccountJson) -> str:
    """One row for each traversed dimension, the highest rate first."""
    if pictures.traversals is None or not pictures.traversal_dimensions:
        return quiet("No traversals were drawn.")
    rate = by_dimension(account).get("rate_by_dimension", {"value": []})
    walks = list(zip(pictures.traversal_dimensions, pictures.traversals, strict=True))
    walks.sort(key=lambda walk: -at(rate, "value", walk[0], -math.inf))
    image = is_image(pictures.traversals.shape[2:])
    low, high = float(pictures.traversals.min()), float(pictures.traversals.max())
    rows = []
    for j, steps in walks:
        cost = f"{typeset(with_error(at(rate, 'value', j, math.nan)))} nats" if j < len(rate["value"]) else ""
        label = f'z<sub>{j}</sub> <span class="unit">{cost}</span>'
        alt = f"the decoder's output while z{j} goes from low to high"
        if image:
            rows.append(_strip(label, steps, len(steps), alt))
        else:
            shades = [f"shade-{round(8 * i / max(len(steps) - 1, 1))}" for i in range(len(steps))]
            rows.append(
                f'<figure class="walk-line" role="img" aria-label="{alt}"><figcaption>{label}</figcaption>'
                f"{line_drawing(steps, shades, low, high)}</figure>"
            )
    intro = "<p>One dimension moves from low to high while the others rest; the costliest dimension first.</p>"
    if image:
        return f'{intro}<div class="strips">{"".join(rows)}</div>'
    key = '<p class="key"><span class="shade-0">low</span> <span class="shade-8">high</span></p>'
    return f'{intro}{key}<div class="walk-lines">{"".join(rows)}</div>'


def _strip(label: str, images: np.ndarray, per_row: int, alt: str) -> str:
    """One row of images under or beside its label; `label` is HTML."""
    return (
        f'<figure class="strip"><figcaption>{label}</figcaption><div>'
        f'<img class="sheet" src="{image_grid(images, len(images))}" alt="{alt}" '
        f'style="width:{_share(len(images), per_row)}"></div></figure>'
    )


def _columns(shape: tuple[int, ...]) -> int:
    """How many images of this shape stand side by side."""
    return 16 if shape[-1] <= 64 else 8


def _share(shown: int, per_row: int) -> str:
    """How wide a row that is not full may be."""
    return f"{100 * min(shown / per_row, 1):.4g}%"
