"""Arrays by name in MATLAB's .mat files up to version 7. Each variable says its size before it is read.

MATLAB has columns as examples as often as rows: where labels say how many there are, they say which. A file of
version 7.3 is HDF5, and read elsewhere.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io

from termwise.data.dataset import Dataset
from termwise.data.examples import Channels, MissingEntries
from termwise.data.formats.named_arrays import NamedArrays, dataset_of
from termwise.errors import BadData
from termwise.main_memory import check_fits

_NUMBERS = {"double": "f8", "single": "f4", "logical": "?"} | {
    f"{sign}int{bits}": f"{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def load_mat(
    path: Path,
    *,
    x: str | None = None,
    labels: str | None = None,
    channels: Channels | None = None,
    transpose: bool | None = None,
    missing: MissingEntries = "refuse",
) -> Dataset:
    """Arrays by name in a .mat file of MATLAB's, up to version 7.

    Args:
        path: The file.
        x: The name of the array that holds the examples; of `x`, `data` and the like, or the only one, if left out.
        labels: The name of the array that holds labels; `y`, `labels` and the like, if left out.
        channels: Where the colours of images lie: "first", (N, C, H, W), or "last", (N, H, W, C).
        transpose: Whether the examples lie along the last axis, as columns do; as the labels say, if left out.
        missing: What to do where an entry is nan: "refuse" the array, fill in the "mean" of what trains, or "mask" it:
            left out of the likelihood.
    """
    with _refusing(path):
        listed = scipy.io.whosmat(path)
    check_fits(path.stat().st_size, f"{path}, in memory,", "Save its array as a .npy file.")
    kinds = {
        name: (tuple(shape), np.dtype(_NUMBERS[kind]) if kind in _NUMBERS else None) for name, shape, kind in listed
    }
    sparse = [name for name, _, kind in listed if kind == "sparse"]
    arrays = NamedArrays(str(path), kinds, partial(_variable, path), "a struct, a cell, a text or a sparse matrix")
    if x in sparse or (x is None and len(sparse) == 1 and not any(_is_matrix(shape, d) for shape, d in kinds.values())):
        raise BadData(
            f"{path}: expected an array, got the sparse matrix {x or sparse[0]}. This does it: import scipy.io, "
            f'scipy.sparse; scipy.sparse.save_npz("x.npz", scipy.io.loadmat("{path}")["{x or sparse[0]}"].tocsr()); '
            "then load x.npz."
        )
    data = dataset_of(arrays, path.stem, x, labels, channels, transpose, missing)
    if transpose is None and data.labels is None and len(data.shape) == 1 and data.shape[0] > len(data):
        note = f"Rows are taken for {len(data)} examples of {data.shape[0]} numbers; transpose=true takes the columns."
        return replace(data, notes=(*data.notes, note))
    return data


def _is_matrix(shape: tuple[int, ...], dtype: np.dtype | None) -> bool:
    return dtype is not None and sum(side > 1 for side in shape) > 1


def _variable(path: Path, name: str) -> np.ndarray:
    with _refusing(path):
        array: np.ndarray = scipy.io.loadmat(path, variable_names=[name])[name]
        return array


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Whatever scipy raises becomes BadData."""
    try:
        yield
    except NotImplementedError:
        raise BadData(
            f"{path} is of MATLAB's version 7.3, which is HDF5. This does it: import h5py, numpy; file = "
            f'h5py.File("{path}"); print(list(file)); x = file["NAME"][:].T; numpy.save("x.npy", x); then load x.npy.'
        ) from None
    except Exception as error:  # its parsers raise a dozen kinds
        reason = str(error).rstrip(".") or type(error).__name__
        raise BadData(f"{path}: cannot be read as a .mat file: {reason}. Save it anew, with save('-v7').") from None
