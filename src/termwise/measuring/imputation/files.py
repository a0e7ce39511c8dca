"""An imputation as files: of a table the table again, its spread and its draws; of anything the arrays.

filled.csv          the table, in its own columns and words, gaps filled
filled-spread.csv   how sure each filled cell is, empty where there was a value
filled-draws.csv    the table as often as it was drawn, below each other, with a column `draw` from 1
filled.npz          x, mean, stddev, missing, draws, effective_sample_size
"""

import io
from collections.abc import Collection
from os import PathLike
from pathlib import Path

import numpy as np

from termwise.data.tables.back import Table
from termwise.data.tables.written import SEPARATORS, table_text
from termwise.files import checked_place, write_whole
from termwise.measuring.imputation.imputation import Imputation


def checked_path(path: str | PathLike[str], needed: Collection[str] = ()) -> Path:
    """Where an imputation is to be written, whose name must end in .csv, .tsv or .npz; never over what is needed.

    Example:
        >>> checked_path("filled.xlsx")
        Traceback (most recent call last):
        termwise.errors.Refused: Imputations are written to .csv, .tsv or .npz; got 'filled.xlsx'.
    """
    checked, *_ = (
        checked_place(one, "Imputations are", (*SEPARATORS, ".npz"), needed)
        for one in (path, _beside(Path(path), "spread"), _beside(Path(path), "draws"))
    )
    return checked


def write_imputation(found: Imputation, path: str | PathLike[str]) -> list[Path]:
    """Write what was filled, how sure that is, and the draws, if there are any; returns the files.

    Args:
        found: Of a table, or of anything.
        path: Of the table, .csv or .tsv; the others stand beside it. Or of all arrays, .npz.

    Raises:
        Refused: It ends in none of these; or, but for .npz, it is no table.

    Example:
        >>> import tempfile
        >>> import termwise as tw
        >>> model = tw.VAE.build((2,), latent=1, likelihood="normal:1", options={"hidden": [8]})
        >>> found = tw.impute(model, {"size": [1.5, None, 2.5], "age": [0.5, 0.25, 0.125]}, draws=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_imputation(found, Path(folder) / "filled.csv")
        ...     files[0].read_text().splitlines()[:2], [file.name for file in files]
        (['size,age', '1.5,0.5'], ['filled.csv', 'filled-spread.csv', 'filled-draws.csv'])
    """
    path = checked_path(path)
    if path.suffix == ".npz":
        content = io.BytesIO()
        arrays = ("mean", "stddev", "missing", "draws", "effective_sample_size")
        np.savez(content, x=found.filled.numpy(), **{name: getattr(found, name).numpy() for name in arrays})
        write_whole(path, content.getvalue())
        return [path]
    write_whole(path, table_text([found.table()], path))
    spread = _beside(path, "spread")
    write_whole(spread, table_text([found.spread()], path))
    if not len(found.draws):
        return [path, spread]
    draws = _beside(path, "draws")
    numbered = [_numbered(found.table(draw), draw + 1) for draw in range(len(found.draws))]
    write_whole(draws, table_text(numbered, path))
    return [path, spread, draws]


def _beside(path: Path, what: str) -> Path:
    """The file of something more, beside that of the table."""
    return path.with_name(f"{path.stem}-{what}{path.suffix}")


def _numbered(table: Table, draw: int) -> Table:
    """The table with a column that says which draw it is, by a name that no other has."""
    name = "draw"
    while name in table:
        name += "_"
    count = len(next(iter(table.values())))
    return {name: np.full(count, draw), **table}
