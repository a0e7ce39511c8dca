"""What must be minded when the readings of attributes are read, in words."""

import torch
from torch import Tensor

from termwise.account.account import Account
from termwise.account.judging import unfit, unjudged

LOST = 0.75
"""Where the reconstructions are judged right in less than this share, the code is said not to hold an attribute."""

NEEDED = tuple(
    f"{name}_by_attribute"
    for name in (
        "classifier_accuracy",
        "classifier_majority",
        "attribute_reconstructed_lacking",
        "attribute_reconstructed_having",
    )
)
"""The readings that the sentences rest on."""


def diagnose(account: Account, names: tuple[str, ...]) -> list[str]:
    """The attributes that the classifier cannot judge, and those that the code loses: a sentence each, if any.

    Args:
        account: The classifier's accuracy and majority, and how reconstructions are judged, by attribute.
        names: The attributes' names, in the readings' order.
    """
    if lacking := unfit(account, NEEDED):
        return unjudged({"which attributes the classifier knows, and which the code keeps": lacking})
    accuracy, majority, *sides = (torch.tensor(account.by_dimension[name].value) for name in NEEDED)
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
