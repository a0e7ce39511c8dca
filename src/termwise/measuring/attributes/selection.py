"""Which attributes of a data set can be learned and judged: those that differ among its examples; or its labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from termwise.data.annotations import Rows
from termwise.data.dataset import Dataset
from termwise.errors import BadData, UnknownName


@dataclass(frozen=True, eq=False)
class Columns:
    """Some columns of what is known of every example."""

    rows: Rows
    columns: Sequence[int]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Tensor) -> Tensor:
        return self.rows[positions][:, list(self.columns)]


@dataclass(frozen=True, eq=False)
class IsLabel:
    """Whether an example has each of some labels, (N, A) zeros and ones."""

    labels: Rows
    classes: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, positions: Tensor) -> Tensor:
        return (self.labels[positions].unsqueeze(1) == self.classes).long()


def with_attributes(
    train: Dataset, held_out: Dataset, names: Sequence[str] | None = None
) -> tuple[Dataset, Dataset, list[str]]:
    """Both parts with the attributes that can be measured, and what must be said of the others.

    Args:
        train: What vectors and classifiers learn from.
        held_out: What they are judged on, of the same source.
        names: The attributes to measure; all that differ among the examples of both parts where left out.

    Raises:
        UnknownName: No such attribute.
        BadData: There are no attributes and no labels; they are no zeros and ones; none differs among the examples.
    """
    said = []
    known = train.known
    if known.attributes is None and known.labels is not None and train.labels is not None:
        classes = train.labels.unique()
        words = tuple(train.label_names[k] if train.label_names else str(k) for k in classes.tolist())
        known = replace(known, attributes=IsLabel(known.labels, classes), attribute_names=words)
        said.append("No attributes are known of this data; each of its labels was taken as one.")
    if known.attributes is None:
        raise BadData(
            f"{train.name} has no attributes and no labels, so there is nothing to edit towards. "
            "Attributes come with a data set, as CelebA's or those of 'sprites-colour', or in a .npz file beside x."
        )
    for name in names or ():
        if name not in known.attribute_names:
            raise UnknownName("attribute", name, known.attribute_names)
    parts = [replace(part, known=known) for part in (train, held_out)]
    values = [part.attributes for part in parts]
    wrong = [
        not bool(((column == 0) | (column == 1)).all()) for column in torch.cat([v for v in values if v is not None]).T
    ]
    if any(wrong):
        raise BadData(
            f"Attributes are edited that are there or not, 0 and 1; {known.attribute_names[wrong.index(True)]!r} of "
            f"{train.name} has other values. Threshold it."
        )
    wanted = [k for k, name in enumerate(known.attribute_names) if names is None or name in names]
    kept = [k for k in wanted if all(v is not None and bool((v[:, k] != v[0, k]).any()) for v in values)]
    constant = [known.attribute_names[k] for k in wanted if k not in kept]
    if constant:
        said.append(f"Left out, since only one value of each is in a part of this data: {', '.join(constant)}.")
    if not kept:
        raise BadData(f"None of the attributes differs among the examples of both parts of {train.name}: {said[-1]}")
    chosen = tuple(known.attribute_names[k] for k in kept)
    known = replace(known, attributes=Columns(known.attributes, kept), attribute_names=chosen)
    return replace(train, known=known), replace(held_out, known=known), said


def joined(train: Dataset, held_out: Dataset) -> Dataset:
    """The two parts of one source as one data set, split so."""
    positions = [torch.arange(len(part)) if part.positions is None else part.positions for part in (train, held_out)]
    both = torch.arange(len(train) + len(held_out))
    splits = {"train": both[: len(train)], "test": both[len(train) :]}
    return replace(train, positions=torch.cat(positions), splits=splits, source=None)
