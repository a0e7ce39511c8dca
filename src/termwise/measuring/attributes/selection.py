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

    Example:
        >>> import termwise as tw
        >>> digits = tw.load_data("digits", test=0.2)
        >>> train, held_out, notes = with_attributes(digits.train, digits.test, names=["0", "7"])
        >>> held_out.attribute_names, notes
        (('0', '7'), ['No attributes are known of this data; each of its labels was taken as one.'])
    """
    notes = []
    annotations = train.annotations
    if annotations.attributes is None and annotations.labels is not None and train.labels is not None:
        classes = train.labels.unique()
        words = tuple(train.label_names[k] if train.label_names else str(k) for k in classes.tolist())
        annotations = replace(annotations, attributes=IsLabel(annotations.labels, classes), attribute_names=words)
        notes.append("No attributes are known of this data; each of its labels was taken as one.")
    if annotations.attributes is None:
        raise BadData(
            f"{train.name} has no attributes and no labels, so there is nothing to edit towards. "
            "Attributes come with a data set, as CelebA's or those of 'sprites-colour', or in a .npz file beside x."
        )
    for name in names or ():
        if name not in annotations.attribute_names:
            raise UnknownName("attribute", name, annotations.attribute_names)
    parts = [replace(part, annotations=annotations) for part in (train, held_out)]
    values = [part.attributes for part in parts]
    wrong = [
        not bool(((column == 0) | (column == 1)).all()) for column in torch.cat([v for v in values if v is not None]).T
    ]
    if any(wrong):
        name = annotations.attribute_names[wrong.index(True)]
        raise BadData(
            f"Attributes are edited that are there or not, 0 and 1; {name!r} of {train.name} has other values. "
            "Threshold it."
        )
    wanted = [k for k, name in enumerate(annotations.attribute_names) if names is None or name in names]
    kept = [k for k in wanted if all(v is not None and bool((v[:, k] != v[0, k]).any()) for v in values)]
    constant = [annotations.attribute_names[k] for k in wanted if k not in kept]
    if constant:
        notes.append(f"Left out, since only one value of each is in a part of this data: {', '.join(constant)}.")
    if not kept:
        raise BadData(f"None of the attributes differs among the examples of both parts of {train.name}: {notes[-1]}")
    chosen = tuple(annotations.attribute_names[k] for k in kept)
    annotations = replace(annotations, attributes=Columns(annotations.attributes, kept), attribute_names=chosen)
    return replace(train, annotations=annotations), replace(held_out, annotations=annotations), notes


def joined(train: Dataset, held_out: Dataset) -> Dataset:
    """The two parts of one source as one data set, split so.

    Example:
        >>> import termwise as tw
        >>> data = tw.load_data(torch.rand(10, 3), test=0.2)
        >>> both = joined(data.train, data.test)
        >>> len(both.train), len(both.test)
        (8, 2)
    """
    positions = [torch.arange(len(part)) if part.positions is None else part.positions for part in (train, held_out)]
    both = torch.arange(len(train) + len(held_out))
    splits = {"train": both[: len(train)], "test": both[len(train) :]}
    return replace(train, positions=torch.cat(positions), splits=splits, source=None)
