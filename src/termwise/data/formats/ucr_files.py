"""Time series as the UCR archive has them: NAME_TRAIN.tsv and NAME_TEST.tsv, or .txt; a row is a label and its series.

1	0.1	0.2	0.3
2	0.4	0.3	NaN
"""

from pathlib import Path

import numpy as np

from termwise.data.annotations import Annotations, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import MissingEntries, in_memory_examples, notes_on_missing
from termwise.data.formats.paired_files import pairs_in, parts_of, splits_of, twin_note
from termwise.errors import BadData
from termwise.main_memory import check_fits

_SUFFIXES = (".tsv", ".txt")
_SWELLS = 12  # bytes of memory that a byte of text takes, at most, as numbers


def is_ucr(path: Path) -> bool:
    """Whether a path is a folder with NAME_TRAIN.tsv and NAME_TEST.tsv, or .txt, of numbers alone; or one of them."""
    return _suffix(path) is not None


def load_ucr(path: Path, *, missing: MissingEntries = "refuse") -> Dataset:
    """Time series (T,) with their classes as labels, in NAME_TRAIN.tsv and NAME_TEST.tsv in one folder: their split.

    Args:
        path: The folder of two, or one of them.
        missing: What to do where a value is nan, as beyond the end of a short series: "refuse" the series, fill in the
            "mean" of what trains at that time, or "mask" it: left out of the likelihood.
    """
    parts = parts_of(path, _suffix(path) or _SUFFIXES[0])
    tables = [_rows(one) for one in parts.values()]
    if len({table.shape[1] for table in tables}) > 1:
        raise BadData(
            f"{path}: expected series of one length, got {' and '.join(str(table.shape[1] - 1) for table in tables)}. "
            "Cut or pad them first: nan is a value that is missing."
        )
    whole = np.concatenate(tables)
    labels = whole[:, 0]
    if (labels != labels.round()).any():
        raise BadData(f"{path}: expected a whole number, the label, first in each row. Load it as .csv if it has none.")
    examples = in_memory_examples(whole[:, 1:], str(path), missing=missing)
    notes = ("The first number of each row is its label.", *(twin_note(path) if path.is_file() else ()))
    return Dataset(
        path.stem if path.is_file() else path.name,
        examples,
        Annotations(*label_codes(labels.astype(np.int64), str(path))),
        splits=splits_of(parts, [len(table) for table in tables]),
        notes=(*notes, *notes_on_missing(examples, missing)),
    )


def _suffix(path: Path) -> str | None:
    """How the names of the two files end; None where there are no two, or they hold more than numbers."""
    for suffix in _SUFFIXES:
        if path.is_dir():
            files = [file for pair in pairs_in(path, suffix).values() for file in pair.values()]
        else:
            files = [path] if path.suffix.lower() == suffix and twin_note(path) else []
        if files and all(map(_begins_with_numbers, files)):
            return suffix
    return None


def _begins_with_numbers(path: Path) -> bool:
    """Whether the first row is of three numbers or more."""
    with path.open("rb") as file:
        first = file.readline(2**24).decode("utf-8", "replace")
    cells = first.replace(",", " ").split()
    try:
        return len([float(cell) for cell in cells]) > 2
    except ValueError:
        return False


def _rows(path: Path) -> np.ndarray:
    """All numbers of a file, (N, 1 + T)."""
    check_fits(_SWELLS * path.stat().st_size, f"{path}, in memory,", "Load a part of it.")
    try:
        text = path.read_text(encoding="utf-8").replace(",", " ")
        return np.loadtxt(text.splitlines(), ndmin=2)
    except (ValueError, OSError) as error:
        reason = str(error).partition(";")[0].rstrip(".")
        raise BadData(f"{path}: expected rows of as many numbers, parted by tabs or spaces: {reason}.") from None
