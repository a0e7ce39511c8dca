"""A folder of images, or one file of several."""

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Literal

import torch

from termwise.data.annotations import Annotations, label_codes
from termwise.data.columns import TableColumn
from termwise.data.dataset import Dataset
from termwise.data.examples import LARGEST_SIDE, InMemory
from termwise.data.formats.array_files import MEMORY_LIMIT
from termwise.data.formats.class_files import class_words, notes_on_files_beside
from termwise.data.formats.folder_structure import FolderStructure, folder_structure
from termwise.data.formats.image_files import (
    SUFFIXES,
    ImageFiles,
    ImageHeader,
    image_header,
    image_paths,
    mixed_sizes,
    notes_on_images,
)
from termwise.data.formats.table_beside import METADATA, annotations_of, table_beside
from termwise.data.stream import StreamedExamples
from termwise.data.tables.options import Names
from termwise.errors import BadData
from termwise.main_memory import check_fits
from termwise.values import Bytes, Natural

_STRAYS = 20  # of so many images one may be in colour, and all are read as grey
_LARGEST = 2**23  # numbers of an image that is not scaled


def is_images(path: Path) -> bool:
    """Whether a path is a folder with images in it or below it, or an image."""
    if path.is_dir():
        return bool(image_paths(path))
    return path.suffix.lower() in SUFFIXES and path.is_file()


def load_images(
    path: Path,
    *,
    labels: str | None = None,
    attributes: Names = None,
    size: int | None = None,
    grey: bool | None = None,
    frames: Literal["first", "all"] | None = None,
    memory_limit: Bytes = MEMORY_LIMIT,
    num_workers: Natural = 2,
) -> Dataset:
    """A folder of images, in order of their paths; or one file of several.

    Images are turned as their EXIF tag says, and transparency is laid over white. Images that all lie in two or more
    subfolders are labelled by them; folders called train, test and perhaps validation are parts, and keep their split.
    One CSV file in the folder gives attributes: its first column names files, the others hold 0 and 1, or -1 and 1;
    or, called metadata.csv, in the folder or in each of its parts, anything that is known of them, by their file_name.
    Where the folders are no classes, a file NAME.cls beside each image, as WebDataset has it, holds its label.

    Args:
        path: The folder.
        labels: The column of metadata.csv that holds labels, in place of the subfolders'.
        attributes: Columns of metadata.csv that are attributes.
        size: The pixels to which the shorter side is scaled before the middle square is cropped.
        grey: True for one channel, false for three; left out, one where every file is grey, or all but a few.
        frames: Which pictures of a file that holds several, as a GIF may: the first, or all, each an example.
        memory_limit: The bytes above which pixels stay on disk, and are read batch by batch.
        num_workers: The number of processes that read ahead where they do.
    """
    if size is not None and not 1 <= size <= LARGEST_SIDE:
        raise BadData(f"{path}: expected size in pixels, from 1 to {LARGEST_SIDE}, got {size}.")
    paths = image_paths(path) if path.is_dir() else [path]
    if not paths:
        raise BadData(f"{path}: expected images ({', '.join(sorted(SUFFIXES))}), got a folder with none.")
    headers = {one: image_header(one) for one in paths}
    if path.is_file():
        frames = frames or "all"
        _check_one(path, headers[path], frames)
    if size is None and (mixed := mixed_sizes(headers)):
        raise mixed
    colours = [one for one, header in headers.items() if not header.grey]
    as_grey = _STRAYS * len(colours) <= len(paths) if grey is None else grey
    notes = notes_on_images(headers, as_grey, grey is not None, frames != "all")
    where: list[int] | None = None
    if frames == "all":
        where = [frame for one in paths for frame in range(headers[one].frames)]
        paths = [one for one in paths for _ in range(headers[one].frames)]
    deep = any(header.deep for header in headers.values())
    files = ImageFiles(tuple(paths), size, as_grey, deep=deep, frames=where)
    shape = _shape(headers, files)
    name = path.name if path.is_dir() else path.stem
    structure = folder_structure(path, paths) if path.is_dir() else FolderStructure(None, (), {})
    annotations = Annotations(structure.labels, structure.label_names)
    table: tuple[TableColumn, ...] = ()
    said = notes_on_files_beside(paths)
    if labels is None and annotations.labels is None and (words := class_words(paths)) is not None:
        annotations = Annotations(*label_codes(words, str(path)))
        said = ("Labels are those in the .cls file beside each image.", *said)
    if beside := table_beside(path, structure.part_folders, paths):
        more, table, also = annotations_of(beside, labels, attributes)
        said = (*said, *also)
        own = more if more.labels is not None else annotations
        annotations = replace(more, labels=own.labels, label_names=own.label_names)
    elif labels is not None or attributes is not None:
        raise BadData(f"{path}: expected a table of labels or attributes, {METADATA}, in the folder, got none.")
    data = Dataset(
        name,
        StreamedExamples(files, shape, 1.0 if deep else 255.0, str(path), num_workers),
        annotations,
        splits=structure.splits,
        table=table,
        notes=(*notes, *structure.notes, *said),
    )
    if len(paths) * prod(shape) * (4 if deep else 1) > memory_limit:
        files.one(0)  # so that what cannot be read at all is found now
        return data
    check_fits(
        len(paths) * prod(shape) * (4 if deep else 1), f"{path}, in memory,", "Read it by batch: memory_limit=0."
    )
    return replace(data, examples=InMemory(files.pixels(shape), 1.0 if deep else 255.0))


def _check_one(path: Path, header: ImageHeader, frames: str) -> None:
    """Raise BadData where a file is one picture, and no set of them."""
    if header.frames > 1 and frames == "all":
        return
    width, height = header.size
    raise BadData(
        f"{path}: expected a folder of images, got one image, {width} x {height}. Pass the folder that it is in. "
        f"{_cutting(path)}"
    )


def _cutting(path: Path) -> str:
    """What to do with an image that holds many."""
    return (
        "If it holds many side by side, cut it first; where each of its rows is a picture of 32 x 32: import numpy; "
        f'from PIL import Image; x = numpy.asarray(Image.open("{path}").convert("RGB")).reshape(-1, 32, 32, 3); '
        'numpy.save("x.npy", x).'
    )


def _shape(headers: dict[Path, ImageHeader], files: ImageFiles) -> tuple[int, int, int]:
    """The shape of every image, (C, H, W), if memory will hold what decoding takes.

    Raises:
        BadData: They are too large to be trained on as they are.
        Refused: Decoding them would take more memory than there is.
    """
    channels = 1 if files.grey else 3
    largest, header = max(headers.items(), key=lambda one: prod(one[1].size))
    width, height = header.size if files.size is None else (files.size, files.size)
    if files.size is None and channels * width * height > _LARGEST:
        raise BadData(
            f"{largest}: expected an image of {_LARGEST} numbers or fewer, got {width} x {height} x {channels}. Pass "
            f"size= to scale and crop them all (--set data.size=64). {_cutting(largest)}"
        )
    threads = torch.get_num_threads()
    check_fits(
        threads * 8 * prod(header.size), f"{largest} of {header.size[0]} x {header.size[1]} pixels, decoded,",
        "Scale it down first.",
    )  # fmt: skip
    return channels, height, width
