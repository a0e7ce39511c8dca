"""Likelihoods: a decoder's output -> p(x|z), a torch Distribution over one example.

Each says which values of x it can take, and refuses data outside of them.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli as BernoulliDistribution,
    Categorical as CategoricalDistribution,
    Distribution,
    Independent,
    Laplace,
    Normal,
)
from torch.nn import functional as F

from termwise.errors import BadData, Refused, UnknownName


class ValueRange(Protocol):
    """The values that a data set's examples take."""

    @property
    def minimum(self) -> float:
        """The smallest value."""
        ...

    @property
    def maximum(self) -> float:
        """The largest value."""
        ...

    @property
    def integer(self) -> bool:
        """Whether all values are whole numbers."""
        ...


def over_examples(distribution: Distribution) -> Distribution:
    """The same law with every dimension but the batch's counted as one event: log_prob has shape (B,)."""
    return Independent(distribution, len(distribution.batch_shape) - 1, validate_args=False)


class Likelihood(nn.Module):
    """A decoder's output, shape (B, *decoded_shape(shape)) -> p(x|z). Abstract."""

    spec: str
    makes_examples = True  # or only says how probable they are

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that the decoder must give, per example, for examples of `shape`."""
        return shape

    def check(self, values: ValueRange) -> None:
        """Raise BadData where the data's values are none that this likelihood can take."""


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


class NormalLikelihood(Likelihood):
    """x ~ N(decoded, sigma^2 I), with one sigma for all dimensions.

    Args:
        sigma: A number (fixed), "learned" (a parameter), or "optimal": in training the maximum likelihood sigma of the
            batch (Rybkin, Daniilidis and Levine, 2021, eq. 7); in evaluation its running root mean square. Neither
            falls below `FLOOR`, so that a density cannot run off to infinity.
    """

    FLOOR = 1e-3
    MOMENTUM = 0.05

    raw: Tensor
    mean_square: Tensor
    batches: Tensor

    def __init__(self, sigma: float | str = "optimal") -> None:
        super().__init__()
        if isinstance(sigma, str) and sigma not in ("learned", "optimal"):
            raise UnknownName("sigma", sigma, ("learned", "optimal", "0.1 (any positive number)"))
        if not isinstance(sigma, str) and not 0 < sigma < math.inf:
            raise Refused(f"A normal likelihood needs a finite sigma > 0; got {sigma}.")
        self.sigma = sigma
        self.spec = f"normal:{sigma}"
        if sigma == "learned":
            self.raw = nn.Parameter(torch.tensor(math.log(math.expm1(1.0))))
        if sigma == "optimal":
            self.register_buffer("mean_square", torch.ones(()))
            self.register_buffer("batches", torch.zeros(()))

    def scale(self) -> Tensor | float:
        """Sigma, outside of training."""
        if self.sigma == "learned":
            return F.softplus(self.raw) + self.FLOOR
        if self.sigma == "optimal":
            return self.mean_square.sqrt().clamp(min=self.FLOOR)
        return float(self.sigma)

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) with the decoder's output as its mean, shape (B, *shape)."""
        if self.sigma == "optimal" and self.training:
            return OptimalNormal(decoded, self)
        scale = torch.as_tensor(self.scale(), dtype=decoded.dtype, device=decoded.device)
        return over_examples(Normal(decoded, scale.expand_as(decoded), validate_args=False))


class OptimalNormal(Distribution):
    """A normal whose sigma is the batch's own root mean square residual.

    Sigma is held fixed under the gradient, which is exact: at the optimum the derivative in sigma is zero.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, loc: Tensor, likelihood: NormalLikelihood) -> None:
        self.loc, self.likelihood = loc, likelihood
        super().__init__(loc.shape[:1], loc.shape[1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The decoder's output."""
        return self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """log N(value; loc, s^2 I) with s^2 the mean squared residual over the batch, shape (B,)."""
        squares = (value - self.loc).square().flatten(1)
        like = self.likelihood
        variance = squares.detach().mean().clamp(min=like.FLOOR**2)
        momentum = torch.maximum(1 / (like.batches + 1), torch.full_like(like.batches, like.MOMENTUM))
        like.mean_square.lerp_(variance.to(like.mean_square.dtype), momentum)
        like.batches.add_(1)
        constant = 0.5 * squares.shape[1] * torch.log(2 * math.pi * variance)
        return -0.5 * squares.sum(1) / variance - constant


class LaplaceLikelihood(Likelihood):
    """x ~ Laplace(decoded, scale), independent in every dimension."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        if not 0 < scale < math.inf:
            raise Refused(f"A Laplace likelihood needs a finite scale > 0; got {scale}.")
        self.scale = scale
        self.spec = f"laplace:{scale}"

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) with the decoder's output as its location, shape (B, *shape)."""
        return over_examples(Laplace(decoded, torch.full_like(decoded, self.scale), validate_args=False))


class Categorical(Likelihood):
    """Every entry of x one of `classes` categories, 0, 1, ..., from logits of shape (B, classes, *shape)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        if classes < 2:
            raise Refused(f"A categorical likelihood needs two classes or more; got {classes}.")
        self.classes = classes
        self.spec = f"categorical:{classes}"

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(classes, *shape)."""
        return (self.classes, *shape)

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) from logits, shape (B, classes, *shape)."""
        if decoded.dim() < 2 or decoded.shape[1] != self.classes:
            raise Refused(
                f"A categorical likelihood of {self.classes} classes needs logits of shape (B, {self.classes}, ...), "
                f"classes first; got {tuple(decoded.shape)}."
            )
        return over_examples(CategoricalDistribution(logits=decoded.movedim(1, -1), validate_args=False))

    def check(self, values: ValueRange) -> None:
        """Refuse what is not a whole number in 0 ... classes - 1."""
        if not values.integer or values.minimum < 0 or values.maximum > self.classes - 1:
            kind = "whole numbers" if values.integer else "fractions"
            fits = values.integer and values.minimum >= 0
            raise BadData(
                f"A categorical likelihood of {self.classes} classes needs whole numbers, 0 to {self.classes - 1}; "
                f"the data has {kind} in [{values.minimum:g}, {values.maximum:g}]. "
                + (f"Say 'categorical:{int(values.maximum) + 1}'." if fits else "Recode the data as 0, 1, 2, ...")
            )


KNOWN = (
    "bernoulli",
    "bernoulli-probabilities",
    "normal:0.1",
    "normal:learned",
    "normal:optimal",
    "laplace:1",
    "categorical:17",
)
"""Specs of each kind."""


def likelihood_from(spec: str) -> Likelihood:
    """The likelihood that a string names.

    "bernoulli" (logits inside; "bernoulli-probabilities" where the decoder ends in a sigmoid), "normal:0.1",
    "normal:learned", "normal:optimal" (also plain "normal"), "laplace:0.5" (plain "laplace" has scale 1),
    "categorical:17".
    """
    name, colon, argument = spec.partition(":")
    if spec in ("bernoulli", "bernoulli-probabilities"):
        return Bernoulli("logits" if spec == "bernoulli" else "probabilities")
    if name not in ("normal", "laplace", "categorical"):
        raise UnknownName("likelihood", spec, KNOWN)
    if name == "normal" and (not colon or argument in ("learned", "optimal")):
        return NormalLikelihood(argument or "optimal")
    if name == "laplace" and not colon:
        return LaplaceLikelihood()
    try:
        return Categorical(int(argument)) if name == "categorical" else _SCALED[name](float(argument))
    except ValueError:
        raise UnknownName("likelihood", spec, KNOWN) from None


_SCALED: dict[str, Callable[[float], Likelihood]] = {"normal": NormalLikelihood, "laplace": LaplaceLikelihood}
