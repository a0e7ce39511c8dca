"""What a reader must know before readings of quality are believed, and what they say, in words."""

import numpy as np

from termwise.account.account import Account
from termwise.account.judging import unfit, unjudged

FEW = 10
"""Examples a feature, below which covariances are poorly known."""

SHORT = 0.1
"""How far below what real examples reach a share must be before it is worth a sentence."""

MEANINGS = {
    "precision": "some of what is made is like no real example",
    "recall": "some real examples are like nothing that is made",
}
"""What it means that a share is low, by the reading's name."""


def diagnose(account: Account, features: int) -> list[str]:
    """Whether examples are too few, whether the features learned nothing, and where samples fall short of real ones.

    Args:
        account: The readings, and the same of real examples, "_of_real".
        features: How many there are.
    """
    sentences = []
    unable: dict[str, list[str]] = {}
    least = min((one.n for name, one in account.overall.items() if not name.startswith("classifier_")), default=0)
    if least < FEW * features:
        sentences.append(
            f"{least} examples are few for the covariances of {features} features: trust kernel_distance over "
            "frechet_distance, or give more examples."
        )
    if learned := unfit(account, ["classifier_accuracy", "classifier_majority"]):
        unable["whether the features learned anything"] = learned
    elif "classifier_accuracy" in account:
        right, usual = (float(np.mean(account[f"classifier_{name}"].value)) for name in ("accuracy", "majority"))
        if right <= usual:
            sentences.append(
                f"The network of the features is right on {right:.3f} of new examples, the most frequent answer on "
                f"{usual:.3f}: it learned nothing. Give features of your own."
            )
    for name, meaning in MEANINGS.items():
        if lacking := unfit(account, [name, f"{name}_of_real"]):
            unable[f"whether {meaning}"] = lacking
            continue
        here, beside = (float(np.mean(account[f"{name}{suffix}"].value)) for suffix in ("", "_of_real"))
        if here < beside - SHORT:
            sentences.append(f"{name} is {here:.3f}, and {beside:.3f} of real examples: {meaning}.")
    return [*sentences, *unjudged(unable)]
