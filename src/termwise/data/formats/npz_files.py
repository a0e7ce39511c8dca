"""Arrays by name in .npz files; sparse matrices as scipy saves them. Python objects in them are never loaded.

A file is looked into before anything is read: each array's header says how much it would take.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse

from termwise.data.dataset import Dataset
from termwise.data.examples import Channels, MissingEntries
from termwise.data.formats.array_files import unreadable_array
from termwise.data.formats.named_arrays import NamedArrays, dataset_of
from termwise.data.sparse_rows import sparse_examples
from termwise.errors import BadData

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_SPARSE = {"format", "shape", "data"}  # what scipy.sparse.save_npz writes, beside the indices


def load_npz(
    path: Path,
    *,
    x: str | None = None,
    labels: str | None = None,
    channels: Channels | None = None,
    missing: MissingEntries = "refuse",
    mask: str | None = None,
    log1p: bool = False,
) -> Dataset:
    """Arrays by name in a .npz file, or a sparse matrix as scipy saves it.

    `x`, `data`, `images`, `features` and the like (or the only array) hold the examples; `labels` (or `y`, `target`),
    `factors`, `factor_names`, `attributes` and `attribute_names` what is known of them. `x_train` and `x_test`, with
    `y_train` and `y_test`, keep their split, however they are spelt.

    Args:
        path: The file.
        x: The name of the array that holds the examples.
        labels: The name of the array that holds labels.
        channels: Where the colours of images lie: "first", (N, C, H, W), or "last", (N, H, W, C).
        missing: What to do where an entry is nan: "refuse" the array, fill in the "mean" of what trains, or "mask" it:
            left out of the likelihood.
        mask: The name of an array of the shape of x, true where an entry is missing; `missing` is then "mask", or
            "mean" if said.
        log1p: Whether x is log(1 + entry) of a sparse matrix.
    """
    kinds = _kinds(path)
    if kinds.keys() >= _SPARSE and x is None:
        if missing != "refuse" or mask is not None:
            raise BadData(f"{path}: missing= is for arrays, and this file holds a sparse matrix. Leave it out.")
        return _sparse(path, kinds, log1p)
    if log1p:
        raise BadData(f"{path}: log1p is for a sparse matrix, and this file holds arrays. Leave it out.")
    arrays = NamedArrays(str(path), kinds, partial(_member, path))
    return dataset_of(arrays, path.stem, x, labels, channels, missing=missing, mask=mask)


def _kinds(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype | None]]:
    """The shape and dtype of each array, as its header has them."""
    with _refusing(path), zipfile.ZipFile(path) as archive:
        kinds: dict[str, tuple[tuple[int, ...], np.dtype | None]] = {}
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                shape, _, dtype = _HEADERS[version](file)
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            if size > member.file_size and not dtype.hasobject:
                raise ValueError(f"{member.filename} says that it takes {size} bytes, and has {member.file_size}")
            plain = not dtype.hasobject and dtype.names is None
            kinds[member.filename.removesuffix(".npy")] = (shape, dtype if plain else None)
        return kinds


def _sparse(path: Path, kinds: dict[str, tuple[tuple[int, ...], np.dtype | None]], log1p: bool) -> Dataset:
    arrays = NamedArrays(str(path), kinds, partial(_member, path))
    written = arrays["format"].item()
    written = written.decode("ascii", "replace") if isinstance(written, bytes) else str(written)
    names = {"csr": ("indices", "indptr"), "csc": ("indices", "indptr"), "coo": ("row", "col")}.get(written, ())
    if not names or not set(names) <= kinds.keys():
        raise BadData(
            f"{path}: expected a sparse matrix by rows, by columns or by coordinates, got {written!r}. Save it with "
            "scipy.sparse.save_npz(path, matrix.tocsr())."
        )
    shape = tuple(arrays["shape"].ravel().tolist())
    data, first, second = arrays["data"], arrays[names[0]], arrays[names[1]]
    try:
        if written == "coo":
            matrix = scipy.sparse.coo_array((data, (first, second)), shape=shape)
        else:
            kind = scipy.sparse.csr_array if written == "csr" else scipy.sparse.csc_array
            matrix = kind((data, first, second), shape=shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadData(f"{path}: cannot be read as a sparse matrix: {error}. Save it anew.") from None
    return Dataset(path.stem, sparse_examples(matrix, str(path), log1p))


def _member(path: Path, name: str) -> np.ndarray:
    with _refusing(f"{path}, array {name}"), np.load(path, allow_pickle=False) as file:
        array: np.ndarray = file[name]
        return array


@contextmanager
def _refusing(where: object) -> Iterator[None]:
    """Whatever a parser raises becomes BadData."""
    try:
        yield
    except zipfile.BadZipFile as error:
        with Path(str(where)).open("rb") as file:
            if file.read(6) == b"\x93NUMPY":
                raise BadData(
                    f"{where}: expected a .npz file of arrays by name, got one array. Call it .npy."
                ) from None
        raise unreadable_array(where, error) from None
    except Exception as error:  # its parsers raise a dozen kinds
        raise unreadable_array(where, error) from None
