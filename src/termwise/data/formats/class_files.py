"""Labels in files of their own: NAME.cls beside NAME.png, as in the archives of WebDataset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from termwise.errors import BadData

_LONGEST = 1000  # bytes of a label
_OTHERS = (".json", ".txt", ".caption", ".xml")


def class_words(paths: Sequence[Path]) -> np.ndarray | None:
    """The label that lies beside each file: whole numbers where all are, else words; None where there are none.

    Raises:
        BadData: Some files have a label, and others none; or one cannot be read.
    """
    beside = [_beside(path, ".cls") for path in paths]
    if not beside or not beside[0].is_file():
        return None
    words = [_word(path) for path in beside]
    return np.array([int(word) for word in words] if all(map(str.isdecimal, words)) else words)


def notes_on_files_beside(paths: Sequence[Path]) -> tuple[str, ...]:
    """That what else lies beside the first of some files, as NAME.json does, is left out: a sentence each."""
    first = next(iter(paths))
    return tuple(
        f"Files as {beside.name}, beside each image, are left out: what they say can stand in a table, metadata.csv."
        for beside in (_beside(first, suffix) for suffix in _OTHERS)
        if beside.is_file()
    )


def _beside(path: Path, suffix: str) -> Path:
    """The file of the same name and another suffix; a name ends at its first dot, as WebDataset has it."""
    return path.with_name(path.name.partition(".")[0] + suffix)


def _word(path: Path) -> str:
    try:
        with path.open("rb") as file:
            word = file.read(_LONGEST).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        word = ""
    if not word:
        raise BadData(
            f"{path}: expected the label of the file beside it, as the first has one. Write it, or remove every .cls."
        )
    return word
