"""Tables of numbers in files: values parted by commas, semicolons or tabs."""

import csv
import math
from pathlib import Path

import numpy as np

from termwise.data.annotations import Annotations, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import in_memory_examples
from termwise.errors import BadData, UnknownName


def load_csv(path: Path, *, labels: str | None = None) -> Dataset:
    """A table whose numeric columns are x, (N, D).

    A first row with a cell that is no number is the header; without one, columns are called "0", "1", ...
    Fields are parted by the tab, semicolon or comma that the first row has most of.

    Args:
        path: The file.
        labels: The name of the column that holds labels; words become codes.
    """
    names, lines = read_rows(path)
    column = None
    if labels is not None:
        if labels not in names:
            raise UnknownName(f"column of {path}", str(labels), names)
        column = names.index(labels)
    x = np.empty((len(lines), len(names) - (column is not None)), dtype=np.float32)
    for example, (number, cells) in enumerate(lines):
        if column is not None:
            cells = cells[:column] + cells[column + 1 :]
        try:
            with np.errstate(over="ignore"):
                x[example] = [float(cell) for cell in cells]
        except ValueError:
            fault = next(i for i, cell in enumerate(cells) if not _is_number(cell))
        else:
            if np.isfinite(x[example]).all():
                continue
            fault = int(np.flatnonzero(~np.isfinite(x[example]))[0])
        rest = [name for index, name in enumerate(names) if index != column]
        raise BadData(
            f"{path}, line {number}, column {rest[fault]!r}: expected a finite number, got {cells[fault]!r}. "
            "Fill or remove it; a column of labels is taken off with labels=."
        )
    annotations = Annotations()
    if column is not None:
        words = [cells[column].strip() for _, cells in lines]
        whole = all(_is_whole(word) for word in words)
        annotations = Annotations(*label_codes(np.array([int(word) for word in words] if whole else words), str(path)))
    return Dataset(path.stem, in_memory_examples(x, str(path)), annotations)


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and the (line number, cells) of every row that is not blank, all equally long."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",\t;", key=first.count))
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path}: cannot be read as a CSV file in UTF-8: {error}.") from None
    if not lines:
        raise BadData(f"{path}: expected rows of numbers, got an empty file.")
    names = [str(column) for column in range(len(lines[0][1]))]
    if not all(_is_number(cell) for cell in lines[0][1]):
        names = [cell.strip() for cell in lines.pop(0)[1]]
    if len(set(names)) < len(names):
        raise BadData(f"{path}: expected columns with names of their own, got {', '.join(names)}.")
    for number, cells in lines:
        if len(cells) != len(names):
            raise BadData(f"{path}, line {number}: expected {len(names)} cells, as above, got {len(cells)}.")
    if not lines:
        raise BadData(f"{path}: expected rows below the header, got none.")
    return names, lines


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_whole(word: str) -> bool:
    return _is_number(word) and math.isfinite(float(word)) and word.lstrip("+-").isdigit()
