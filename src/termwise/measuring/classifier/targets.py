"""What a classifier can learn of examples: answers that are known of them, or turns that it can be asked about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.errors import BadData
from termwise.models.networks import CropTo


class Task(Protocol):
    """What a classifier learns of a data set's examples."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the answers, one a logit."""

    @property
    def exclusive(self) -> bool:
        """Whether just one of the names is true of an example."""

    @property
    def usual(self) -> Tensor:
        """The most frequent answer, shape (A,), or () where the names exclude one another."""

    def pose(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Examples, (B, *shape), and the answers: (B, A) zeros and ones, or (B,) classes."""


@dataclass(frozen=True, eq=False)
class GivenAnswers:
    """Answers that are known of every example: (N, A) zeros and ones, or (N,) classes."""

    answers: Tensor
    names: tuple[str, ...]

    @property
    def exclusive(self) -> bool:
        """Classes exclude one another; attributes do not."""
        return self.answers.dim() == 1

    @property
    def usual(self) -> Tensor:
        """The most frequent answer, by attribute or of the classes."""
        return self.answers.mode(0).values

    def pose(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """The examples as they are."""
        return x, self.answers[index]


@dataclass(frozen=True, eq=False)
class Turns:
    """By how many quarter turns an image was turned; of an oblong image, its middle square."""

    side: int
    names: tuple[str, ...] = ("upright", "a quarter turn", "upside down", "three quarter turns")
    exclusive: bool = True

    @property
    def usual(self) -> Tensor:
        """Any, since all turns are as frequent."""
        return torch.tensor(0)

    def pose(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """The images, each turned at random."""
        x, turns = CropTo((self.side, self.side))(x), torch.randint(4, (len(x),))
        turned = torch.stack([torch.rot90(image, k, (1, 2)) for image, k in zip(x, turns.tolist(), strict=True)])
        return turned, turns


def _attributes(part: Dataset, train: Dataset) -> Task:
    answers = part.attributes
    if answers is None or train.attributes is None:
        raise BadData(f"{part.name} has no attributes for a classifier to learn. Give target='labels' or 'turns'.")
    if answers.is_floating_point():
        raise BadData(
            f"A classifier learns attributes that are there or not, 0 and 1; those of {part.name} are other numbers. "
            "Turn them into zeros and ones, or give target='labels' or 'turns'."
        )
    never = [
        name
        for name, column in zip(part.attribute_names, train.attributes.T, strict=True)
        if bool((column == column[0]).all())
    ]
    if never:
        raise BadData(
            f"All {len(train)} examples to learn from agree in {', '.join(never)}: leave these attributes out."
        )
    return GivenAnswers(answers, part.attribute_names)


def _labels(part: Dataset, train: Dataset) -> Task:
    if part.labels is None or train.labels is None:
        raise BadData(f"{part.name} has no labels for a classifier to learn. Give target='attributes' or 'turns'.")
    classes = train.labels.unique()
    if len(classes) < 2:
        raise BadData(f"A classifier tells classes apart, and {train.name} has one label only, {int(classes[0])}.")
    answers = torch.searchsorted(classes, part.labels).clamp(max=len(classes) - 1)
    strange = part.labels[classes[answers] != part.labels].unique().tolist()
    if strange:
        raise BadData(f"No example of {train.name} to learn from has label {', '.join(map(str, strange))}.")
    names = part.label_names
    return GivenAnswers(answers, tuple(names[k] if names else str(k) for k in classes.tolist()))


def _turns(part: Dataset, train: Dataset) -> Task:
    if len(part.shape) != 3:
        raise BadData(
            f"Nothing is known of {part.name} that a classifier could learn, and examples of shape {part.shape} are no "
            "images, (C, H, W), that it could tell the turns of. Give labels or attributes, or features of your own."
        )
    return Turns(min(part.shape[1:]))


TARGETS: Mapping[str, Callable[[Dataset, Dataset], Task]] = {
    "attributes": _attributes,
    "labels": _labels,
    "turns": _turns,
}
"""What can be learned of a part of the data, and of the part to learn from, which says what there is."""


def target_of(data: Dataset) -> str:
    """The first target that the data have."""
    if data.attributes is not None and not data.attributes.is_floating_point():
        return "attributes"
    return "turns" if data.labels is None else "labels"
