"""Codewords that come one position after another: the law of each is made of those before it.

    p(k_1 .. k_P) = prod_p p(k_p | k_1 .. k_(p-1))

A point at codewords has a KL to it that is exact: log 1 less the log of its probability.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from termwise.models.codewords import Codebook

Logits = Callable[[Tensor], Tensor]
"""Of the first n codewords, shape (N, n), the logits of each position up to the next, shape (N, n + 1, K)."""


class CodewordsInOrder(Distribution):
    """A law over P positions of codewords that says of each how probable it is, given those before.

    Args:
        codebook: Of K codewords of d numbers.
        positions: P.
        logits: What says it, unnormalised.

    Example:
        >>> book = Codebook(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        >>> law = CodewordsInOrder(book, 3, lambda before: torch.zeros(len(before), before.shape[1] + 1, 2))
        >>> law.event_shape, law.log_prob(torch.zeros(1, 6))  # -3 log 2
        (torch.Size([6]), tensor([-2.0794]))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch declares it
    has_rsample = False

    def __init__(self, codebook: Codebook, positions: int, logits: Logits) -> None:
        self.codebook, self.positions, self.logits = codebook, positions, logits
        super().__init__(Size(), Size([positions * codebook.vectors.shape[1]]), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log probability of codewords, minus infinity of what is none; of codes (..., P d), shape (...)."""
        indices = self.codebook.index_of(value.unflatten(-1, (self.positions, -1)))
        known = (indices >= 0).all(-1)
        found = self.log_prob_of(indices.clamp(min=0)).to(value.dtype)
        return torch.where(known, found, -math.inf)

    def log_prob_of(self, indices: Tensor) -> Tensor:
        """The log probability of codewords by their indices, shape (..., P): shape (...), nats, float64."""
        rows = indices.reshape(-1, self.positions)
        log_probs = self.logits(rows[:, :-1]).double().log_softmax(-1)  # (N, P, K)
        return log_probs.gather(2, rows.unsqueeze(2)).sum((1, 2)).view(indices.shape[:-1])

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes drawn position by position, shape (*sample_shape, P d)."""
        shape, vectors = Size(sample_shape), self.codebook.vectors.detach()
        drawn = torch.empty(shape.numel(), 0, dtype=torch.long, device=vectors.device)
        for _ in range(self.positions):
            following = torch.distributions.Categorical(logits=self.logits(drawn)[:, -1], validate_args=False)
            drawn = torch.cat([drawn, following.sample().unsqueeze(1)], 1)
        return vectors[drawn].flatten(-2).view(*shape, *self.event_shape)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "CodewordsInOrder":
        """The law itself, which is one for all."""
        if Size(batch_shape):
            raise NotImplementedError
        return self

    def in_double(self) -> "CodewordsInOrder":
        """The same law over codewords in float64; what says how probable they are stays as it is."""
        return CodewordsInOrder(self.codebook.in_double(), self.positions, self.logits)
