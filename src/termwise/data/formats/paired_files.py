"""Pairs of files, NAME_TRAIN and NAME_TEST, as the archives of time series have them: a folder of both is two parts."""

from pathlib import Path

import torch
from torch import Tensor

from termwise.errors import BadData


def is_one_or_a_pair(path: Path, suffix: str) -> bool:
    """Whether a path is a file of this suffix, or a folder with a pair of them."""
    return bool(pairs_in(path, suffix)) if path.is_dir() else path.suffix.lower() == suffix and path.is_file()


def parts_of(path: Path, suffix: str) -> dict[str, Path]:
    """The files of a pair as "train" and "test"; a file alone as "all".

    Raises:
        BadData: The folder holds several pairs.
    """
    if path.is_file():
        return {"all": path}
    pairs = pairs_in(path, suffix)
    if len(pairs) > 1:
        raise BadData(
            f"{path}: expected one pair of files, NAME_TRAIN and NAME_TEST, got those of {', '.join(pairs)}. Pass a "
            "folder with one of them."
        )
    return next(iter(pairs.values()))


def twin_note(path: Path) -> tuple[str, ...]:
    """What there is to say where the other file of a pair lies beside one."""
    for own, other in (("_TRAIN", "_TEST"), ("_TEST", "_TRAIN")):
        if path.stem.upper().endswith(own):
            for twin in path.parent.glob(f"*{path.suffix}"):
                if twin.stem.upper() == path.stem.upper().removesuffix(own) + other:
                    return (f"{twin.name} lies beside it, and is left out: pass their folder to have both as parts.",)
    return ()


def splits_of(parts: dict[str, Path], lengths: list[int]) -> dict[str, Tensor]:
    """Positions by split of the rows of a pair, one file after the other; none of one file."""
    if len(parts) < 2:
        return {}
    return dict(zip(parts, torch.arange(sum(lengths)).split(lengths), strict=True))


def pairs_in(folder: Path, suffix: str) -> dict[str, dict[str, Path]]:
    """The pairs in a folder whose names end so, by name."""
    files = {path.stem.upper(): path for path in sorted(folder.iterdir()) if path.suffix.lower() == suffix}
    names = [stem.removesuffix("_TRAIN") for stem in files if stem.endswith("_TRAIN")]
    return {
        files[f"{name}_TRAIN"].stem[: -len("_TRAIN")]: {"train": files[f"{name}_TRAIN"], "test": files[f"{name}_TEST"]}
        for name in names
        if f"{name}_TEST" in files
    }
