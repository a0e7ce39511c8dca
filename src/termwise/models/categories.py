"""Codes that are categories: one of K at each of P positions, written as P K numbers, one-hot.

What is said of such codes is said at one-hot z alone; between them it goes on in a straight line, position by position.
A straight-through code, whose gradient is its probabilities', then carries the exact gradient of an expectation that
the position enters alone: d/dp sum_k p_k f(e_k) = (f(e_1), ..., f(e_K)).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, OneHotCategorical
from torch.distributions.kl import register_kl

MOST_VALUES = 256
"""So many values of categories are summed over, and no more."""

LEAST = -700.0
"""The log probability under which a category cannot come: its exponential is 0 in float32, and nothing is infinite."""


class Categories(Distribution):
    """One category of K at each of P positions: codes of P K numbers, one-hot at every position.

    Args:
        logits: Unnormalised log probabilities, shape (..., P, K).
        temperature: Where given, `rsample` gives relaxed codes of this temperature (Jang, Gu and Poole, 2017; Maddison,
            Mnih and Teh, 2017), which lie between the categories. None gives one-hot codes that carry the gradient of
            their probabilities straight through (Bengio, Leonard and Courville, 2013).
        has_rsample: Whether codes carry a gradient at all; where not, it is their score's (`draw.score`).
        shape: How the positions are laid out; in a row, where left out.
        summed: Whether the distortion is summed over all that they may be (`termwise.terms.summed_distortion`).

    Example:
        >>> law = Categories(torch.tensor([[[0.0, 0.0], [2.0, -2.0]]]))  # two positions, two categories
        >>> law.event_shape, law.mean
        (torch.Size([4]), tensor([[0.5000, 0.5000, 0.9820, 0.0180]]))
        >>> law.log_prob(torch.tensor([[0.0, 1.0, 1.0, 0.0]]))  # log 0.5 + log 0.982
        tensor([-0.7113])
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch declares it

    def __init__(
        self,
        logits: Tensor,
        temperature: float | None = None,
        has_rsample: bool = True,
        shape: Sequence[int] = (),
        summed: bool = False,
    ) -> None:
        self.log_probs = logits.log_softmax(-1).clamp(min=LEAST)
        self.temperature, self.has_rsample, self.summed = temperature, has_rsample, summed
        positions, categories = logits.shape[-2:]
        self.shape = tuple(shape) or (positions,)
        super().__init__(logits.shape[:-2], Size([positions * categories]), validate_args=False)

    @classmethod
    def of(cls, law: OneHotCategorical) -> "Categories":
        """The same law as torch's, which has one position."""
        return cls(law.logits.unsqueeze(-2))

    @property
    def probs(self) -> Tensor:
        """The probabilities by position, shape (..., P, K)."""
        return self.log_probs.exp()

    @property
    def mean(self) -> Tensor:
        """The probabilities, shape (..., P K)."""
        return self.probs.flatten(-2)

    @property
    def variance(self) -> Tensor:
        """The variance p (1 - p), shape (..., P K)."""
        return self.mean * (1 - self.mean)

    @property
    def mode(self) -> Tensor:
        """The most probable category of each position, one-hot, shape (..., P K)."""
        return one_hot_at(self.log_probs).flatten(-2)

    def entropy(self) -> Tensor:
        """The entropy in nats, shape (...)."""
        return self.entropy_by_position().sum(-1)

    def entropy_by_position(self) -> Tensor:
        """The entropy of each position, nats, shape (..., P)."""
        return -(self.probs * self.log_probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log q(z) of codes z, shape (..., P K), nats; linear in z, as there is nothing between categories."""
        return self.log_prob_by_position(value).sum(-1)

    def log_prob_by_position(self, value: Tensor) -> Tensor:
        """The same by position, shape (..., P)."""
        return (value.unflatten(-1, self.log_probs.shape[-2:]) * self.log_probs).sum(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """One-hot codes, without gradient, shape (*sample_shape, ..., P K)."""
        with torch.no_grad():
            return one_hot_at(self.log_probs + _gumbel(self.log_probs, sample_shape)).flatten(-2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes with a gradient: straight through, or relaxed; shape as of `sample`."""
        if self.temperature is None:
            return self.sample(sample_shape) + (self.mean - self.mean.detach())
        perturbed = self.log_probs + _gumbel(self.log_probs, sample_shape)
        return (perturbed / self.temperature).softmax(-1).flatten(-2)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Categories":
        """The same law, a batch of as many."""
        shape = Size(batch_shape)
        return self._with(self.log_probs.expand(*shape, *self.log_probs.shape[-2:]))

    def in_double(self) -> "Categories":
        """The same law in float64."""
        return self._with(self.log_probs.double())

    def _with(self, logits: Tensor) -> "Categories":
        return Categories(logits, self.temperature, self.has_rsample, self.shape, self.summed)


class ObservedCategories(Categories):
    """One category of K, of which it is known for some examples which it is: their law is a point there.

    Args:
        own: What an encoder says of every example, q(y|x): one position, shape (B, 1, K).
        values: The place of the category that each has, nan where it is not known, shape (B,).
        pinned: Whether those that are known are points; else the law is the encoder's for all.

    Attributes:
        own: As given, for a classifier's loss and its readings.
        values: As given.

    Example:
        >>> law = ObservedCategories(Categories(torch.zeros(2, 1, 4)), torch.tensor([3.0, torch.nan]))
        >>> law.mean.tolist(), law.own_log_prob()
        ([[0.0, 0.0, 0.0, 1.0], [0.25, 0.25, 0.25, 0.25]], tensor([-1.3863, 0.0000]))
    """

    def __init__(self, own: Categories, values: Tensor, pinned: bool = True) -> None:
        logits = own.log_probs
        if pinned:
            points = torch.full_like(logits, LEAST).scatter_(-1, _places(values)[:, None, None], 0.0)
            logits = torch.where(values.isnan()[:, None, None], logits, points)
        super().__init__(logits, own.temperature, own.has_rsample, own.shape, own.summed)
        self.log_probs = logits  # which sum to one already
        self.own, self.values, self.pinned = own, values, pinned

    def own_log_prob(self) -> Tensor:
        """log q(y|x) of the category that each example has, nats, shape (B,); 0 where it is not known."""
        found = self.own.log_probs.squeeze(-2).gather(-1, _places(self.values).unsqueeze(-1)).squeeze(-1)
        return torch.where(self.values.isnan(), torch.zeros_like(found), found)


def _places(values: Tensor) -> Tensor:
    """Places of categories, int64; 0 where none is known."""
    return values.nan_to_num(0.0).long()


def one_hot_at(scores: Tensor) -> Tensor:
    """One where a score is the greatest along the last axis, else zero; of the scores' shape.

    Example:
        >>> one_hot_at(torch.tensor([[0.2, 0.7, 0.1]]))
        tensor([[0., 1., 0.]])
    """
    return torch.zeros_like(scores).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)


def _gumbel(like: Tensor, shape: Sequence[int]) -> Tensor:
    """Standard Gumbel noise, shape (*shape, *like.shape): the greatest of log p + noise is a category drawn from p."""
    exponential = torch.empty(*shape, *like.shape, dtype=like.dtype, device=like.device).exponential_()
    return -exponential.clamp(min=torch.finfo(like.dtype).tiny).log()


@register_kl(Categories, Categories)  # type: ignore[untyped-decorator]
def _kl_of_categories(left: Categories, right: Categories) -> Tensor:
    return kl_by_position(left, right).sum(-1)


def kl_by_position(left: Categories, right: Categories) -> Tensor:
    """KL(left || right) at every position, shape (..., P), nats.

    Example:
        >>> sure, fair = (Categories(torch.tensor([[[a, 0.0]]])) for a in (50.0, 0.0))
        >>> kl_by_position(sure, fair)  # log 2
        tensor([[0.6931]])
    """
    return (left.probs * (left.log_probs - right.log_probs)).sum(-1)
