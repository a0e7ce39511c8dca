"""Folders laid out as CelebA is (Liu et al., 2015): aligned faces with binary attributes.

    img_align_celeba/000001.jpg ...   178 x 218 pixels
    list_attr_celeba.txt              N; the names of the attributes; then, for each image, its file's name and -1 or 1
    list_eval_partition.txt           for each image, its file's name and 0, 1 or 2: train, validation, test; optional

The pictures are cropped and scaled once, and kept as uint8 in one file: a cache that the names, sizes and times of the
image files, and the options, address. Where any of them changes, another is made.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from termwise.content import exists
from termwise.data.annotations import Annotations
from termwise.data.dataset import SPLITS, Dataset
from termwise.data.examples import LARGEST_SIDE, InMemory
from termwise.data.formats.array_files import MEMORY_LIMIT, MappedArray
from termwise.data.formats.image_files import SUFFIXES, ImageFiles
from termwise.data.pixel_cache import is_written, may_write, write
from termwise.data.stream import StreamedExamples
from termwise.errors import BadData
from termwise.values import Bytes

FOLDER, TABLE, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"


def is_celeba(path: Path) -> bool:
    """Whether a path is a folder with a folder of aligned images in it."""
    return exists(path / FOLDER) and (path / FOLDER).is_dir()


def load_celeba(
    path: Path,
    *,
    size: int = 64,
    crop: int | Sequence[int] = 148,
    cache: str | None = None,
    memory_limit: Bytes = MEMORY_LIMIT,
) -> Dataset:
    """Faces (3, size, size) with their attributes, and the partition as splits where it is there.

    The first time decodes every image, a minute or more for each 100,000; later ones read the cache.

    Args:
        path: The folder with the images' folder and the table.
        size: The side in pixels, from 8 to 4096.
        crop: The part of a picture to keep: the side of the square in its middle, or a square box, [left, top, right,
            bottom] in pixels. Larsen et al. (2016) take [15, 40, 163, 188], five pixels below the middle.
        cache: An existing folder for the cache, from which nothing is ever removed. Left out, a hidden file in `path`,
            which replaces those that fit no more; or none, where `path` cannot be written.
        memory_limit: The bytes above which pixels stay in the cache, and are read batch by batch.
    """
    box = tuple(crop) if isinstance(crop, Sequence) else crop
    if not 8 <= size <= LARGEST_SIDE or not _is_crop(box):
        raise BadData(
            f"{path}: expected size from 8 to {LARGEST_SIDE} and crop as a side or a square box [left, top, right, "
            f"bottom], got size={size}, crop={crop}."
        )
    names, attribute_names, attributes = _table(path / TABLE)
    digest = _digest(path, names)
    splits = _partition(path / PARTITION, names) if (path / PARTITION).exists() else {}
    annotations = Annotations(attributes=attributes, attribute_names=attribute_names)
    files = ImageFiles(tuple(path / FOLDER / name for name in names), size, False, box)
    stem = f".{FOLDER}-{size}-{'.'.join(map(str, np.ravel(box)))}-"  # of all caches with these options
    kept = f"{stem}{digest}.npy"
    place = path if cache is None else Path(cache).expanduser()
    fits = len(names) * 3 * size**2 <= memory_limit
    if not is_written(place / kept):
        if not may_write() or (cache is None and not os.access(place, os.W_OK)):
            if fits:
                return Dataset(path.name, InMemory(files.pixels((3, size, size)), 255.0), annotations, splits=splits)
            raise BadData(
                f"{path}: no cache may be written, and its pixels are more than memory_limit. Give a cache folder; or, "
                "where a run names one, say trust=True (--trust all)."
            )
        write(place / kept, (len(names), 3, size, size), (image.numpy() for image in files.decoded()))
        for other in place.glob(f"{stem}*.npy") if cache is None else ():
            if other.name != kept:
                with suppress(OSError):
                    other.unlink()
    mapped = MappedArray(place / kept)
    if fits:
        return Dataset(path.name, InMemory(torch.from_numpy(np.array(mapped.array)), 255.0), annotations, splits=splits)
    return Dataset(path.name, StreamedExamples(mapped, (3, size, size), 255.0, str(path)), annotations, splits=splits)


def _is_crop(crop: object) -> bool:
    if isinstance(crop, tuple):
        if len(crop) != 4 or not all(isinstance(edge, int) and edge >= 0 for edge in crop):
            return False
        left, top, right, bottom = crop
        return right - left == bottom - top > 0
    return isinstance(crop, int) and crop > 0


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the words of each line that is not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path}: cannot be read: {error}. It belongs beside {FOLDER}.") from None
    return ((number, words) for number, line in enumerate(text.splitlines(), 1) if (words := line.split()))


def _table(path: Path) -> tuple[list[str], tuple[str, ...], Tensor]:
    """The images' names, the attributes' names, and the attributes (N, A) as 0 and 1."""
    lines = _lines(path)
    first, columns = next(lines, (1, []))[1], next(lines, (2, []))[1]
    if len(first) != 1 or not first[0].isdigit() or not columns or len(set(columns)) < len(columns):
        raise BadData(
            f"{path}: expected the number of images on the first line and the attributes' names, each once, on the "
            f"second, got {' '.join(first)!r} and {len(columns)} names."
        )
    meaning = {"-1": 0, "1": 1}
    rows: dict[str, list[int]] = {}
    for number, (name, *cells) in lines:
        if len(cells) != len(columns):
            raise BadData(f"{path}, line {number}: expected {len(columns)} values for {name}, got {len(cells)}.")
        if name in rows:
            raise BadData(f"{path}, line {number}: expected every image once, got {name} again.")
        try:
            rows[name] = [meaning[cell] for cell in cells]
        except KeyError as error:
            raise BadData(f"{path}, line {number}: expected -1 or 1 for {name}, got {error}.") from None
    if len(rows) != int(first[0]):
        raise BadData(f"{path}: expected {first[0]} images, as its first line says, got {len(rows)}.")
    return list(rows), tuple(columns), torch.tensor(list(rows.values()), dtype=torch.int64)


def _partition(path: Path, names: Sequence[str]) -> dict[str, Tensor]:
    """Positions by split."""
    meaning = {str(code): name for code, name in enumerate(SPLITS)}
    part: dict[str, str] = {}
    for number, words in _lines(path):
        if len(words) != 2 or words[1] not in meaning:
            raise BadData(f"{path}, line {number}: expected a name and 0, 1 or 2, got {' '.join(words)!r}.")
        part[words[0]] = meaning[words[1]]
    _same(part, names, f"{path}: expected a row for every image of {TABLE} and no other")
    chosen = {split: [i for i, name in enumerate(names) if part[name] == split] for split in SPLITS}
    if not chosen["train"] or not chosen["test"]:
        raise BadData(f"{path}: expected images that train (0) and images that test (2), got none of one kind.")
    return {split: torch.tensor(positions) for split, positions in chosen.items() if positions}


def _digest(path: Path, names: Sequence[str]) -> str:
    """Sixteen hex digits of the image files' order, names, sizes and times.

    Also refuses images without a row, and rows without an image.
    """
    try:
        with os.scandir(path / FOLDER) as entries:
            files = {
                entry.name: entry.stat()
                for entry in entries
                if Path(entry.name).suffix.lower() in SUFFIXES and not entry.name.startswith(".")
            }
    except OSError as error:
        raise BadData(f"{path / FOLDER}: cannot be read: {error}.") from None
    _same(files, names, f"{path / FOLDER}: expected an image for every row of {TABLE} and no other")
    digest = hashlib.blake2b(digest_size=8)
    for name in names:
        digest.update(f"{name} {files[name].st_size} {files[name].st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _same(listed: Mapping[str, object], names: Sequence[str], expected: str) -> None:
    """Raise BadData unless exactly the images that the table names are listed."""
    of_table = set(names)
    for fault, which in (
        ("lacks", [name for name in names if name not in listed]),
        ("has beside", sorted(name for name in listed if name not in of_table)),
    ):
        if which:
            raise BadData(f"{expected}; it {fault} {len(which)}, the first {which[0]}.")
