"""Arrays in files: .npy and .npz. Python objects in them are never loaded."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.data.annotations import Annotations, attribute_values, column_names, factor_indices, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import in_memory_examples, layout, numbers
from termwise.data.stream import stream
from termwise.errors import BadData
from termwise.values import Bytes, Natural

MEMORY_LIMIT = 2 * 2**30  # bytes
_BESIDE = ("labels", "y", "factors", "factor_names", "attributes", "attribute_names")


@dataclass(frozen=True)
class MappedArray:
    """A .npy file that stays on disk, one row an example."""

    path: Path

    @cached_property
    def array(self) -> np.ndarray:
        """The file, mapped into memory."""
        return _numpy(self.path, mmap_mode="r")

    def __reduce__(self) -> tuple[Any, ...]:  # a worker maps the file again, rather than be sent it
        return MappedArray, (self.path,)

    def __len__(self) -> int:
        return len(self.array)

    def read(self, positions: list[int]) -> Tensor:
        """The rows at some positions, as they would be held in memory."""
        return layout(numbers(self.array[positions], str(self.path)), str(self.path))


def load_npy(path: Path, *, memory_limit: Bytes = MEMORY_LIMIT, num_workers: Natural = 0) -> Dataset:
    """An array (N, ...) in a .npy file.

    Args:
        path: The file.
        memory_limit: The bytes above which a file stays on disk, and is read batch by batch.
        num_workers: The number of processes that read ahead where it does.
    """
    mapped = MappedArray(path)
    if not isinstance(mapped.array, np.ndarray):
        raise BadData(f"{path}: expected one array, got a .npz file. Call it .npz.")
    if mapped.array.ndim < 2 or mapped.array.size == 0:
        layout(torch.empty(mapped.array.shape), str(path))  # says what is wrong with the shape
    if path.stat().st_size > memory_limit:
        return Dataset(path.stem, stream(mapped, str(path), num_workers))
    return Dataset(path.stem, in_memory_examples(_numpy(path), str(path)))


def load_npz(path: Path) -> Dataset:
    """Arrays by name in a .npz file.

    `x` (or the only array) holds the examples; `labels` (or `y`), `factors`, `factor_names`, `attributes` and
    `attribute_names` what is known of them. `x_train` and `x_test`, with `y_train` and `y_test`, keep their split.
    """
    where = str(path)
    arrays = _arrays(path)
    splits = _joined(arrays, where) if "x" not in arrays else {}
    if "x" not in arrays:
        others = [name for name in arrays if name not in _BESIDE]
        if len(others) != 1:
            raise BadData(f"{where}: expected an array named x, got {', '.join(sorted(arrays)) or 'none'}.")
        arrays["x"] = arrays[others[0]]
    y = arrays.get("labels", arrays.get("y"))
    labels, label_names = (None, ()) if y is None else label_codes(y, where)
    factors = factor_indices(arrays["factors"], where) if "factors" in arrays else None
    attributes = attribute_values(arrays["attributes"], where) if "attributes" in arrays else None
    annotations = Annotations(
        labels,
        label_names,
        factors,
        column_names(factors, arrays.get("factor_names"), "factor", where),
        attributes,
        column_names(attributes, arrays.get("attribute_names"), "attribute", where),
    )
    return Dataset(path.stem, in_memory_examples(arrays["x"], where), annotations, splits=splits)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    file = _numpy(path)
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise BadData(f"{path}: expected a .npz file of arrays by name, got one array. Call it .npy.")
    with file:
        return {name: _member(file, name, path) for name in file.files}


def _joined(arrays: dict[str, np.ndarray], where: str) -> dict[str, Tensor]:
    """Put train and test arrays together as x and labels, and give the positions of either part."""
    for whole, names in (("x", ("x_train", "x_test")), ("labels", ("y_train", "y_test"))):
        parts = [arrays.pop(name) for name in names if name in arrays]
        if len({(part.dtype, part.shape[1:]) for part in parts}) > 1 or any(part.ndim == 0 for part in parts):
            raise BadData(
                f"{where}: expected {' and '.join(names)} of one dtype and one shape an example, "
                f"got {' and '.join(f'{part.dtype} of {part.shape}' for part in parts)}."
            )
        if parts:
            arrays[whole] = np.concatenate(parts) if len(parts) == 2 else parts[0]
        if whole == "x":
            lengths = [len(part) for part in parts]
        elif parts and [len(part) for part in parts] != lengths:
            raise BadData(
                f"{where}: expected labels for x_train and x_test alike, {lengths}, "
                f"got {[len(part) for part in parts]}."
            )
    if len(lengths) < 2:
        return {}
    train, test = torch.arange(sum(lengths)).split(lengths)
    return {"train": train, "test": test}


def _numpy(path: Path, mmap_mode: Any = None) -> Any:
    try:
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # its parsers raise a dozen kinds
        raise BadData(_unreadable(path, error)) from None


def _member(file: Any, name: str, where: Path) -> np.ndarray:
    try:
        return file[name]
    except Exception as error:  # its parsers raise a dozen kinds
        raise BadData(_unreadable(f"{where}, array {name}", error)) from None


def _unreadable(where: object, error: Exception) -> str:
    reason = str(error).rstrip(".") or "it ends too soon"
    if "pickle" in reason or "Python objects" in reason:
        reason = "it is another format, or holds Python objects, which are never loaded"
    return f"{where}: cannot be read as NumPy's own format: {reason}. Save plain arrays of numbers with numpy.save."
