"""IDX files, the format of MNIST and of its likes: a big-endian header, then numbers; plain or gzipped.

The header is two zero bytes, a type code, the number of dimensions, and each dimension in four bytes.
"""

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import torch

from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import in_memory_examples
from termwise.errors import BadData
from termwise.main_memory import check_fits

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_USUAL = re.compile(r"(train|t10k|test)-images[-.]idx\d-ubyte(\.gz)?$")


def is_idx(path: Path) -> bool:
    """Whether a folder has image files with the usual names, or a file begins, unzipped where need be, as IDX does."""
    if path.is_dir():
        return bool(usual_files(path))
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head.startswith(_GZIP):
            with gzip.open(path) as unzipped:
                head = unzipped.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and head[3] > 0


def usual_files(folder: Path) -> dict[str, Path]:
    """The image files with the usual names, as "train" and "test"."""
    files = {}
    for path in sorted(folder.iterdir(), reverse=True):  # a plain file is preferred to its gzipped twin
        if (match := _USUAL.search(path.name)) and path.is_file():
            files["train" if match[1] == "train" else "test"] = path
    return files


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, no more of which is read, or unzipped, than its header says.

    Raises:
        BadData: The file cannot be read, or is not IDX, or is not as long as its header says.
        Refused: It does not fit in memory.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP
        with gzip.open(path) if zipped else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES:
                raise BadData(f"{path}: expected an IDX file, which begins 00 00, got {head.hex(' ') or 'nothing'}.")
            kind, sizes = np.dtype(_TYPES[head[2]]), file.read(4 * head[3])
            shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
            start, length = 4 + 4 * head[3], kind.itemsize * int(np.prod(shape, dtype=object))
            check_fits(2 * length, f"{path}: an array of shape {shape}", "Load a part of it.")
            content = file.read(length + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path}: cannot be read as a (gzipped) IDX file: {error}. Fetch it again.") from None
    if len(sizes) < 4 * head[3] or len(content) != length:
        got = 4 + len(sizes) + len(content)
        raise BadData(f"{path}: expected {start + length} bytes for IDX of shape {shape}, got {got}. Fetch it again.")
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="))


def load_idx(path: Path) -> Dataset:
    """One IDX file of images or vectors, or a folder with train and t10k files; labels where they lie beside.

    A folder with both keeps its split: train-images trains, t10k-images tests.
    """
    files = usual_files(path) if path.is_dir() else {"all": path}
    arrays = {name: read_idx(file) for name, file in files.items()}
    for name, array in arrays.items():
        if array.ndim < 2 or array.shape[1:] != next(iter(arrays.values())).shape[1:]:
            raise BadData(
                f"{files[name]}: expected images of one shape, (N, H, W), got {array.shape}. "
                "Pass the file of images; its labels are found beside it."
            )
    labels = [_labels_beside(file, len(arrays[name])) for name, file in files.items()]
    present = [part for part in labels if part is not None]
    annotations = Annotations(torch.cat(present) if len(present) == len(labels) else None)
    whole = in_memory_examples(np.concatenate(list(arrays.values())), str(path))
    splits = {}
    if len(arrays) == 2:
        positions = torch.arange(len(whole)).split([len(array) for array in arrays.values()])
        splits = dict(zip(arrays, positions, strict=True))
    name = path.name if path.is_dir() else path.name.removesuffix(".gz")
    return Dataset(name, whole, annotations, splits=splits)


def _labels_beside(images: Path, n: int) -> torch.Tensor | None:
    """The labels file next to an images file, by the usual names, or None."""
    if "images" not in images.name:
        return None
    stem = re.sub(r"idx\d", "idx1", images.name.replace("images", "labels")).removesuffix(".gz")
    for path in (images.with_name(stem), images.with_name(stem + ".gz")):
        if path.is_file():
            labels = read_idx(path)
            if labels.shape != (n,):
                raise BadData(f"{path}: expected {n} labels, one an image of {images.name}, got {labels.shape}.")
            return torch.from_numpy(labels.astype(np.int64))
    return None
