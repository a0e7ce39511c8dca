"""Sparse matrices in Matrix Market files, .mtx; and folders as 10x Genomics writes them, of cells by genes.

matrix.mtx(.gz)       genes x cells
barcodes.tsv(.gz)     a cell a line
features.tsv(.gz)     a gene a line: its identifier, its name, perhaps its type; or genes.tsv
"""

import gzip
import zlib
from pathlib import Path

import numpy as np
import scipy.io

from termwise.data.dataset import Dataset
from termwise.data.formats.cells import Cells, dataset_of_cells
from termwise.errors import BadData
from termwise.main_memory import check_fits

_GENES, _CELLS = ("features.tsv", "genes.tsv"), ("barcodes.tsv",)
_ENTRY = 40  # bytes that an entry takes while it is read
_LINE = 2**20  # characters of the longest line that is read


def is_mtx(path: Path) -> bool:
    """Whether a path is a Matrix Market file, or a folder with one as 10x Genomics calls it."""
    if path.is_dir():
        return _beside(path, ("matrix.mtx",)) is not None
    return path.name.lower().removesuffix(".gz").endswith(".mtx") and path.is_file()


def load_mtx(path: Path, *, transpose: bool | None = None, log1p: bool = False) -> Dataset:
    """A sparse matrix in a .mtx file; or a folder of one with barcodes.tsv and features.tsv, of cells by genes.

    Such a folder has genes as rows and cells as columns: cells become the examples, and genes name the columns.

    Args:
        path: The file or the folder.
        transpose: Whether the file's columns are the examples; of a folder, as its two tables say.
        log1p: Whether x is log(1 + entry).
    """
    file = _beside(path, ("matrix.mtx",)) if path.is_dir() else path
    assert file is not None
    folder = file.parent if path.is_dir() else None
    rows, columns, entries, dense = _header(file)
    check_fits(entries * (_ENTRY if not dense else 16), f"{file}: its {entries} entries", "Load a part of it.")
    try:
        matrix = scipy.io.mmread(file)
    except (ValueError, OverflowError, OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from None
    if matrix.shape != (rows, columns):
        raise _unreadable(file, f"its header says {rows} x {columns}, got {matrix.shape}")
    if np.iscomplexobj(matrix):
        raise _unreadable(file, "its numbers are complex")
    genes = _names(_beside(folder, _GENES), 1) if folder else []
    cells = _names(_beside(folder, _CELLS), 0) if folder else []
    if transpose is None:
        transpose = folder is not None and (len(genes) == rows or len(cells) == columns)
    if transpose:
        matrix = matrix.T
    name = path.name if path.is_dir() else path.name.split(".")[0]
    note = (f"Its columns, {matrix.shape[0]} cells, are the examples; its rows are genes.",) if genes or cells else ()
    if genes and len(genes) != matrix.shape[1]:
        raise BadData(
            f"{path}: expected a gene for each of {matrix.shape[1]} columns, got {len(genes)} in its table, and "
            f"{len(cells)} cells for {matrix.shape[0]} rows. Say transpose=true or false if genes are rows or columns."
        )
    return dataset_of_cells(Cells(name, str(path), matrix, genes, None, note), None, None, log1p)


def _beside(folder: Path | None, names: tuple[str, ...]) -> Path | None:
    """The first of these files that a folder has, plain or gzipped; a prefix of theirs is allowed."""
    if folder is None:
        return None
    for name in names:
        for path in sorted(folder.iterdir()):
            if path.name.lower().removesuffix(".gz").endswith(name) and path.is_file():
                return path
    return None


def _header(path: Path) -> tuple[int, int, int, bool]:
    """Rows, columns, entries and whether it is dense, as a Matrix Market file declares them."""
    try:
        opener = gzip.open if path.suffix.lower() == ".gz" else open
        with opener(path, "rt", encoding="latin-1") as file:
            first = file.readline(_LINE)
            if not first.startswith("%%MatrixMarket"):
                raise BadData(
                    f"{path}: expected a Matrix Market file, which begins %%MatrixMarket, got {first[:20]!r}."
                )
            line = file.readline(_LINE)
            while line.startswith("%") or (line and not line.strip()):
                line = file.readline(_LINE)
        sizes = [int(word) for word in line.split()]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _unreadable(path, error) from None
    if len(sizes) not in (2, 3) or min(sizes) < 0:
        raise _unreadable(path, f"its sizes are {line.strip()[:40]!r}")
    dense = len(sizes) == 2
    return sizes[0], sizes[1], sizes[0] * sizes[1] if dense else sizes[2], dense


def _names(path: Path | None, column: int) -> list[str]:
    """A column of a table without a header: the first where there are not as many."""
    if path is None:
        return []
    try:
        opener = gzip.open if path.suffix.lower() == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            lines = [line.rstrip("\r\n").split("\t") for line in file if line.strip()]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadData(f"{path}: cannot be read: {error}.") from None
    return [cells[column] if len(cells) > column else cells[0] for cells in lines]


def _unreadable(path: Path, why: object) -> BadData:
    return BadData(f"{path}: cannot be read as a Matrix Market file: {str(why).rstrip('.')}. Fetch it again.")
