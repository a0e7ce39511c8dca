"""What the folders say in which files lie: FOLDER/CLASS/FILE their labels, FOLDER/train/CLASS/FILE their parts too."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from termwise.data.annotations import label_codes
from termwise.data.dataset import SPLITS

PARTS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""The split that a folder, or the name of an array, means, in lower case."""


@dataclass(frozen=True)
class FolderStructure:
    """What the folders say of the files in them.

    Attributes:
        labels: The label of each file, (N,); None where folders are no classes.
        label_names: The classes' names.
        splits: Positions by split; none where folders are no parts.
        part_folders: The folders that are parts.
        notes: What was taken for what: a sentence each.
    """

    labels: Tensor | None
    label_names: tuple[str, ...]
    splits: dict[str, Tensor]
    part_folders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def folder_structure(folder: Path, paths: Sequence[Path]) -> FolderStructure:
    """What the folders below `folder` say of the files at `paths`, each of which lies below it.

    Files that all lie in folders called train, test and perhaps validation (or val, valid) keep that split; and those
    that all lie, within these, in two folders or more are labelled by them.
    """
    inside = [path.relative_to(folder).parts for path in paths]
    tops = {parts[0] for parts in inside if len(parts) > 1}
    meanings = {top: PARTS[top.lower()] for top in tops if top.lower() in PARTS}
    in_parts = set(meanings) == tops and "train" in meanings.values() and all(len(parts) > 1 for parts in inside)
    notes: list[str] = []
    splits: dict[str, Tensor] = {}
    if in_parts:
        own = [meanings[parts[0]] for parts in inside]
        if len(set(own)) > 1:
            splits = {
                split: torch.tensor([position for position, one in enumerate(own) if one == split])
                for split in SPLITS
                if split in own
            }
            notes.append(f"The folders {', '.join(sorted(tops))} are taken for parts, and not for classes.")
        inside = [parts[1:] for parts in inside]
    labels: Tensor | None = None
    names: tuple[str, ...] = ()
    if all(len(parts) > 1 for parts in inside) and len({parts[0] for parts in inside}) > 1:
        labels, names = label_codes(np.array([parts[0] for parts in inside]), str(folder))
    elif in_parts and len({parts[0] for parts in inside if len(parts) > 1}) > 1:
        bare = next("/".join(path.relative_to(folder).parts) for path, parts in zip(paths, inside, strict=True)
                    if len(parts) == 1)  # fmt: skip
        notes.append(f"There are no labels: {bare} lies in no folder of a class.")
    return FolderStructure(labels, names, splits, tuple(sorted(tops)) if in_parts else (), tuple(notes))
