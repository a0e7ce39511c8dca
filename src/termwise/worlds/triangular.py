"""Implicit posteriors with a hidden exact density: a triangular, monotone map of two normal numbers.

    h(e; a, t) = sinh((asinh e + a) / t)                         skew a, tail t >= 1 (Jones and Pewsey, 2009, eq. 1)
    z_1 = m_1 + s_1 h(e_1; a_1, t_1)
    z_2 = m_2 + s_2 h(e_2; a_2, t_2) + c tanh(z_1 - m_1)         bent by c

Each z_j grows with its own e_j, so that the map is undone dimension by dimension and
    log q(z) = sum_j log N(e_j; 0, 1) + log de_j/dz_j.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import NoDensity
from termwise.values import Count, Seed, checked
from termwise.worlds.discrete import DiscreteWorld
from termwise.worlds.random_worlds import SeededRandom, bernoulli, binary_vectors


class TriangularMap(Distribution):
    """The law of z = f(e), e ~ N(0, I) in two dimensions, sampled as an implicit posterior is: it has no log_prob.

    Example:
        >>> law = triangular_map(torch.zeros(1, 9, dtype=torch.float64))
        >>> law.rsample((5,)).shape
        torch.Size([5, 1, 2])
        >>> law.log_prob(torch.zeros(1, 2))
        Traceback (most recent call last):
        termwise.errors.NoDensity: This posterior is implicit...
        >>> law.hidden_log_prob(torch.zeros(1, 2, dtype=torch.float64)).shape
        torch.Size([1])

    Args:
        location: m, shape (B, 2).
        scale: s, shape (B, 2).
        skew: a, shape (B, 2).
        tail: t >= 1, shape (B, 2); larger is lighter.
        bend: c, shape (B,).
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, location: Tensor, scale: Tensor, skew: Tensor, tail: Tensor, bend: Tensor) -> None:
        self.location, self.scale, self.skew, self.tail, self.bend = location, scale, skew, tail, bend
        super().__init__(location.shape[:-1], location.shape[-1:], validate_args=False)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """What makes the map: its location, scale, skew, tail and bend."""
        return self.location, self.scale, self.skew, self.tail, self.bend

    def push(self, noise: Tensor) -> Tensor:
        """The codes z that noise e is mapped to, shape (..., B, 2)."""
        u = torch.sinh((torch.asinh(noise) + self.skew) / self.tail)
        first, second = (self.scale * u).unbind(-1)
        return self.location + torch.stack([first, second + self.bend * torch.tanh(first)], dim=-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes of fresh noise, shape (*sample_shape, B, 2), with their pathwise gradient."""
        return self.push(torch.randn(*sample_shape, *self.location.shape, dtype=self.location.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        """The model knows no density of its posterior, and raises NoDensity."""
        raise NoDensity(
            "This posterior is implicit: it can be sampled, and has no density. Use an estimator that needs samples."
        )

    def hidden_log_prob(self, value: Tensor) -> Tensor:
        """The exact log-density, shape (..., B), that the world knows and the model does not say."""
        first, second = (value - self.location).unbind(-1)
        u = torch.stack([first, second - self.bend * torch.tanh(first)], dim=-1) / self.scale
        bent = self.tail * torch.asinh(u) - self.skew
        noise = torch.sinh(bent)
        slope = self.tail.log() + torch.cosh(bent).log() - self.scale.log() - 0.5 * torch.log1p(u.square())
        return (slope - 0.5 * noise.square() - 0.5 * math.log(2 * math.pi)).sum(-1)


def triangular_map(raw: Tensor) -> TriangularMap:
    """The map of nine numbers for each x, shape (..., 9), bounded so that the default grid holds it."""
    location, scale, skew, tail, bend = raw.split([2, 2, 2, 2, 1], dim=-1)
    return TriangularMap(
        location=torch.tanh(location),
        scale=0.4 + 0.3 * torch.sigmoid(scale),
        skew=0.6 * torch.tanh(skew),
        tail=1 + 0.4 * torch.sigmoid(tail),
        bend=1.5 * torch.tanh(bend.squeeze(-1)),
    )


@checked
def implicit_world(seed: Seed, pixels: Count = 4) -> DiscreteWorld:
    """A world of skewed, bent posteriors without a density, over all binary vectors; two latent dimensions.

    Example:
        >>> world = implicit_world(seed=0, pixels=2)
        >>> world.truth()["rate"] > 0
        True
    """
    draw = SeededRandom(seed)
    head, decoder = draw.network(pixels, 9), draw.network(2, pixels, gain=2.0)
    return DiscreteWorld(
        examples=binary_vectors(pixels),
        weights=draw.weights(2**pixels),
        encode=lambda x: triangular_map(head(2 * x - 1)),
        decode=lambda z: bernoulli(decoder(z)),
    )
