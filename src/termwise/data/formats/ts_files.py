"""Time series in .ts files, as aeon and sktime write them: a line an example, channels parted by colons.

@univariate true
@classLabel true up down
@data
0.1,0.2,0.3:up
"""

from pathlib import Path

import numpy as np

from termwise.data.annotations import Annotations, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import MissingEntries, in_memory_examples, notes_on_missing
from termwise.data.formats.paired_files import is_one_or_a_pair, parts_of, splits_of, twin_note
from termwise.errors import BadData
from termwise.main_memory import check_fits

_SWELLS = 12  # bytes of memory that a byte of text takes, at most, as numbers


def is_ts(path: Path) -> bool:
    """Whether a path is a .ts file, or a folder with NAME_TRAIN.ts and NAME_TEST.ts."""
    return is_one_or_a_pair(path, ".ts")


def load_ts(path: Path, *, missing: MissingEntries = "refuse") -> Dataset:
    """Time series (T,), or (C, T) of several channels, with their classes as labels.

    NAME_TRAIN.ts and NAME_TEST.ts in one folder keep their split.

    Args:
        path: The file, or the folder of two.
        missing: What to do where a value is "?" or nan: "refuse" the series, fill in the "mean" of what trains at that
            time, or "mask" it: left out of the likelihood.
    """
    parts = parts_of(path, ".ts")
    series: list[list[np.ndarray]] = []
    words: list[str] = []
    notes = list(twin_note(path)) if path.is_file() else []
    for one in parts.values():
        rows, labels, targets = _read(one)
        series.append(rows)
        words += labels
        if targets:
            notes.append(f"{one.name} has numbers to predict, which are left out.")
    every = [row for rows in series for row in rows]
    odd = next((row for row in every if row.shape != every[0].shape), None)
    if odd is not None:
        raise BadData(f"{path}: expected series of one shape, {every[0].shape}, got {odd.shape} in another file.")
    x = np.stack(every)  # (N, C, T)
    whole = bool(words) and all(word.lstrip("+-").isdecimal() for word in words)
    known = label_codes(np.array([int(word) for word in words] if whole else words), str(path)) if words else (None, ())
    examples = in_memory_examples(x.squeeze(1) if x.shape[1] == 1 else x, str(path), missing=missing)
    return Dataset(
        path.stem if path.is_file() else path.name,
        examples,
        Annotations(*known),
        splits=splits_of(parts, [len(rows) for rows in series]),
        notes=(*notes, *notes_on_missing(examples, missing)),
    )


def _read(path: Path) -> tuple[list[np.ndarray], list[str], bool]:
    """The series (C, T) of a file, the word of each one's class, and whether it has numbers to predict."""
    check_fits(_SWELLS * path.stat().st_size, f"{path}, in memory,", "Load a part of it.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{path}: cannot be read as text: {error}.") from None
    about: dict[str, str] = {}
    rows: list[np.ndarray] = []
    words: list[str] = []
    in_data = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not in_data:
            name, _, value = text.partition(" ")
            in_data = name.lower() == "@data"
            about[name.lower()] = value.strip().lower()
            continue
        *channels, last = text.split(":")
        if not _has_classes(about) and not _has_targets(about):
            channels, last = [*channels, last], ""
        if about.get("@timestamps") == "true":
            raise BadData(f"{path}: expected series without time stamps, got @timestamps true. Save them without.")
        rows.append(_series(channels, path, number))
        words.append(last.strip())
        if rows[-1].shape != rows[0].shape:
            raise BadData(
                f"{path}, line {number}: expected series of one shape, {rows[0].shape}, got {rows[-1].shape}. Cut or "
                "pad them to one length first."
            )
    if not rows:
        raise BadData(f"{path}: expected series below a line @data, got none.")
    return rows, words if _has_classes(about) else [], _has_targets(about)


def _has_classes(about: dict[str, str]) -> bool:
    return about.get("@classlabel", "false").startswith("true")


def _has_targets(about: dict[str, str]) -> bool:
    return about.get("@targetlabel", "false").startswith("true")


def _series(channels: list[str], path: Path, number: int) -> np.ndarray:
    """One series, (C, T)."""
    try:
        series = [np.array([_value(cell) for cell in channel.split(",")], dtype=np.float32) for channel in channels]
    except ValueError as error:
        raise BadData(
            f"{path}, line {number}: expected numbers, {str(error).partition(': ')[2]} is none. Fill it."
        ) from None
    if not series or len({len(channel) for channel in series}) > 1:
        raise BadData(f"{path}, line {number}: expected channels of one length, got {[len(one) for one in series]}.")
    return np.stack(series)


def _value(cell: str) -> float:
    return float("nan" if cell.strip() == "?" else cell)
