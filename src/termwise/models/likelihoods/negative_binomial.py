"""The negative binomial likelihood: counts of mean m and variance m + m^2 / theta, with a theta of each entry."""

import torch
from torch import Tensor, nn
from torch.types import _size

from termwise.models.likelihoods.counts import CountLikelihood, Total
from termwise.models.likelihoods.law_of_counts import LawOfCounts
from termwise.models.likelihoods.likelihood import by_entry
from termwise.models.likelihoods.stirling import log_negative_binomial

LOG_THETAS = -8.0, 14.0
"""From and to where log theta is let: beyond them all counts are 0 but a few, or a Poisson's."""


class NegativeBinomialCounts(LawOfCounts):
    """x ~ NegativeBinomial, of every entry of a batch, exact in float32 for counts of any size.

    Args:
        log_mean: The log of each mean m, shape (B, *shape).
        log_theta: The log of theta, of the entries, which broadcasts to it; the variance is m + m^2 / theta.
    """

    def __init__(self, log_mean: Tensor, log_theta: Tensor) -> None:
        self.log_theta = log_theta.unsqueeze(0)  # (1, *shape): of no example more than of another
        super().__init__(log_mean)

    def times(self, log_factor: Tensor) -> "NegativeBinomialCounts":
        """The same with every mean times a factor."""
        return NegativeBinomialCounts(self.log_mean + log_factor, self.log_theta.squeeze(0))

    @property
    def variance(self) -> Tensor:
        """m + m^2 / theta."""
        return self.rate + self.rate.square() * (-self.log_theta).exp()

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Counts, shape (*sample_shape, B, *shape): a Poisson's of which the mean is a gamma's."""
        with torch.no_grad():
            theta = self.log_theta.exp().expand(self._extended_shape(sample_shape))
            return torch.poisson(torch._standard_gamma(theta) / theta * self.rate)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats."""
        return log_negative_binomial(value, self.log_mean, self.log_theta)


class NegativeBinomialLikelihood(CountLikelihood):
    """Counts whose variances are above their means, m + m^2 / theta; theta learns, one of each entry of x.

    It is what scvi-tools has by default for the genes of cells (`dispersion="gene"`), where the total is "observed".

    Args:
        total: "modelled", or "observed": every mean a share of the total that x has.
        inflated: Whether there are more zeros.

    Example:
        >>> law = NegativeBinomialLikelihood()(torch.zeros(1, 2))  # means of 1, and theta of 1: a geometric law
        >>> law.log_prob(torch.tensor([[0.0, 2.0]])).exp()  # 1/2 and 1/8
        tensor([0.0625], grad_fn=<ExpBackward0>)
    """

    name = "negative-binomial"

    def __init__(self, total: Total = "modelled", inflated: bool = False) -> None:
        super().__init__(total, inflated)
        self.log_theta = nn.Parameter(torch.zeros(()))

    def for_examples(self, shape: tuple[int, ...]) -> None:
        """One theta of each entry, and no more one of all."""
        self.log_theta = by_entry(self.log_theta, shape)

    def law(self, log_mean: Tensor) -> NegativeBinomialCounts:
        """Negative binomials of these logs of means."""
        return NegativeBinomialCounts(log_mean, self.log_theta.clamp(*LOG_THETAS).to(log_mean.dtype))


def zero_inflated_negative_binomial(total: Total = "modelled") -> NegativeBinomialLikelihood:
    """A zero-inflated negative binomial likelihood.

    Args:
        total: "modelled", or "observed".
    """
    return NegativeBinomialLikelihood(total, inflated=True)
