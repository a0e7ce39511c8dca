"""The beta likelihood: shares in (0, 1), x_i ~ Beta(n_i p_i, n_i (1 - p_i)), p of the decoder's logits."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Beta, Distribution, constraints
from torch.nn import functional as F
from torch.types import _size

from termwise.data import ValueRange
from termwise.errors import BadData
from termwise.models.likelihoods.likelihood import Likelihood, by_entry, over_examples
from termwise.models.likelihoods.stirling import log_beta

LOG_SIZES = -8.0, 14.0
"""From and to where log n is let, so that a density cannot run off to infinity."""
MOST_SURE = 15.0
"""The largest logit of a mean, up or down."""


class _Between(constraints.interval):
    """Between two ends, neither included."""

    def check(self, value: Tensor) -> Tensor:
        inside: Tensor = (value > self.lower_bound) & (value < self.upper_bound)
        return inside


class BetaShares(Beta):
    """Beta laws of mean p and size n, of every entry of a batch, exact in float32 for any n.

    Args:
        logits: Those of p, shape (B, *shape).
        log_size: log n, of the entries, which broadcasts to it; the variance is p (1 - p) / (n + 1).
    """

    support = _Between(0.0, 1.0)

    def __init__(self, logits: Tensor, log_size: Tensor) -> None:
        self.log_a, self.log_b = F.logsigmoid(logits) + log_size, F.logsigmoid(-logits) + log_size
        super().__init__(self.log_a.exp(), self.log_b.exp(), validate_args=False)

    def rsample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Shares, shape (*sample_shape, B, *shape), with their pathwise gradient; never rounded to 0 or to 1."""
        end = torch.finfo(self.log_a.dtype)
        return super().rsample(sample_shape).clamp(end.tiny, 1 - end.eps)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats; minus infinity at 0 and at 1, which are no values."""
        inside = (value > 0) & (value < 1)
        densities = log_beta(value.where(inside, torch.full_like(value, 0.5)), self.log_a, self.log_b)
        return densities.where(inside, torch.full_like(densities, -torch.inf))


class BetaLikelihood(Likelihood):
    """Shares and proportions, in (0, 1) without the ends, around means whose logits the decoder gives.

    How close they lie, the size n of Beta(n p, n (1 - p)), learns: one of each entry of x.

    Example:
        >>> law = BetaLikelihood()(torch.zeros(1, 2))  # p = 1/2 and n = 2: uniform
        >>> law.log_prob(torch.tensor([[0.3, 0.9]])).abs().item() < 1e-6
        True
    """

    spec = "beta"

    def __init__(self) -> None:
        super().__init__()
        self.log_size = nn.Parameter(torch.tensor(math.log(2)))

    def for_examples(self, shape: tuple[int, ...]) -> None:
        """One size of each entry, and no more one of all."""
        self.log_size = by_entry(self.log_size, shape)

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) of the logits of means, shape (B, *shape)."""
        sizes = self.log_size.clamp(*LOG_SIZES).to(decoded.dtype)
        return over_examples(BetaShares(decoded.clamp(-MOST_SURE, MOST_SURE), sizes))

    def check(self, values: ValueRange) -> None:
        """Refuse what is not between 0 and 1."""
        if values.minimum <= 0 or values.maximum >= 1:
            raise BadData(
                "A beta likelihood needs values between 0 and 1, the ends left out; these run "
                f"{values.minimum:g} to {values.maximum:g}. Rescale them, as by ((n - 1) x + 1/2) / n for n examples "
                "where some are 0 or 1; or choose likelihood 'bernoulli' for grey pixels, 'normal:optimal' for any."
            )
