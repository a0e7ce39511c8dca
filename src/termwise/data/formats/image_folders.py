"""A folder of images, read with Pillow."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from termwise.data.annotations import Annotations, attribute_values, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.data.formats.array_files import MEMORY_LIMIT
from termwise.data.formats.delimited_text import read_delimited
from termwise.data.stream import StreamedExamples
from termwise.errors import BadData
from termwise.values import Bytes, Natural

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"))
_GREY = frozenset(("1", "L", "LA"))
_DEEP = ("I", "F")  # more than 8 bits a channel
_TooLarge = Image.DecompressionBombError


@dataclass(frozen=True)
class ImageFiles:
    """Image files as uint8 (C, H, W): scaled and cropped to a square where a size is given.

    `crop` keeps a part before that: a square in the middle, by its side, or a box (left, top, right, bottom).
    """

    paths: Sequence[Path]
    size: int | None
    grey: bool
    crop: int | tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, positions: list[int]) -> Tensor:
        """Some of the images, which must be equally large."""
        images = [self.one(position) for position in positions]
        for position, image in zip(positions, images, strict=True):
            if image.shape != images[0].shape:
                raise BadData(
                    f"{self.paths[position]}: expected every image to be as large as "
                    f"{self.paths[positions[0]].name}, {_size(images[0])}, got {_size(image)}. Pass size= to scale "
                    "and crop them all."
                )
        return torch.stack(images)

    def one(self, position: int) -> Tensor:
        """One image, (C, H, W). Transparency is laid over white."""
        path = self.paths[position]
        with _opened(path) as image:
            if image.mode.startswith(_DEEP):
                raise BadData(f"{path}: expected 8 bits a channel, got mode {image.mode}. Convert it first.")
            if "A" in image.getbands() or "transparency" in image.info:
                clear = image.convert("RGBA")
                flat = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
            else:
                flat = image
            flat = flat.convert("L" if self.grey else "RGB")
            if self.crop is not None:
                flat = _cropped(flat, self.crop, path)
            if self.size is not None:
                flat = ImageOps.fit(flat, (self.size, self.size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(flat))
        return pixels.unsqueeze(0) if self.grey else pixels.permute(2, 0, 1)  # (C, H, W)

    def decoded(self) -> Iterator[Tensor]:
        """Every image in order, read by as many threads as torch has."""
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            yield from pool.map(self.one, range(len(self)))

    def pixels(self, shape: tuple[int, ...]) -> Tensor:
        """All images, which have this shape (C, H, W), as one tensor (N, C, H, W)."""
        pixels = torch.empty(len(self), *shape, dtype=torch.uint8)
        for position, image in enumerate(self.decoded()):
            pixels[position] = image
        return pixels


def image_paths(folder: Path) -> list[Path]:
    """Every image below a folder, sorted, hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def is_image_folder(path: Path) -> bool:
    """Whether a path is a folder with images in it or below it.

    Raises:
        BadData: It is one image.
    """
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        raise BadData(f"{path}: expected a folder of images, got one image. Pass the folder that it is in.")
    return path.is_dir() and bool(image_paths(path))


def load_images(
    path: Path,
    *,
    size: int | None = None,
    grey: bool | None = None,
    memory_limit: Bytes = MEMORY_LIMIT,
    num_workers: Natural = 2,
) -> Dataset:
    """A folder of images, in order of their paths.

    Images that all lie in two or more subfolders are labelled by them. One CSV file in the folder gives attributes:
    its first column names files, the others hold 0 and 1, or -1 and 1.

    Args:
        path: The folder.
        size: The pixels to which the shorter side is scaled before the middle square is cropped.
        grey: True for one channel, false for three; left out, one where every file is grey.
        memory_limit: The bytes above which pixels stay on disk, and are read batch by batch.
        num_workers: The number of processes that read ahead where they do.
    """
    if size is not None and size < 1:
        raise BadData(f"{path}: expected size in pixels, 1 or more, got {size}.")
    if num_workers < 0:
        raise BadData(f"{path}: expected num_workers of 0 or more, got {num_workers}.")
    paths = image_paths(path)
    if not paths:
        raise BadData(f"{path}: expected images ({', '.join(sorted(SUFFIXES))}), got a folder with none.")
    if size is None or grey is None:
        grey = _survey(paths, size, grey)
    files = ImageFiles(tuple(paths), size, grey)
    first = files.one(0)
    annotations = _annotations(path, paths)
    if len(paths) * first.numel() > memory_limit:
        streamed = StreamedExamples(files, tuple(first.shape), 255.0, str(path), num_workers)
        return Dataset(path.name, streamed, annotations)
    return Dataset(path.name, InMemory(files.pixels(tuple(first.shape)), 255.0), annotations)


def _survey(paths: Sequence[Path], size: int | None, grey: bool | None) -> bool:
    """Read headers only: refuse mixed sizes, and say whether the images are to be grey."""
    all_grey, first = True, None
    for path in paths:
        with _opened(path) as image:
            first = first or image.size
            all_grey = all_grey and image.mode in _GREY
            if size is None and image.size != first:
                raise BadData(
                    f"{path}: expected every image to be {first[0]} x {first[1]}, as {paths[0].name} is, "
                    f"got {image.size[0]} x {image.size[1]}. Pass size= to scale and crop them all."
                )
    return all_grey if grey is None else grey


def _annotations(folder: Path, paths: Sequence[Path]) -> Annotations:
    """Labels from subfolders and attributes from a CSV file, where there are any."""
    labels: Tensor | None = None
    names: tuple[str, ...] = ()
    inside = [path.relative_to(folder).parts for path in paths]
    if all(len(parts) > 1 for parts in inside) and len({parts[0] for parts in inside}) > 1:
        labels, names = label_codes(np.array([parts[0] for parts in inside]), str(folder))
    tables = sorted(folder.glob("*.csv"))
    if len(tables) > 1:
        raise BadData(f"{folder}: expected one CSV file of attributes, got {', '.join(t.name for t in tables)}.")
    if not tables:
        return Annotations(labels, names)
    columns, attributes = _attributes(tables[0], ["/".join(parts) for parts in inside])
    return Annotations(labels, names, attributes=attributes, attribute_names=columns)


def _attributes(table: Path, images: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """The row of each image, found by its path below the folder or by its file name."""
    text = read_delimited(table)
    columns = text.names
    rows = {cells[0].strip(): (number, cells[1:]) for number, cells in zip(text.lines, text.rows, strict=True)}
    values = np.empty((len(images), len(columns) - 1), dtype=np.int64)
    for image, name in zip(values, images, strict=True):
        row = rows.get(name, rows.get(name.rpartition("/")[2]))
        if row is None:
            raise BadData(f"{table}: expected a row for every image, got none for {name}.")
        number, cells = row
        for column, cell in enumerate(cells):
            if cell.strip() not in ("0", "1", "-1", "+1"):
                raise BadData(
                    f"{table}, line {number}, column {columns[column + 1]!r}: expected 0 or 1, or -1 or 1, "
                    f"got {cell!r}."
                )
            image[column] = int(cell)
    if (values == 0).any() and (values == -1).any():
        raise BadData(f"{table}: expected 0 and 1, or -1 and 1, throughout, got both 0 and -1.")
    return tuple(columns[1:]), attribute_values(values, str(table))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image file; whatever Pillow raises while it is open becomes BadData."""
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, _TooLarge) as error:
        raise BadData(f"{path}: cannot be read as an image: {error}. Replace or remove it.") from None


def _cropped(image: Image.Image, crop: int | tuple[int, ...], path: Path) -> Image.Image:
    if isinstance(crop, int):
        left, top = (image.width - crop) // 2, (image.height - crop) // 2
        crop = (left, top, left + crop, top + crop)
    left, top, right, bottom = crop
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        raise BadData(
            f"{path}: expected an image that holds the box {list(crop)}, got one of {image.width} x {image.height}. "
            "Give a smaller crop."
        )
    return image.crop((left, top, right, bottom))


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]} x {image.shape[-2]}"
