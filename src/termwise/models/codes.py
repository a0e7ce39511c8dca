"""Codes that keep their noise, and the densities of laws there.

At a small sigma beside a large mean a code is its mean to the last digit, and log q(z|x) asks for what was lost,
z - mean. So a code is kept as a sum that is never carried out, z = centre + offset, and a density with a location is
taken at (centre - location) + offset: for the law that the code is from this is the offset itself.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor
from torch.distributions import (
    Cauchy,
    Distribution,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

from termwise.float64 import widest_on
from termwise.models.block_law import BlockLaw, LawOfBlocks, blocks_of
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.codewords import Codewords, UniformCodewords
from termwise.models.distributions import in_double, innermost, samples
from termwise.models.normal_density import normal_log_density, normal_parameters
from termwise.models.tensor_dataclasses import map_fields

LOCATED = (Normal, MultivariateNormal, LowRankMultivariateNormal, Laplace, StudentT, Cauchy)
"""Laws of a location `loc` and a noise that knows nothing of it."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Codes z = centre + offset, shape (B, D), with their pathwise gradient.

    Attributes:
        centre: The location of the law that each was drawn from, shape (B, D); the code itself where it has none.
        offset: What the noise adds, shape (B, D); of a full covariance in float64, whatever the centre is, as where
            dimensions nearly go together float32 would lose the noise by which they do not.

    Example:
        >>> law = Independent(Normal(torch.tensor([[5.0, -3.0]]), 1e-20), 1)
        >>> codes = Codes.of(law)
        >>> bool((codes.z == law.mean).all()), bool((codes.offset == 0).any())  # the noise is kept beside the sum
        (True, False)
        >>> bool(log_density_at(law, codes) < 2 * 46)  # -log 1e-20 is 46.05 nats
        True
    """

    centre: Tensor
    offset: Tensor

    @classmethod
    def of(cls, law: Distribution, *shape: int) -> "Codes":
        """Codes of every law of a batch, batch shape (B,), event shape (D,): shape (*shape, B, D)."""
        if isinstance(law, BlockLaw | ChainedLaw):
            if isinstance(law, BlockLaw):
                blocks = [cls.of(block, *shape) for block in law.blocks]
            else:
                blocks = law.drawn_in_order(lambda one, given: cls.of(one, *(() if given else shape)), lambda of: of.z)
            centres = [of.centre.expand_as(of.offset) for of in blocks]  # of a law with a location it is one for all
            return cls(torch.cat(centres, -1), torch.cat([of.offset for of in blocks], -1))
        if isinstance(law, MixtureSameFamily) and _location(law.component_distribution) is not None:
            return cls._of_mixture(law, *shape)
        location = _location(law)
        if location is None:
            return cls.at(samples(law, *shape))
        if isinstance(law, MultivariateNormal):
            return cls(location, _turned(law, *shape))
        base = innermost(law)
        if isinstance(base, Normal):  # as it samples itself, without the copy that the others take: every step asks
            noise = torch.randn(*shape, *location.shape, dtype=location.dtype, device=location.device)
            return cls(location, noise * base.scale)
        return cls(location, samples(_centred(law), *shape))

    @classmethod
    def _of_mixture(cls, law: MixtureSameFamily, *shape: int) -> "Codes":
        parts = law.component_distribution
        chosen = law.mixture_distribution.sample(torch.Size(shape))[..., None, None]
        with torch.no_grad():
            offsets = samples(_centred(parts), *shape)  # (*shape, B, K, D)
        centres = cast(Tensor, _location(parts)).detach().expand_as(offsets)
        index = chosen.expand(*chosen.shape[:-1], offsets.shape[-1])
        return cls(*(of.gather(-2, index).squeeze(-2) for of in (centres, offsets)))

    @classmethod
    def at(cls, z: "Tensor | Codes") -> "Codes":
        """Codes of which no more is known than z, shape (B, D); codes are given back as they are."""
        return z if isinstance(z, Codes) else cls(z, torch.zeros_like(z))

    @classmethod
    def joined(cls, several: "Sequence[Codes]") -> "Codes":
        """The codes of several batches, in order."""
        return map_fields(torch.cat, several)

    def __len__(self) -> int:
        return len(self.centre)

    def __getitem__(self, part: slice | Tensor) -> "Codes":
        """Some of the codes."""
        return Codes(self.centre[part], self.offset[part])

    @cached_property
    def z(self) -> Tensor:
        """The codes as one number each, as a decoder takes them."""
        return (self.centre + self.offset).to(self.centre.dtype)

    @cached_property
    def exact(self) -> Tensor:
        """The codes in float64, without their gradient."""
        return self.centre.detach().double() + self.offset.detach().double()

    def beyond(self, location: Tensor) -> Tensor:
        """(centre - location) + offset: codes as seen from a location, whose shape is broadcast with theirs."""
        return (self.centre - location) + self.offset

    def detached(self) -> "Codes":
        """The same codes as constants."""
        return Codes(self.centre.detach(), self.offset.detach())

    def in_double(self) -> "Codes":
        """The same codes in float64, or in the most exact numbers that their device has."""
        wide = widest_on(self.centre.device)
        return Codes(self.centre.to(wide), self.offset.to(wide))

    def columns(self, part: slice | Sequence[int]) -> "Codes":
        """Some of the codes' numbers, shape (..., n)."""
        return Codes(self.centre[..., part], self.offset[..., part])


def log_density_at(law: Distribution, codes: Codes) -> Tensor:
    """log p(z) of codes, with their gradient, in nats and float64 where the law is one of torch's own.

    Args:
        law: Over codes: batch shape (B,) or (), event shape (D,); or over their dimensions: batch shape (B, D) or (D,).
        codes: Shape (B, D).

    Returns:
        Shape (B,), or by dimension (B, D).
    """
    if isinstance(law, ChainedLaw):
        law = law.at(codes.z)
    if isinstance(law, BlockLaw):
        blocks = zip(law.blocks, law.slices, strict=True)
        each = torch.broadcast_tensors(*(log_density_at(block, codes.columns(part)) for block, part in blocks))
        return torch.stack(each).sum(0)
    normal = normal_parameters(law)
    if normal is not None:
        by_number = normal_log_density(codes.centre, codes.offset, *normal)
        return by_number.flatten(-len(law.event_shape)).sum(-1) if law.event_shape else by_number
    double = in_double(law)
    if double is None:
        return law.log_prob(codes.z)
    codes = codes.in_double()
    if isinstance(double, MixtureSameFamily) and _location(double.component_distribution) is not None:
        parts = double.component_distribution
        place = -1 - len(parts.event_shape)
        apart = Codes(codes.centre.unsqueeze(place), codes.offset.unsqueeze(place))
        log_weight = double.mixture_distribution.logits.log_softmax(-1)
        return (log_weight + _log_density_beyond(parts, apart)).logsumexp(-1)
    if _location(double) is not None:
        return _log_density_beyond(double, codes)
    return double.log_prob(codes.z)


def log_density_without_score(law: Distribution, codes: Codes) -> Tensor:
    """log q(z|x) of a law's own codes, with the gradient that it has through the codes alone, shape (B,), nats.

    What is left out, the gradient in the law's parameters at codes that stand still, is the score, whose mean is zero
    (Roeder, Wu and Duvenaud, 2017).

    Args:
        law: Batch shape (B,), event shape (D,).
        codes: Of it, shape (B, D), with their pathwise gradient.

    Example:
        >>> mean = torch.zeros(1, 2, requires_grad=True)
        >>> law = Independent(Normal(mean, 1.0), 1)
        >>> codes = Codes.of(law)
        >>> log_density_without_score(law, codes).sum().backward()
        >>> bool(torch.allclose(mean.grad, -codes.offset))  # with the score it would be 0
        True
    """
    held = codes.detached()
    held.centre.requires_grad_()
    with torch.enable_grad():
        values = log_density_at(law, held)
    if not values.requires_grad:
        return values
    (slope,) = torch.autograd.grad(values.sum(), held.centre, materialize_grads=True)
    path = (slope * (codes.z - codes.z.detach())).sum(-1)
    return values.detach() + path.to(values.dtype)


def score_of(law: Distribution, codes: Codes) -> Tensor | None:
    """log q(z|x) of those blocks of codes that have no pathwise gradient, in parameters alone; None where all have one.

    Its gradient is the score, of mean zero: E f(z) has the gradient E f(z) d log q(z|x) (Williams, 1992).

    Args:
        law: Batch shape (B,), event shape (D,).
        codes: Of it, shape (..., B, D).

    Returns:
        Shape (..., B).

    Example:
        >>> law = Categories(torch.zeros(5, 1, 3, requires_grad=True), has_rsample=False)
        >>> score_of(law, Codes.of(law)).shape, score_of(Categories(torch.zeros(5, 1, 3)), Codes.of(law))
        (torch.Size([5]), None)
    """
    if law.has_rsample and not isinstance(law, LawOfBlocks):
        return None
    if isinstance(law, ChainedLaw):
        law = law.at(codes.z)  # through what a block is given, its score has a path
    parts = zip(blocks_of(law), law.slices if isinstance(law, BlockLaw) else [slice(None)], strict=True)
    held = codes.detached()
    scores = [log_density_at(block, held.columns(part)) for block, part in parts if not block.has_rsample]
    return torch.stack(scores).sum(0) if scores else None


def all_have_paths(law: Distribution) -> bool:
    """Whether all codes of a law have a pathwise gradient, whichever its blocks are.

    Example:
        >>> all_have_paths(Categories(torch.zeros(5, 1, 3), has_rsample=False))
        False
    """
    return all(block.has_rsample for block in blocks_of(law))


def log_density_by_dimension(law: Distribution, codes: Codes) -> Tensor | None:
    """log p(z_j) of codes by the dimensions of a law that is their product, shape (B, D); None where it is none.

    A position of categories or codewords is one dimension, however many numbers it has; so is, in a code of several
    blocks, each block that is no product.

    Example:
        >>> law = Independent(Normal(torch.zeros(2), 1.0), 1)
        >>> log_density_by_dimension(law, Codes.at(torch.zeros(1, 2)))
        tensor([[-0.9189, -0.9189]], dtype=torch.float64)
    """
    if isinstance(law, BlockLaw):
        blocks = [(block, codes.columns(part)) for block, part in zip(law.blocks, law.slices, strict=True)]
        by_block = [(log_density_by_dimension(*block), block) for block in blocks]
        return torch.cat([log_density_at(*it).unsqueeze(1) if by is None else by for by, it in by_block], 1)
    if isinstance(law, Categories | Codewords | UniformCodewords):
        return law.in_double().log_prob_by_position(codes.z.double())
    return log_density_at(law.base_dist, codes) if factorises(law) else None


def factorises(law: Distribution) -> TypeGuard[Independent]:
    """Whether a law over codes is the product of laws of their numbers, one by one.

    Example:
        >>> factorises(Independent(Normal(torch.zeros(2), 1.0), 1))
        True
    """
    return isinstance(law, Independent) and not law.base_dist.event_shape


def _log_density_beyond(law: Distribution, codes: Codes) -> Tensor:
    return _centred(law).log_prob(codes.beyond(cast(Tensor, _location(law))))


def _turned(law: MultivariateNormal, *shape: int) -> Tensor:
    """L eps, as the law samples it, in float64."""
    factor = law._unbroadcasted_scale_tril
    noise = torch.randn(*shape, *law.loc.shape, dtype=factor.dtype, device=factor.device)
    return (factor.double() @ noise.double().unsqueeze(-1)).squeeze(-1)


def _location(law: Distribution) -> Tensor | None:
    """Where a law lies; None where it is no law of a location and a noise."""
    base = innermost(law)
    return cast(Normal, base).loc if type(base) in LOCATED else None


def _centred(law: Distribution) -> Distribution:
    """The noise of a law that has a location."""
    centred: Any = copy(law)
    if isinstance(law, Independent):
        centred.base_dist = _centred(law.base_dist)
    else:
        centred.loc = torch.zeros_like(centred.loc)
    centred._validate_args = False
    return cast(Distribution, centred)
