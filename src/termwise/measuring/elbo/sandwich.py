"""Bounds on E log q(z|x) for a posterior with a last Gaussian layer, whose density is a mixture without end.

    z = c_0 + sigma eta,   c_k = f(x, eps_k),   q(z|x) = E_eps N(z; f(x, eps), diag sigma^2)

    above   log 1/(K+1) sum_(k=0..K) N(z; c_k, sigma^2)     the own noise included
    below   log 1/K     sum_(k=1..K) N(z; c_k, sigma^2)     the own noise left out

In expectation E log q(z|x) lies between the two, for every K. Below is Jensen's inequality; above, z comes from a
random one of the K+1 components, so that by Gibbs' inequality no density, q among them, is higher on average (Yin and
Zhou, 2018; Molchanov et al., 2019). The bound above is no lower than E log N(z; c_0, sigma^2) - log(K+1): where a code
tells more nats of its own noise than log(K+1), it is loose. Both hold for each dimension alone, too.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import LOG_2PI

BLOCK = 2**22
"""Numbers that a layer of the encoder may hold at a time."""
WIDTH = 512
"""How wide such a layer is taken to be at the least; codes may be wider."""


class SemiImplicit(Protocol):
    """A posterior of B examples that is normal once its noise is known."""

    @property
    def last_scale(self) -> Tensor:
        """sigma, shape (B, D)."""
        ...

    def centres(self, count: int) -> Tensor:
        """f(x, eps) of `count` fresh noises for every example, shape (count, B, D)."""
        ...


def last_layer(posterior: Distribution) -> SemiImplicit | None:
    """The posterior as one with a last Gaussian layer; None where it has none."""
    return None if getattr(posterior, "last_scale", None) is None else cast(SemiImplicit, posterior)


@dataclass(frozen=True)
class Sandwich:
    """A code of every example, and bounds of E log q(z|x) there; float64, nats.

    Attributes:
        codes: Shape (B, D); the centre of each is f(x, eps_0) of its own noise.
        above: Over E log q in expectation, shape (B,).
        below: Under it, shape (B,).
        above_by_dimension: Over E log q(z_j|x) in expectation, likewise, shape (B, D).
    """

    codes: Codes
    above: Tensor
    below: Tensor
    above_by_dimension: Tensor


def sandwich(posterior: SemiImplicit, noises: int) -> Sandwich:
    """One code for every example, z ~ q(z|x), with bounds by `noises` other noises, independent for every example."""
    scale = posterior.last_scale
    centre = posterior.centres(1)[0]
    codes = Codes(centre, scale * torch.randn_like(centre))
    own = log_normal_by_dimension(codes, centre, scale)
    others, by_dimension = [], own  # log of the sum over noises
    for part in in_blocks(posterior, noises):
        log_normals = log_normal_by_dimension(codes, part, scale)  # (part, B, D)
        others.append(log_normals.sum(-1))
        by_dimension = torch.logaddexp(by_dimension, log_normals.logsumexp(0))
    return Sandwich(codes, *bounds(own.sum(-1), torch.cat(others)), by_dimension - math.log(noises + 1))


def in_blocks(posterior: SemiImplicit, count: int) -> Iterator[Tensor]:
    """`count` fresh centres for every example, shape (part of count, B, D) at a time."""
    batch, latent = posterior.last_scale.shape
    step = max(1, BLOCK // (batch * max(latent, WIDTH)))
    for start in range(0, count, step):
        yield posterior.centres(min(step, count - start))


def bounds(own: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Above and below E log q, shape (B,), from log N(z; c_0), shape (B,), and log N(z; c_k), shape (K, B)."""
    total, count = others.logsumexp(0), len(others)
    return torch.logaddexp(own, total) - math.log(count + 1), total - math.log(count)


def log_normal(codes: Codes, centre: Tensor, scale: Tensor) -> Tensor:
    """log N(z; centre, diag scale^2) of codes, float64, summed over the last dimension."""
    return log_normal_by_dimension(codes, centre, scale).sum(-1)


def log_normal_by_dimension(codes: Codes, centre: Tensor, scale: Tensor) -> Tensor:
    """log N(z_j; centre_j, scale_j^2) of codes, float64."""
    standard = (codes.beyond(centre) / scale).double()
    return -0.5 * standard.square() - scale.log().double() - 0.5 * LOG_2PI
