"""The Bernoulli likelihood: log p(x|z) = sum_i x_i log p_i + (1 - x_i) log(1 - p_i), p of the decoder's output."""

import torch
from torch import Tensor
from torch.distributions import Bernoulli as BernoulliDistribution, Distribution, Independent
from torch.nn import functional as F

from termwise.data import ValueRange
from termwise.errors import BadData, Refused, UnknownName
from termwise.models.distributions import innermost
from termwise.models.likelihoods.likelihood import Likelihood

ROUNDING = 1e-6
"""How far beyond 0 or 1 a probability may lie, as one that was summed or divided does."""


class _IndependentBernoulli(Independent):
    """Independent Bernoullis as one event; the losses are summed before their sign is turned: two passes fewer."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the cross-entropy, summed over the event."""
        logits = self.base_dist.logits
        if logits.shape != value.shape:
            logits, value = torch.broadcast_tensors(logits, value)
        losses = F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -losses.flatten(-len(self.event_shape)).sum(-1)


class _OfProbabilities(Independent):
    """Independent Bernoullis as one event, from probabilities that may be 0 or 1: then what cannot be has no end."""

    def log_prob(self, value: Tensor) -> Tensor:
        """x log p + (1 - x) log(1 - p), summed over the event, with 0 log 0 = 0."""
        p = self.base_dist.probs
        log_probs = torch.xlogy(value, p) + torch.special.xlog1py(1 - value, -p)
        return log_probs.flatten(-len(self.event_shape)).sum(-1)


class Bernoulli(Likelihood):
    """Independent pixels in {0, 1}, from logits.

    Grey values in (0, 1) are accepted, as the field does; the result is then a cross-entropy, not a normalised
    likelihood, and readings say so.

    Args:
        given: What the decoder gives of each pixel: its "logits", or "probabilities" where it ends in a sigmoid. While
            a model learns, these keep a rounding's distance from 0 and 1: a sigmoid that is full would end it.

    Raises:
        Refused: By `forward`, where probabilities are none.

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
        event = decoded.dim() - 1
        if self.given == "logits":
            return _IndependentBernoulli(BernoulliDistribution(logits=decoded, validate_args=False), event)
        law = BernoulliDistribution(probs=_probabilities(decoded), validate_args=False)
        return _IndependentBernoulli(law, event) if self.training else _OfProbabilities(law, event)

    def check(self, values: ValueRange) -> None:
        """Refuse values outside [0, 1]."""
        if values.minimum < 0 or values.maximum > 1:
            raise BadData(
                f"A Bernoulli likelihood needs values in [0, 1]; these run {values.minimum:g} to {values.maximum:g}. "
                "Rescale the data, or choose likelihood 'normal'."
            )


def unclamped(law: Distribution) -> Distribution:
    """The same law over examples, exact where Bernoullis have probabilities of 0 or 1: torch takes them for nearly so.

    Example:
        >>> sure = Independent(BernoulliDistribution(probs=torch.ones(1, 2)), 1)
        >>> sure.log_prob(torch.zeros(1, 2)), unclamped(sure).log_prob(torch.zeros(1, 2))
        (tensor([-31.8848]), tensor([-inf]))
    """
    base = innermost(law)
    if not isinstance(base, BernoulliDistribution) or base is law or base._param is not vars(base).get("probs"):
        return law  # of logits, which are exact
    return _OfProbabilities(BernoulliDistribution(probs=base.probs, validate_args=False), len(law.event_shape))


def _probabilities(decoded: Tensor) -> Tensor:
    """The decoder's output as probabilities, which it is but for rounding; what is no number is left as it is."""
    low, high = (float(end) for end in decoded.detach().aminmax())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise Refused(
            f"Expected probabilities of the decoder, from 0 to 1; got numbers from {low:g} to {high:g}. Are they "
            "logits? Then the likelihood is 'bernoulli-logits' (of a VAE: 'bernoulli'); else end the decoder in a "
            "sigmoid."
        )
    return decoded.clamp(0, 1) if low < 0 or high > 1 else decoded


def of_logits() -> Bernoulli:
    """A Bernoulli likelihood of a decoder that gives logits."""
    return Bernoulli("logits")


def of_probabilities() -> Bernoulli:
    """A Bernoulli likelihood of a decoder that gives probabilities."""
    return Bernoulli("probabilities")
