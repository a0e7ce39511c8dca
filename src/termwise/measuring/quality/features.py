"""Examples as a network sees them: rows of features, whose laws are then compared; and how sharp they are."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from termwise.errors import BadData, Refused
from termwise.measuring.classifier.classifier import Classifier
from termwise.measuring.quality.sharpness import sharpness
from termwise.models.passes import evaluating

FeatureFunction = Callable[[Tensor], Tensor]
"""Examples x, shape (B, *shape), to features, (B, F), or more dimensions, which are flattened."""


@dataclass(frozen=True, eq=False)
class Seen:
    """N examples, float64, on the CPU.

    Attributes:
        features: Shape (N, F).
        sharpness: Shape (N,); None where they are no images.
    """

    features: Tensor
    sharpness: Tensor | None

    def __len__(self) -> int:
        return len(self.features)

    def and_also(self, other: "Seen") -> "Seen":
        """These, and then the others."""
        sharpness = None
        if self.sharpness is not None and other.sharpness is not None:
            sharpness = torch.cat([self.sharpness, other.sharpness])
        return Seen(torch.cat([self.features, other.features]), sharpness)

    def rows(self, rows: Tensor) -> "Seen":
        """Some of them, or all in another order."""
        return Seen(self.features[rows], None if self.sharpness is None else self.sharpness[rows])


def seen_by(features: FeatureFunction, batches: Iterable[Tensor], device: torch.device | str) -> Seen:
    """All examples, in order; a network is left as it was.

    Args:
        features: A classifier, whose own features are taken, or any network or function.
        batches: The examples, shape (B, *shape) each.
        device: Where the network is.

    Raises:
        Refused: It gives something else.
        BadData: Some features are not finite.
    """
    function = features.features if isinstance(features, Classifier) else features
    rows, sharp = [], []
    with evaluating(features) if isinstance(features, nn.Module) else nullcontext(), torch.no_grad():
        for x in batches:
            found = function(x.to(device))
            if not isinstance(found, Tensor) or found.dim() < 2 or len(found) != len(x):
                got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
                raise Refused(f"Features must be (B, F) for examples of shape {tuple(x.shape)}; got {got}.")
            rows.append(found.flatten(1).double().cpu())
            if x.dim() == 4 and min(x.shape[-2:]) >= 3:
                sharp.append(sharpness(x).double().cpu())
    gathered = torch.cat(rows)
    if not bool(gathered.isfinite().all()):
        raise BadData("Some features are not finite: look for such numbers in the samples, or in the network.")
    return Seen(gathered, torch.cat(sharp) if sharp else None)


def name_of(features: FeatureFunction) -> str:
    """What to call the features, in words."""
    if isinstance(features, Classifier):
        return f"features of {features}"
    return f"features by {getattr(features, '__name__', type(features).__name__)}"
