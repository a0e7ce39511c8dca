"""Densities in double precision, whatever precision the model computes in.

Acceptance steps and importance weights are differences of large log densities: codes and sums are float64, and are
cast at the model's border alone. What a network computes stays a function of the code, exact or not, so no chain's
invariant law is disturbed by its rounding.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import BadData, NoDensity
from termwise.models.block_law import BlockLaw
from termwise.models.drawable import Drawable
from termwise.models.posteriors import normal_of_codes
from termwise.models.supports import NUMBERS, support_of

CODES = 1024
"""From which the moments of a posterior without a density are taken."""
AT_ONCE = 2**15
"""Codes that are drawn at once, over all examples: the networks of a posterior may be wide."""
FLATTEST = 1e-6
"""The least variance of such a normal, beside its largest."""

Density = Callable[[Tensor], Tensor]
"""Codes z, shape (C, B, D), float64 -> log density, shape (C, B), float64."""


def normal_in_double(law: Distribution) -> Distribution | None:
    """The same law, float64, where it is a normal over codes; else None."""
    if isinstance(law, MultivariateNormal):
        return MultivariateNormal(law.loc.double(), scale_tril=law.scale_tril.double(), validate_args=False)
    if isinstance(law, Independent) and isinstance(law.base_dist, Normal):
        base = Normal(law.base_dist.loc.double(), law.base_dist.scale.double(), validate_args=False)
        return Independent(base, 1, validate_args=False)
    return None


def density(law: Distribution, dtype: torch.dtype) -> Density:
    """The log density of a law over codes; one that is no normal is asked in its own `dtype`."""
    if isinstance(law, BlockLaw):
        blocks = [(density(block, dtype), part) for block, part in zip(law.blocks, law.slices, strict=True)]
        return lambda z: torch.stack([of(z[..., part]) for of, part in blocks]).sum(0)
    double = normal_in_double(law)
    return double.log_prob if double is not None else lambda z: law.log_prob(z.to(dtype)).double()


def sampled(law: Distribution, *shape: int) -> Tensor:
    """Codes of the law, float64, without gradient."""
    return (normal_in_double(law) or law).sample(torch.Size(shape)).double()


def finite_codes(posterior: Distribution, count: int) -> Tensor:
    """`count` codes of every example, shape (count, B, D), float64.

    Raises:
        BadData: Some are not finite.
    """
    step = max(1, AT_ONCE // posterior.batch_shape.numel())
    z = torch.cat([sampled(posterior, min(step, count - start)) for start in range(0, count, step)])
    if not z.isfinite().all():
        raise BadData(
            "Expected finite codes of the posterior, got some that are not: is the data what it was made for?"
        )
    return z


def fitted_normal(posterior: Distribution) -> MultivariateNormal:
    """The normal with the moments of a posterior that can be sampled: its own, or of `CODES` codes; float64.

    A direction in which the posterior has no width to speak of gets a little of its widest one's.
    """
    own = normal_in_double(posterior)
    if own is not None:
        factor = own.stddev.diag_embed() if isinstance(own, Independent) else cast(MultivariateNormal, own).scale_tril
        return MultivariateNormal(own.mean, scale_tril=factor, validate_args=False)
    matched = normal_of_codes(finite_codes(posterior, CODES), full=True, flattest=FLATTEST)
    return cast(MultivariateNormal, matched)


def has_density(law: Distribution) -> bool:
    """Whether log q(z|x) can be asked."""
    try:
        law.log_prob(law.sample())
    except (NoDensity, NotImplementedError):
        return False
    return True


def not_all_numbers(law: Distribution) -> str | None:
    """What codes of a law are, in words, where they are not all real numbers, through which a gradient could move them.

    Example:
        >>> not_all_numbers(Independent(Normal(torch.zeros(2), 1.0), 1)) is None
        True
    """
    support = support_of(law)
    if support is None or (support.space == NUMBERS and float(support.upper.min() - support.lower.max()) == math.inf):
        return None
    return support.in_words


class Joint:
    """log p(x, z) = log p(z) + log p(x|z) of a batch of examples, as a function of the codes.

    Args:
        model: What generates.
        x: The examples, shape (B, *shape).
        context: What the decoder needs beside the codes, or None; with one, the model is asked chain by chain, since
            only the model knows how a context is spread over examples.
        prior: p(z), or one law for each of the examples; the model's, which has inferred them, where left out.
    """

    def __init__(self, model: Drawable, x: Tensor, context: Any, prior: Distribution | None = None) -> None:
        self.model, self.x, self.context = model, x, context
        self.prior = model.prior_law() if prior is None else prior
        self._log_prior = density(self.prior, x.dtype)

    def __call__(self, z: Tensor) -> Tensor:
        """Nats, shape (C, B), at codes of shape (C, B, D)."""
        return self._log_prior(z) + self.log_likelihood(z)

    def log_likelihood(self, z: Tensor) -> Tensor:
        """log p(x|z), shape (C, B)."""
        codes = z.to(self.x.dtype)
        if self.context is not None:
            chains = [self.model.generate(code, self.context).log_prob(self.x) for code in codes]
            return torch.stack(chains).double()
        x = self.x.expand(len(z), *self.x.shape).flatten(0, 1)  # (C B, *shape)
        return self.model.generate(codes.flatten(0, 1), None).log_prob(x).double().unflatten(0, z.shape[:2])
