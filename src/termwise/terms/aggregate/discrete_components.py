"""N laws over discrete codes, as constants: categories, one-hot at every position; and numbers that are 0 or 1.

In z a log-component is linear, z . log p_n, which holds at the discrete codes alone. Between them the log density of
the mixture is taken to go on in a straight line, so that its gradient is the log density that z would have with each
category in the place of its own (`Alternatives`): through straight-through codes the gradient of an expectation is
then exact (`models/categories.py`), where the mean slope of the components would not be.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from termwise.models.categories import LEAST
from termwise.models.codes import Codes
from termwise.terms.aggregate.components import Alternatives, Components, LinearComponents


class CategoryComponents(LinearComponents):
    """N components of one category out of K at each of P positions.

    Args:
        log_probs: Shape (N, P, K).
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("log_probs", *LinearComponents.TENSORS)

    def __init__(self, log_probs: Tensor) -> None:
        self.log_probs = log_probs.detach().clamp(min=LEAST)
        self.slope = self.log_probs.flatten(1).double()
        self.intercept = self.slope.new_zeros(len(log_probs))
        self.slope32 = self.log_probs.flatten(1)

    @property
    def size(self) -> int:
        """P K, the numbers of a code."""
        return self.slope.shape[1]

    def at(self, rows: Tensor) -> "CategoryComponents":
        """The components at these rows, shape (n,)."""
        return CategoryComponents(self.log_probs[rows])

    @classmethod
    def joined(cls, several: Sequence["CategoryComponents"]) -> "CategoryComponents":
        """The components of several, in order."""
        return cls(torch.cat([one.log_probs for one in several]))

    def state(self) -> dict[str, Any]:
        """The log probabilities of every component."""
        return {"log_probs": self.log_probs}

    def features(self, z: Tensor) -> Tensor:
        """The codes themselves, each position's greatest number taken for its category."""
        by_position = z.unflatten(1, self.log_probs.shape[1:])
        return torch.zeros_like(by_position).scatter_(-1, by_position.argmax(-1, keepdim=True), 1.0).flatten(1)

    def gradient(self, z: Tensor, mean_slope: Tensor) -> Tensor:
        """Shape (B, P K), to be written over by the alternatives."""
        return mean_slope

    def alternatives(self, codes: Codes, start: int = 0) -> list[Alternatives]:
        """One of them for every position."""
        own = codes.z.unflatten(1, self.log_probs.shape[1:]).argmax(-1)  # (B, P)
        count = self.log_probs.shape[2]
        return [
            Alternatives(own[:, p], self.log_probs[:, p].double(), slice(start + p * count, start + (p + 1) * count))
            for p in range(own.shape[1])
        ]

    def by_dimension(self) -> list[tuple[slice, Components]]:
        """The components position by position."""
        count = self.log_probs.shape[2]
        return [
            (slice(p * count, (p + 1) * count), CategoryComponents(self.log_probs[:, p : p + 1]))
            for p in range(self.log_probs.shape[1])
        ]


class BernoulliComponents(LinearComponents):
    """N components of D independent numbers that are 0 or 1.

    Args:
        logits: Shape (N, D).
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("logits", *LinearComponents.TENSORS)

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits.detach().clamp(LEAST, -LEAST)
        self.slope = self.logits.double()
        self.intercept = -torch.nn.functional.softplus(self.slope).sum(1)
        self.slope32 = self.logits

    @property
    def size(self) -> int:
        """D, the numbers of a code."""
        return self.slope.shape[1]

    def at(self, rows: Tensor) -> "BernoulliComponents":
        """The components at these rows, shape (n,)."""
        return BernoulliComponents(self.logits[rows])

    @classmethod
    def joined(cls, several: Sequence["BernoulliComponents"]) -> "BernoulliComponents":
        """The components of several, in order."""
        return cls(torch.cat([one.logits for one in several]))

    def state(self) -> dict[str, Any]:
        """The logits of every component."""
        return {"logits": self.logits}

    def features(self, z: Tensor) -> Tensor:
        """The codes themselves, each number taken for 0 or 1, whichever is nearer."""
        return (z > 0.5).to(z.dtype)

    def gradient(self, z: Tensor, mean_slope: Tensor) -> Tensor:
        """Shape (B, D), to be written over by the alternatives."""
        return mean_slope

    def alternatives(self, codes: Codes, start: int = 0) -> list[Alternatives]:
        """One of them for every number."""
        own, both = (codes.z > 0.5).long(), torch.nn.functional.logsigmoid
        return [
            Alternatives(own[:, j], torch.stack([both(-logit), both(logit)], 1), slice(start + j, start + j + 1))
            for j, logit in enumerate(self.slope.T)
        ]

    def by_dimension(self) -> list[tuple[slice, Components]]:
        """The components number by number."""
        return [(slice(j, j + 1), BernoulliComponents(self.logits[:, j : j + 1])) for j in range(self.size)]
