"""The Poisson likelihood: log p(x|z) = sum_i x_i log m_i - m_i - log x_i!, m the means of the decoder's output."""

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.types import _size

from termwise.errors import Refused, UnknownName
from termwise.models.likelihoods.counts import CountLikelihood, Total
from termwise.models.likelihoods.law_of_counts import LawOfCounts
from termwise.models.likelihoods.likelihood import over_examples
from termwise.models.likelihoods.stirling import log_poisson


class PoissonCounts(LawOfCounts):
    """x ~ Poisson(m), of every entry of a batch, exact in float32 for counts of any size."""

    def times(self, log_factor: Tensor) -> "PoissonCounts":
        """The same with every mean times a factor."""
        return PoissonCounts(self.log_mean + log_factor)

    @property
    def variance(self) -> Tensor:
        """The mean, which is a Poisson's variance, shape (B, *shape)."""
        return self.rate

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Counts, shape (*sample_shape, B, *shape)."""
        with torch.no_grad():
            return torch.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats."""
        return log_poisson(value, self.log_mean)


class PoissonLikelihood(CountLikelihood):
    """Counts whose variances are their means.

    Args:
        total: "modelled", or "observed": every mean a share of the total that x has.
        inflated: Whether there are more zeros.
        given: What the decoder gives of each entry: the "logs" of its mean, or its mean, "means", from 0.

    Raises:
        Refused: By `forward`, where means are below 0.

    Example:
        >>> law = PoissonLikelihood()(torch.zeros(1, 2))  # means of 1
        >>> round(law.log_prob(torch.tensor([[0.0, 2.0]])).item(), 4)  # -1, and -1 - log 2
        -2.6931
    """

    name = "poisson"

    def __init__(
        self, total: Total = "modelled", inflated: bool = False, given: Literal["logs", "means"] = "logs"
    ) -> None:
        super().__init__(total, inflated)
        if given not in ("logs", "means"):
            raise UnknownName("Poisson parameter", given, ("logs", "means"))
        if given == "means" and (inflated or total == "observed"):
            raise Refused("Means are of counts whose total is modelled, without further zeros; hand in their logs.")
        self.given = given
        self.spec = "poisson-means" if given == "means" else self.spec

    def law(self, log_mean: Tensor) -> PoissonCounts:
        """Poissons of these logs of means."""
        return PoissonCounts(log_mean)

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z), shape of decoded (B, *decoded_shape(shape))."""
        if self.given == "logs":
            return super().forward(decoded)
        if bool((decoded.detach() < 0).any()):
            raise Refused(
                "Expected means of counts of the decoder, from 0; got numbers from "
                f"{float(decoded.detach().min()):g}. Are they logs of means? Then the likelihood is 'poisson-logs' (of "
                "a VAE: 'poisson'); else end the decoder in a softplus."
            )
        return over_examples(PoissonCounts(decoded.log()))


def of_means() -> PoissonLikelihood:
    """A Poisson likelihood of a decoder that gives means."""
    return PoissonLikelihood(given="means")


def zero_inflated_poisson(total: Total = "modelled") -> PoissonLikelihood:
    """A zero-inflated Poisson likelihood.

    Args:
        total: "modelled", or "observed".
    """
    return PoissonLikelihood(total, inflated=True)
