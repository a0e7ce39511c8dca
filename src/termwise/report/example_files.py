"""What a model makes, as a file: a grid of images, a table, or the arrays.

samples.png    a grid of images, a row for each path
samples.csv    a table: a row an example, what stands beside it in the first columns; .tsv likewise
samples.npz    x, shape (N, *shape) or (rows, steps, *shape), and what stands beside it
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from torch import Tensor

from termwise.data.columns import Column
from termwise.data.tables.written import SEPARATORS, examples_as_table, table_text
from termwise.errors import Refused
from termwise.files import checked_place, write_whole
from termwise.main_memory import check_fits
from termwise.report.image_grids import grid_png
from termwise.report.pictures import can_be_drawn, is_image

LEAST_SIDE = 56
"""How many pixels wide an image is in a grid at least: small ones are enlarged."""


MOST_IN_GRID = 4096
"""How many images a grid has at most; more of them nobody looks at, and they take long to write."""


def checked_file(path: str | PathLike[str], needed: Iterable[str] = (), count: int = 0) -> Path:
    """Where so many examples are to be written: to .png, .csv, .tsv or .npz, and never over what is needed.

    Example:
        >>> checked_file("samples.jpg")
        Traceback (most recent call last):
        termwise.errors.Refused: Examples are written to .png, .csv, .tsv or .npz; got 'samples.jpg'.
    """
    place = checked_place(path, "Examples are", (".png", *SEPARATORS, ".npz"), needed)
    if place.suffix == ".png" and count > MOST_IN_GRID:
        raise Refused(
            f"A grid has {MOST_IN_GRID:,} images at most; got {count:,}. "
            f"Write them as arrays: {place.with_suffix('.npz')}."
        )
    return place


def write_examples(
    examples: Tensor,
    path: str | PathLike[str],
    *,
    row_of: int | None = None,
    columns: Sequence[Column] = (),
    beside: Mapping[str, Sequence[object] | np.ndarray] | None = None,
) -> Path:
    """Write examples, shape (N, *shape), to a file, by how its name ends; returns its path.

    Args:
        examples: What a decoder says.
        path: The file.
        row_of: How many of them are a row of a grid, and of the arrays; for a grid about a square where left out.
        columns: What the entries of x are, where x is a row of a table.
        beside: What else is known of each example, by name: of a table the first columns.

    Raises:
        Refused: The name ends in nothing known; it is to be a grid, and the examples are no images, or too many; or
            there is no memory for it.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_examples(torch.eye(2), f"{folder}/made.csv", beside={"z": [0.5, 1.5]}).read_text()
        'z,x0,x1\\n0.5,1,0\\n1.5,0,1\\n'
    """
    path, x, beside = checked_file(path, count=len(examples)), examples.numpy(), dict(beside or {})
    if path.suffix == ".png":
        if not (can_be_drawn(x.shape[1:]) and is_image(x.shape[1:])):
            raise Refused(
                f"Examples of shape {x.shape[1:]} are no images of 1 or 3 channels: write them to .csv or .npz."
            )
        zoom = -(-LEAST_SIDE // x.shape[-1])
        check_fits(4 * x.size * zoom**2, f"A grid of {len(x):,} images", "Ask for fewer, or write them to .npz.")
        content = grid_png(x, row_of or int(np.ceil(np.sqrt(len(x)))), zoom)
    elif path.suffix == ".npz":
        file = io.BytesIO()
        check_fits(2 * x.nbytes, f"A file of {len(x):,} examples", "Ask for fewer.")
        arrays = {"x": x, **{name: np.asarray(values) for name, values in beside.items()}}
        rows = {
            name: one if row_of is None else one.reshape(-1, row_of, *one.shape[1:]) for name, one in arrays.items()
        }
        np.savez(file, **rows)  # type: ignore[arg-type]
        content = file.getvalue()
    else:
        check_fits(32 * x.size, f"A table of {len(x):,} rows", "Ask for fewer, or write them to .npz.")
        first = {name: np.asarray(values, dtype=None) for name, values in beside.items()}
        content = table_text([{**first, **examples_as_table(columns, x)}], path)
    write_whole(path, content)
    return path
