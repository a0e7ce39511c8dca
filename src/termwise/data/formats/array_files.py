"""One array in a file, .npy, held in memory or mapped into it. Python objects in them are never loaded."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.examples import (
    Channels,
    MissingEntries,
    in_memory_examples,
    layout,
    notes_on,
    notes_on_missing,
    numbers,
)
from termwise.data.stream import stream
from termwise.errors import BadData
from termwise.main_memory import check_fits
from termwise.values import Bytes, Natural

MEMORY_LIMIT = 2 * 2**30  # bytes


@dataclass(frozen=True)
class MappedArray:
    """A .npy file that stays on disk, one row an example."""

    path: Path
    channels: Channels | None = None

    @cached_property
    def array(self) -> np.ndarray:
        """The file, mapped into memory."""
        return _numpy(self.path, mmap_mode="r")

    def __reduce__(self) -> tuple[Any, ...]:  # a worker maps the file again, rather than be sent it
        return MappedArray, (self.path, self.channels)

    def __len__(self) -> int:
        return len(self.array)

    def read(self, positions: list[int]) -> Tensor:
        """The rows at some positions, as they would be held in memory."""
        return layout(numbers(self.array[positions], str(self.path)), str(self.path), self.channels)


def load_npy(
    path: Path,
    *,
    channels: Channels | None = None,
    missing: MissingEntries = "refuse",
    memory_limit: Bytes = MEMORY_LIMIT,
    num_workers: Natural = 0,
) -> Dataset:
    """An array (N, ...) in a .npy file.

    Args:
        path: The file.
        channels: Where the colours of images lie: "first", (N, C, H, W), or "last", (N, H, W, C).
        missing: What to do where an entry is nan: "refuse" the array, fill in the "mean" of what trains, or "mask" it:
            left out of the likelihood.
        memory_limit: The bytes above which a file stays on disk, and is read batch by batch.
        num_workers: The number of processes that read ahead where it does.
    """
    mapped = MappedArray(path, channels)
    if not isinstance(mapped.array, np.ndarray):
        raise BadData(f"{path}: expected one array, got a .npz file. Call it .npz.")
    if mapped.array.ndim < 2 or mapped.array.size == 0:
        layout(torch.empty(mapped.array.shape), str(path))  # says what is wrong with the shape
    notes = notes_on(mapped.array, channels)
    if path.stat().st_size > memory_limit:
        if missing != "refuse":
            raise BadData(
                f"{path}: expected missing= of an array in memory, and this one is read batch by batch. If it fits, "
                f"raise memory_limit to {path.stat().st_size} (--set data.memory_limit={path.stat().st_size})."
            )
        return Dataset(path.stem, stream(mapped, str(path), num_workers), notes=notes)
    check_fits(2 * path.stat().st_size, f"{path}, in memory,", "Read it batch by batch: memory_limit=0.")
    examples = in_memory_examples(_numpy(path), str(path), channels, missing)
    return Dataset(path.stem, examples, notes=(*notes, *notes_on_missing(examples, missing)))


def _numpy(path: Path, mmap_mode: Any = None) -> Any:
    try:
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # its parsers raise a dozen kinds
        raise unreadable_array(path, error) from None


def unreadable_array(where: object, error: Exception) -> BadData:
    """The error of a file, or of an array in one, that numpy cannot read."""
    reason = str(error).rstrip(".") or "it ends too soon"
    if "pickle" in reason or "Python objects" in reason:
        reason = "it is another format, or holds Python objects, which are never loaded"
    return BadData(
        f"{where}: cannot be read as NumPy's own format: {reason}. Save plain arrays of numbers with numpy.save."
    )
