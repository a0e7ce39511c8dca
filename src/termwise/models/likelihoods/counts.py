"""What likelihoods of counts share: means from their logs, totals that are modelled or observed, zeros that are more.

Where totals are observed, entry i has the mean l softmax(decoded)_i with l = sum_j x_j: how a total is spread is
modelled, and the total itself is not. So scvi-tools has it (Lopez et al., 2018), whose "library size" it is.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.data import ValueRange
from termwise.errors import BadData, UnknownName
from termwise.models.likelihoods.law_of_counts import GivenTotal, LawOfCounts
from termwise.models.likelihoods.likelihood import Likelihood, over_examples
from termwise.models.likelihoods.zero_inflated import ZeroInflatedCounts

Total = Literal["modelled", "observed"]
"""Whether p(x|z) is of an example's total, too, or is of how it is spread, given it."""

LARGEST = 40.0
"""The largest log of a mean: where a decoder strays, no number overflows."""


class CountLikelihood(Likelihood):
    """Counts 0, 1, 2, ... whose means the decoder gives: the abstract class of likelihoods of counts.

    A subclass sets `name` and has `law(log_mean)`. Networks see log(1 + x).

    Args:
        total: "modelled", where the decoder gives the log of each mean; or "observed", where it gives the logits of
            each entry's share of the total that x has. Log-densities are then of x given its total, and no
            probability over all x; expected examples are of the mean total of what was trained on.
        inflated: Whether there are more zeros than the law of counts has: with probabilities of which the decoder gives
            the logits, after the means.

    Example:
        >>> from termwise.models.likelihoods import likelihood_from
        >>> likelihood_from("zero-inflated-poisson").decoded_shape((50,))
        (2, 50)
    """

    name: str

    mean_total: Tensor

    def __init__(self, total: Total = "modelled", inflated: bool = False) -> None:
        super().__init__()
        if total not in ("modelled", "observed"):
            raise UnknownName("total", total, ("modelled", "observed"))
        self.total, self.inflated = total, inflated
        self.spec = ("zero-inflated-" if inflated else "") + self.name + (":observed" if total == "observed" else "")
        if total == "observed":
            self.register_buffer("mean_total", torch.ones(()))

    @abstractmethod
    def law(self, log_mean: Tensor) -> LawOfCounts:
        """The law of every entry, of the logs of their means, shape (B, *shape)."""

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """That of an example; twice where zeros are inflated, means first."""
        return (2, *shape) if self.inflated else shape

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) of the logs of means or the logits of shares, shape (B, *decoded_shape(shape))."""
        means, zeros = decoded.unbind(1) if self.inflated else (decoded, None)
        if self.total == "observed":
            law = self.law(means.flatten(1).log_softmax(1).view_as(means))
        else:
            law = self.law(means.clamp(max=LARGEST))
        law = law if zeros is None else ZeroInflatedCounts(law, zeros)
        return over_examples(law) if self.total == "modelled" else GivenTotal(law, self.mean_total)

    def fit(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set the total that is usual to the mean of the examples', where totals are observed."""
        if self.total == "observed":
            totals = torch.cat([x.flatten(1).sum(1, dtype=torch.float64).cpu() for _, x in pairs])
            self.mean_total.fill_(float(totals.mean()))

    def inputs(self, x: Tensor) -> Tensor:
        """log(1 + x): counts run over orders of magnitude."""
        return x.log1p()

    def check(self, values: ValueRange) -> None:
        """Refuse what is negative or no whole number."""
        if values.minimum >= 0 and values.integer:
            return
        kind = "whole numbers" if values.integer else "fractions"
        raise BadData(
            f"The likelihood {self.spec!r} is of counts, whole numbers from 0; the data has {kind} in "
            f"[{values.minimum:g}, {values.maximum:g}]. Hand in the counts as they were, neither scaled nor their "
            "logarithms (without log1p=true); or choose likelihood 'normal:optimal'."
        )
