"""The pictures of a run in HTML: images as strips of pixels, vectors as small lines."""

import math
from html import escape

import numpy as np

from termwise.account.rounding import with_error
from termwise.report.account_json import AccountJson, at, by_dimension, dimension_name
from termwise.report.dimension_bars import name_in_html
from termwise.report.image_grids import image_grid, line_drawing
from termwise.report.markup import quiet, section, typeset
from termwise.report.pictures import Pictures, is_image
from termwise.report.table_pictures import distributions_section, misses_section

MOST_PICTURES = 32
"""How many originals are shown, and half as many as samples are."""

LEAST_ACROSS = 8
"""A row of fewer images at values beside x leaves the place of so many, so that none is huge."""

MOST_CHANNELS = 6
"""How many channels of a series are drawn."""


def reconstruction_gallery(pictures: Pictures) -> str:
    """Originals over their reconstructions, as HTML; of a table also how far its columns are off."""
    if pictures.originals is None or pictures.reconstructions is None:
        return quiet(_none("reconstructions", pictures))
    n = min(len(pictures.originals), MOST_PICTURES)
    originals, copies = pictures.originals[:n], pictures.reconstructions[:n]
    if is_image(originals.shape[1:]):
        per_row, rows = _columns(originals.shape[1:]), []
        for start in range(0, n, per_row):
            part = slice(start, start + per_row)
            rows.append(_strip("original", originals[part], per_row, f"originals {start + 1} onwards"))
            rows.append(_strip("reconstruction", copies[part], per_row, "their reconstructions"))
        return f'<div class="strips pairs">{"".join(rows)}</div>'
    key = "<p class=key><span class=before>original</span> <span class=after>reconstruction</span></p>"
    lines = _lines(np.stack([originals, copies], 1), ["before", "after"], f"{n} examples and their reconstructions")
    if pictures.table is None:
        return key + lines
    return f"{misses_section(pictures.table)}<h3>Row by row</h3>{_in_deviations()}{key}{lines}"


def sample_gallery(pictures: Pictures, across: int | None = None) -> str:
    """Decoded draws from the prior, as HTML; of a table the distribution of its columns beside the data's.

    Args:
        pictures: What there is.
        across: How many images stand side by side; by their size where left out.
    """
    if pictures.table is not None:
        return distributions_section(pictures.table)
    if pictures.samples is None:
        return quiet(_none("samples", pictures))
    drawn = pictures.samples[: 2 * MOST_PICTURES]
    label = f"{len(drawn)} decoded draws from the prior"
    if is_image(drawn.shape[1:]):
        per_row = across or _columns(drawn.shape[1:])
        width = _share(min(per_row, len(drawn)), per_row)
        return f'<img class="sheet" src="{image_grid(drawn, per_row)}" alt="{label}" style="width:{width}">'
    return _lines(drawn[:, None], ["after"], label)


def _none(name: str, pictures: Pictures) -> str:
    """Why there is no such picture."""
    return f"No {name} were drawn." + (f" {why}" if (why := pictures.missing.get(name)) else "")


def _in_deviations() -> str:
    return "<p>Each line is a row, its columns from left to right, in standard deviations about their means.</p>"


def _lines(examples: np.ndarray, classes: list[str], label: str) -> str:
    """Examples as lines, a drawing each; those of several channels a drawing for each channel, one below another.

    Args:
        examples: Shape (n, curves, length) or (n, curves, channels, length); each channel has a scale of its own.
        classes: A CSS class for each curve.
        label: What they are.
    """
    by_channel = examples[:, :, None] if examples.ndim == 3 else examples[:, :, :MOST_CHANNELS]
    low, high = (end.tolist() for end in (by_channel.min((0, 1, 3)), by_channel.max((0, 1, 3))))
    channels = range(by_channel.shape[2])
    drawn = ["".join(line_drawing(one[:, c], classes, low[c], high[c]) for c in channels) for one in by_channel]
    if examples.ndim == 3:
        return f'<div class="lines" role="img" aria-label="{label}">{"".join(drawn)}</div>'
    cells = "".join(f"<div>{one}</div>" for one in drawn)
    shown, of = len(channels), examples.shape[2]
    some = f"the first {shown} of its {of} channels" if shown < of else f"its {of} channels"
    words = f"<p>An example a column: {some}, from above, each on a scale of its own.</p>" if of > 1 else ""
    return f'{words}<div class="lines series" role="img" aria-label="{label}">{cells}</div>'


def traversal_gallery(pictures: Pictures, account: AccountJson, *, told: bool = True) -> str:
    """One row for each traversed dimension, the highest rate first; `told` says what is drawn above them."""
    if pictures.traversals is None or not pictures.traversal_dimensions:
        return quiet(_none("traversals", pictures))
    rate = by_dimension(account).get("rate_by_dimension", {"value": []})
    walks = list(zip(pictures.traversal_dimensions, pictures.traversals, strict=True))
    walks.sort(key=lambda walk: -at(rate, "value", walk[0], -math.inf))
    image = is_image(pictures.traversals.shape[2:])
    across = (0, 1, -1) if pictures.traversals.ndim > 3 else (0, 1, 2)
    drawn = np.concatenate([pictures.traversals, *(steps[None] for steps in pictures.along_side.values())])
    low, high = (np.atleast_1d(end).tolist() for end in (drawn.min(across), drawn.max(across)))
    labelled = []
    for j, steps in walks:
        cost = f"{typeset(with_error(at(rate, 'value', j, math.nan)))} nats" if j < len(rate["value"]) else ""
        label = f'{name_in_html(account, j)} <span class="unit">{cost}</span>'
        labelled.append((label, f"{dimension_name(account, j)} goes from low to high", steps))
    for name, steps in pictures.along_side.items():
        labelled.append((f'<span class="side">{escape(name)}</span>', f"the code rests, and {escape(name)}", steps))
    rows = []
    for label, what, steps in labelled:
        alt = f"the decoder's output while {what}"
        if image:
            rows.append(_strip(label, steps, len(steps), alt))
        else:
            shades = [f"shade-{round(8 * i / max(len(steps) - 1, 1))}" for i in range(len(steps))]
            by_channel = steps[:, None] if steps.ndim == 2 else steps[:, :MOST_CHANNELS]
            drawings = (line_drawing(by_channel[:, c], shades, low[c], high[c]) for c in range(by_channel.shape[1]))
            rows.append(
                f'<figure class="walk-line" role="img" aria-label="{alt}"><figcaption>{label}</figcaption>'
                f"{''.join(drawings)}</figure>"
            )
    how = "from low to high, or through its categories or codewords"
    last = " In the last rows the code rests, and what stands beside x moves." if pictures.along_side else ""
    intro = f"<p>One dimension moves {how}, while the others rest; the costliest dimension first.{last}</p>" * told
    if image:
        return f'{intro}<div class="strips">{"".join(rows)}</div>'
    key = '<p class="key"><span class="shade-0">low</span> <span class="shade-8">high</span></p>'
    intro += _in_deviations() if pictures.table is not None else ""
    return f'{intro}{key}<div class="walk-lines">{"".join(rows)}</div>'


def side_gallery(pictures: Pictures) -> str:
    """Images at values beside x: of the same codes of the prior, and of held-out examples; "" where there are none."""
    side = pictures.side
    if side is None:
        return ""
    columns = side.made.shape[1]
    per_row = max(columns, LEAST_ACROSS)
    names = ", ".join(side.names)
    others = " Other variables stay as they are beside a held-out example a column." if len(side.names) > 1 else ""
    some = f" {side.left_out} other values are not shown." if side.left_out else ""

    def grid(rows: np.ndarray, what: str, first: str = "") -> str:
        strips = (
            _strip(f'<span class="side">{escape(row.label)}</span>', images, per_row, f"{what} {escape(row.label)}")
            for row, images in zip(side.rows, rows, strict=True)
        )
        return f'<div class="strips">{first}{"".join(strips)}</div>'

    original = _strip("original", side.originals, per_row, f"{columns} held-out examples")
    inner = (
        "<h3>Made at each value</h3>"
        f"<p>{columns} codes drawn from the prior, one a column, decoded at every value of {escape(names)}.{others}"
        f"{some} A column in which nothing but the value changes has a code that says the rest.</p>"
        + grid(side.made, f"{columns} codes of the prior decoded at")
        + "<h3>Carried over</h3>"
        f"<p>{columns} held-out examples, encoded with their own values, and decoded with each. Where a row is an "
        f"example's own value, it is its reconstruction.</p>"
        + grid(side.carried, f"{columns} held-out examples decoded at", original)
    )
    return section("values", "At other values beside x", inner)


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
