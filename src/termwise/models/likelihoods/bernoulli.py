"""The Bernoulli likelihood: log p(x|z) = sum_i x_i log p_i + (1 - x_i) log(1 - p_i), p of the decoder's output."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli as BernoulliDistribution, Distribution, Independent
from torch.nn import functional as F

from termwise.data import ValueRange
from termwise.errors import BadData, UnknownName
from termwise.models.likelihoods.likelihood import Likelihood


class _IndependentBernoulli(Independent):
    """Independent Bernoullis as one event; the losses are summed before their sign is turned: two passes fewer."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the cross-entropy, summed over the event."""
        logits, value = torch.broadcast_tensors(self.base_dist.logits, value)
        losses = F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -losses.flatten(-len(self.event_shape)).sum(-1)


class Bernoulli(Likelihood):
    """Independent pixels in {0, 1}, from logits.

    Grey values in (0, 1) are accepted, as the field does; the result is then a cross-entropy, not a normalised
    likelihood, and readings say so.

    Args:
        given: What the decoder gives of each pixel: its "logits", or "probabilities" where it ends in a sigmoid.

    Example:
        >>> law = Bernoulli()(torch.zeros(1, 4))  # logits of 0: fair coins
        >>> round(law.log_prob(torch.tensor([[0.0, 1.0, 1.0, 0.0]])).item(), 4)  # 4 log 1/2
        -2.7726
    """

    def __init__(self, given: str = "logits") -> None:
        super().__init__()
        if given not in ("logits", "probabilities"):
            raise UnknownName("Bernoulli parameter", given, ("logits", "probabilities"))
        self.given = given
        self.spec = "bernoulli" if given == "logits" else "bernoulli-probabilities"

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) from logits (or probabilities, where `given` says so), shape (B, *shape)."""
        parameters = {"logits": decoded} if self.given == "logits" else {"probs": decoded}
        return _IndependentBernoulli(BernoulliDistribution(**parameters, validate_args=False), decoded.dim() - 1)

    def check(self, values: ValueRange) -> None:
        """Refuse values outside [0, 1]."""
        if values.minimum < 0 or values.maximum > 1:
            raise BadData(
                f"A Bernoulli likelihood needs values in [0, 1]; these run {values.minimum:g} to {values.maximum:g}. "
                "Rescale the data, or choose likelihood 'normal'."
            )


def of_logits() -> Bernoulli:
    """A Bernoulli likelihood of a decoder that gives logits."""
    return Bernoulli("logits")


def of_probabilities() -> Bernoulli:
    """A Bernoulli likelihood of a decoder that gives probabilities."""
    return Bernoulli("probabilities")
