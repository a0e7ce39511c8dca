"""Counts with more zeros: x_i = 0 with probability pi_i, and else by a law of counts (Lambert, 1992)."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.types import _size

from termwise.models.likelihoods.law_of_counts import LawOfCounts


class ZeroInflatedCounts(LawOfCounts):
    """p(0) = pi + (1 - pi) f(0), p(k) = (1 - pi) f(k), of every entry of a batch.

    Args:
        counts: f, batch shape (B, *shape).
        logits: Those of pi, the same shape.
    """

    def __init__(self, counts: LawOfCounts, logits: Tensor) -> None:
        self.counts, self.logits = counts, logits
        super().__init__(counts.log_mean + F.logsigmoid(-logits))

    def times(self, log_factor: Tensor) -> "ZeroInflatedCounts":
        """The same with f's means times a factor."""
        return ZeroInflatedCounts(self.counts.times(log_factor), self.logits)

    @property
    def variance(self) -> Tensor:
        """(1 - pi) (v + pi m^2), of f's mean m and variance v."""
        zero = self.logits.sigmoid()
        return (1 - zero) * (self.counts.variance + zero * self.counts.mean.square())

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Counts, shape (*sample_shape, B, *shape)."""
        counts = self.counts.sample(sample_shape)
        return counts.where(torch.rand_like(counts) >= self.logits.sigmoid(), torch.zeros_like(counts))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats."""
        some = F.logsigmoid(-self.logits) + self.counts.log_prob(value)
        return torch.where(value > 0, some, torch.logaddexp(F.logsigmoid(self.logits), some))
