"""Random discrete worlds by seed: all binary vectors of a few pixels, small tanh networks, any family of posterior.

    logits of p(x_i = 1|z) = network(z),     q(z|x) = family(network(x))

tanh networks are analytic, so that a grid integrates them to rounding error. Bounded heads keep every mean within 2 and
every sigma in [0.3, 0.6], which the default grid resolves and holds.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, MixtureSameFamily, Normal

from termwise.errors import Refused
from termwise.values import Count, Seed, checked
from termwise.worlds.discrete import DiscreteWorld
from termwise.worlds.grid import Grid

MOST_PIXELS = 10


class SeededRandom:
    """Random tensors, networks and weights, all from one seed; float64."""

    def __init__(self, seed: Seed) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers of any shape, float64."""
        return torch.randn(*shape, generator=self._generator, dtype=torch.float64)

    def network(self, inputs: int, outputs: int, hidden: int = 8, gain: float = 1.0) -> Callable[[Tensor], Tensor]:
        """A random network gain * (A tanh(B v + b) + a), from (..., inputs) to (..., outputs)."""
        inner, inner_bias = self.normal(hidden, inputs) / math.sqrt(inputs), self.normal(hidden)
        outer, outer_bias = self.normal(outputs, hidden) / math.sqrt(hidden), 0.3 * self.normal(outputs)
        return lambda v: gain * (torch.tanh(v @ inner.T + inner_bias) @ outer.T + outer_bias)

    def weights(self, count: int) -> Tensor:
        """Random positive weights with sum 1, shape (count,)."""
        return torch.softmax(0.5 * self.normal(count), dim=0)


def binary_vectors(pixels: Count) -> Tensor:
    """All vectors of {0, 1}^pixels, shape (2^pixels, pixels), float32."""
    if not 1 <= pixels <= MOST_PIXELS:
        raise Refused(f"A world of all binary vectors takes 1 to {MOST_PIXELS} pixels; got {pixels}.")
    return (torch.arange(2**pixels).unsqueeze(1) >> torch.arange(pixels) & 1).float()


def bernoulli(logits: Tensor) -> Distribution:
    """Independent pixels, the last dimension one event."""
    return Independent(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)


def diagonal_normal(raw: Tensor) -> Distribution:
    """N(mu, diag sigma^2) from (..., 2 D), with |mu| < 2 and sigma in (0.3, 0.6)."""
    mean, spread = raw.chunk(2, dim=-1)
    return Independent(
        Normal(2 * torch.tanh(mean), 0.3 + 0.3 * torch.sigmoid(spread), validate_args=False), 1, validate_args=False
    )


@checked
def random_world(
    seed: Seed, pixels: Count = 4, prior: Distribution | None = None, grid: Grid | None = None
) -> DiscreteWorld:
    """A world of diagonal-normal posteriors, and a decoder that has nothing to do with them.

    Example:
        >>> truth = random_world(seed=0, pixels=3).truth()
        >>> abs(truth["rate"] - truth["index_code_mi"] - truth["marginal_kl"]) < 1e-6
        True

    Args:
        seed: Of both networks and of the examples' weights.
        pixels: Of the examples, which are all binary vectors.
        prior: p(z); the standard normal where left out.
        grid: The default grid where left out; its dimension is that of z.
    """
    grid, draw = grid or Grid(), SeededRandom(seed)
    head = draw.network(pixels, 2 * grid.dimension)
    decoder = draw.network(grid.dimension, pixels, gain=2.0)
    return DiscreteWorld(
        examples=binary_vectors(pixels),
        weights=draw.weights(2**pixels),
        encode=lambda x: diagonal_normal(head(2 * x - 1)),
        decode=lambda z: bernoulli(decoder(z)),
        prior=prior,
        grid=grid,
    )


@checked
def bimodal_world(seed: Seed, pixels: Count = 4) -> DiscreteWorld:
    """A world whose decoder sees z_1 by its square alone: p(z|x) is even in z_1, with two modes where x asks for it.

    The posteriors are normal, with one mode: the inference gap is large.

    Example:
        >>> bimodal_world(seed=0, pixels=2).truth()["inference_gap"] > 1
        True
    """
    draw = SeededRandom(seed)
    head = draw.network(pixels, 4)
    slope, other, bias = 1 + torch.sigmoid(draw.normal(pixels)), draw.normal(pixels), 0.3 * draw.normal(pixels)

    def decode(z: Tensor) -> Distribution:
        first, second = z.unbind(-1)
        return bernoulli(slope * (first.square() - 1.5).unsqueeze(-1) + other * second.unsqueeze(-1) + bias)

    return DiscreteWorld(
        examples=binary_vectors(pixels),
        weights=draw.weights(2**pixels),
        encode=lambda x: diagonal_normal(head(2 * x - 1)),
        decode=decode,
    )


@checked
def mixture_world(seed: Seed, components: Count = 3, pixels: Count = 4, grid: Grid | None = None) -> DiscreteWorld:
    """A world of posteriors that are mixtures of diagonal normals, which can be sampled, but not through their noise.

    Example:
        >>> world = mixture_world(seed=0, components=2)
        >>> world.infer(world.data(3))[0].has_rsample
        False
    """
    grid, draw = grid or Grid(), SeededRandom(seed)
    d = grid.dimension
    head = draw.network(pixels, components * (2 * d + 1))
    decoder = draw.network(d, pixels, gain=2.0)

    def encode(x: Tensor) -> Distribution:
        raw = head(2 * x - 1)
        parts = raw[..., components:].unflatten(-1, (components, 2 * d))
        shares = Categorical(logits=raw[..., :components], validate_args=False)
        return MixtureSameFamily(shares, diagonal_normal(parts), validate_args=False)

    return DiscreteWorld(
        examples=binary_vectors(pixels),
        weights=draw.weights(2**pixels),
        encode=encode,
        decode=lambda z: bernoulli(decoder(z)),
        grid=grid,
    )
