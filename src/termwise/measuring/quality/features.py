"""Examples as a network sees them: rows of features, whose laws are then compared; and how sharp they are."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from termwise.errors import BadData, Refused
from termwise.measuring.classifier.classifier import Classifier
from termwise.measuring.quality.sharpness import sharpness
from termwise.models.data_pass import evaluating

FeatureFunction = Callable[[Tensor], Tensor]
"""Examples x, shape (B, *shape), to features, (B, F), or more dimensions, which are flattened."""


@dataclass(frozen=True, eq=False)
class Features:
    """The features and the sharpness of N examples, float64, on the CPU.

    Attributes:
        values: The features, shape (N, F).
        sharpness: Each image's, shape (N,); None where they are no images.
    """

    values: Tensor
    sharpness: Tensor | None

    def __len__(self) -> int:
        return len(self.values)

    def and_also(self, other: "Features") -> "Features":
        """These, and then the others."""
        sharpness = None
        if self.sharpness is not None and other.sharpness is not None:
            sharpness = torch.cat([self.sharpness, other.sharpness])
        return Features(torch.cat([self.values, other.values]), sharpness)

    def rows(self, rows: Tensor) -> "Features":
        """Some of them, or all in another order."""
        return Features(self.values[rows], None if self.sharpness is None else self.sharpness[rows])


def extract_features(network: FeatureFunction, batches: Iterable[Tensor], device: torch.device | str) -> Features:
    """The features of all examples, in order; a network is left as it was.

    Args:
        network: A classifier, whose own features are taken, or any network or function.
        batches: The examples, shape (B, *shape) each.
        device: Where the network is.

    Raises:
        Refused: It gives something else.
        BadData: Some features are not finite.
    """
    function = network.features if isinstance(network, Classifier) else network
    rows, sharp = [], []
    with evaluating(network) if isinstance(network, nn.Module) else nullcontext(), torch.no_grad():
        for x in batches:
            values = function(x.to(device))
            if not isinstance(values, Tensor) or values.dim() < 2 or len(values) != len(x):
                got = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
                raise Refused(f"Features must be (B, F) for examples of shape {tuple(x.shape)}; got {got}.")
            rows.append(values.flatten(1).cpu().double())
            if x.dim() == 4 and min(x.shape[-2:]) >= 3:
                sharp.append(sharpness(x).cpu().double())
    gathered = torch.cat(rows)
    if not bool(gathered.isfinite().all()):
        raise BadData("Some features are not finite: look for such numbers in the samples, or in the network.")
    return Features(gathered, torch.cat(sharp) if sharp else None)


def describe_features(network: FeatureFunction) -> str:
    """What to call the features of a network, in words."""
    if isinstance(network, Classifier):
        return f"features of {network}"
    return f"features by {getattr(network, '__name__', type(network).__name__)}"
