"""What must be minded when the readings of attributes are read, in words."""

from collections.abc import Mapping

import torch
from torch import Tensor

from termwise.account.reading import AnyReading

LOST = 0.75
"""Where the reconstructions are judged right in less than this share, the code is said not to hold an attribute."""


def diagnose(readings: Mapping[str, AnyReading], names: tuple[str, ...]) -> list[str]:
    """The attributes that the classifier cannot judge, and those that the code loses: a sentence each, if any.

    Args:
        readings: By name: the classifier's accuracy and majority, and how reconstructions are judged, by attribute.
        names: The attributes' names, in the readings' order.
    """
    value = {name: torch.as_tensor(reading.value) for name, reading in readings.items()}
    accuracy, majority = value["classifier_accuracy_by_attribute"], value["classifier_majority_by_attribute"]
    sides = [value[f"attribute_reconstructed_{side}_by_attribute"] for side in ("lacking", "having")]
    poor = accuracy <= majority
    lost = ~poor & (torch.stack(sides).mean(0) < LOST)
    sentences = []
    if bool(poor.any()):
        sentences.append(
            f"The classifier knows no more than which answer is usual of {_listed(names, poor)}: what it says of these "
            "in images means nothing."
        )
    if bool(lost.any()):
        sentences.append(
            f"Reconstructions do not keep {_listed(names, lost)}: where the code loses an attribute, no edit brings "
            "it back."
        )
    return sentences


def _listed(names: tuple[str, ...], where: Tensor) -> str:
    return ", ".join(name for name, yes in zip(names, where.tolist(), strict=True) if yes)
