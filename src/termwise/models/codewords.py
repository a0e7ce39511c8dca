"""Codes that are codewords: at each of P positions one of a codebook's K vectors, z being the vectors themselves.

A law over such codes given x is a point. It has a mass, not a density, which is 1 at its own codewords; and its codes
carry the gradient of what was rounded to them, straight through (van den Oord et al., 2017). What is asked about a code
is which codewords it is made of, and that is looked up: a codeword is itself to the last bit, or it is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

AT_ONCE = 2**24
"""Distances to codewords that are held at once."""
MIXED = ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15))
"""The shifts and the factors by which a number's bits are mixed."""


@dataclass(frozen=True, eq=False)
class Codebook:
    """A table of K codewords.

    Attributes:
        vectors: Shape (K, d).

    Example:
        >>> book = Codebook(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        >>> book.nearest(torch.tensor([[0.2, 0.1], [0.9, 0.7]])), book.index_of(torch.tensor([[1.0, 1.0], [0.9, 0.7]]))
        (tensor([0, 1]), tensor([ 1, -1]))
    """

    vectors: Tensor

    def __len__(self) -> int:
        return len(self.vectors)

    @torch.no_grad()
    def nearest(self, points: Tensor) -> Tensor:
        """Which codeword is nearest to each point, shape (..., d): shape (...)."""
        vectors = self.vectors.to(points.dtype)
        half_square = 0.5 * vectors.square().sum(1)
        found = [
            torch.addmm(half_square, part, vectors.T, alpha=-1).argmin(1)
            for part in points.reshape(-1, points.shape[-1]).split(max(1, AT_ONCE // len(self)))
        ]
        return torch.cat(found).view(points.shape[:-1])

    @torch.no_grad()
    def index_of(self, words: Tensor) -> Tensor:
        """Which codeword each vector is, shape (..., d): shape (...); -1 where it is none. Of equal ones the first."""
        keys, order = self._keys
        asked = key_of(words)
        found = order[torch.searchsorted(keys, asked).clamp(max=len(self) - 1)]
        is_one = (self.vectors.double()[found] == words.double()).all(-1)
        return torch.where(is_one, found, -1)

    @cached_property
    def _keys(self) -> tuple[Tensor, Tensor]:
        keys, order = key_of(self.vectors.detach()).sort(stable=True)
        return keys, order

    def in_double(self) -> "Codebook":
        """The same in float64."""
        return Codebook(self.vectors.double())


def key_of(rows: Tensor) -> Tensor:
    """One whole number for each row of numbers, shape (..., n): shape (...), which no other row is like to have.

    Numbers are mixed to 64 bits, one to one (Steele, Lea and Flood, 2014), and summed with odd weights modulo 2^64.

    Example:
        >>> one, other, again = key_of(torch.tensor([[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0]])).tolist()
        >>> one == again, one == other
        (True, False)
    """
    bits = (rows.double() + 0.0).view(torch.int64) if rows.is_floating_point() else rows.long()  # -0 is 0
    for shift, factor in MIXED:
        bits = (bits ^ _shifted(bits, shift)) * factor
    weights = torch.randint(-(2**62), 2**62, (rows.shape[-1],), generator=torch.Generator().manual_seed(0))
    return ((bits ^ _shifted(bits, 31)) * (2 * weights + 1).to(rows.device)).sum(-1)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Bits moved to the right and zeros in their place; with the sign there, as torch has it, x and -x - 1 are one."""
    return (bits >> by) & (2 ** (64 - by) - 1)


@runtime_checkable
class HasCodebook(Protocol):
    """A posterior family whose codes are codewords.

    Attributes:
        positions: P.
        shape: How they are laid out.
    """

    positions: int
    shape: tuple[int, ...]

    def codebook(self) -> Codebook:
        """The codewords, as they are now."""
        ...


class Codewords(Distribution):
    """The points at codewords: one at each of P positions, a code of P d numbers.

    Args:
        indices: Which codewords, shape (..., P).
        codebook: Of K codewords of d numbers.
        encoded: What was rounded to them, shape (..., P, d), to which their gradient goes.
        shape: How the positions are laid out; in a row, where left out.

    Example:
        >>> book = Codebook(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        >>> law = Codewords(torch.tensor([[0, 1]]), book)  # one example, two positions
        >>> law.sample(), law.log_prob(law.sample()), law.log_prob(torch.zeros(1, 4))
        (tensor([[0., 0., 1., 1.]]), tensor([0.]), tensor([-inf]))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch declares it
    has_rsample = True

    def __init__(
        self, indices: Tensor, codebook: Codebook, encoded: Tensor | None = None, shape: Sequence[int] = ()
    ) -> None:
        self.indices, self.codebook, self.encoded = indices, codebook, encoded
        self.shape = tuple(shape) or (indices.shape[-1],)
        self.words = codebook.vectors.detach()[indices]  # as they are now: a codebook learns
        super().__init__(indices.shape[:-1], Size([self.words.shape[-2:].numel()]), validate_args=False)

    @property
    def width(self) -> int:
        """d, the numbers of a codeword."""
        return self.words.shape[-1]

    @property
    def mean(self) -> Tensor:
        """The codewords, shape (..., P d), with the gradient of what was rounded to them."""
        through = self.words if self.encoded is None else self.words + (self.encoded - self.encoded.detach())
        return through.flatten(-2)

    @property
    def mode(self) -> Tensor:
        """The codewords, shape (..., P d)."""
        return self.words.flatten(-2)

    @property
    def variance(self) -> Tensor:
        """None, shape (..., P d)."""
        return torch.zeros_like(self.mode)

    def entropy(self) -> Tensor:
        """The entropy of points, zero, shape (...)."""
        return self.words.new_zeros(self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Zero at the law's own codewords, minus infinity elsewhere; of codes (..., P d), shape (...)."""
        return self.log_prob_by_position(value).sum(-1)

    def log_prob_by_position(self, value: Tensor) -> Tensor:
        """The same by position, shape (..., P)."""
        own = value.unflatten(-1, self.words.shape[-2:]) == self.words
        return torch.where(own.all(-1), 0.0, -math.inf).to(self.words.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The codewords, shape (*sample_shape, ..., P d)."""
        return self.mode.expand(*sample_shape, *self.mode.shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The same, with the gradient of what was rounded to them."""
        return self.mean.expand(*sample_shape, *self.mode.shape)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Codewords":
        """The same law, a batch of as many."""
        shape = Size(batch_shape)
        encoded = None if self.encoded is None else self.encoded.expand(*shape, *self.words.shape[-2:])
        return Codewords(self.indices.expand(*shape, self.indices.shape[-1]), self.codebook, encoded, self.shape)

    def at_positions(self, positions: Sequence[int]) -> "Codewords":
        """The same points at some positions alone."""
        chosen = list(positions)
        encoded = None if self.encoded is None else self.encoded[..., chosen, :]
        return Codewords(self.indices[..., chosen], self.codebook, encoded)

    def in_double(self) -> "Codewords":
        """The same law in float64."""
        encoded = None if self.encoded is None else self.encoded.double()
        return Codewords(self.indices, self.codebook.in_double(), encoded, self.shape)


class UniformCodewords(Distribution):
    """Every codeword as probable as any other, at each of P positions.

    Args:
        codebook: Of K codewords of d numbers.
        positions: P.

    Example:
        >>> law = UniformCodewords(Codebook(torch.tensor([[0.0, 0.0], [1.0, 1.0]])), positions=3)
        >>> law.event_shape, law.entropy()  # 3 log 2
        (torch.Size([6]), tensor(2.0794))
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch declares it
    has_rsample = False

    def __init__(self, codebook: Codebook, positions: int) -> None:
        self.codebook, self.positions = codebook, positions
        super().__init__(Size(), Size([positions * codebook.vectors.shape[1]]), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Of every number, shape (P d,)."""
        return self.codebook.vectors.detach().mean(0).repeat(self.positions)

    @property
    def variance(self) -> Tensor:
        """Of every number, shape (P d,)."""
        return self.codebook.vectors.detach().var(0, correction=0).repeat(self.positions)

    def entropy(self) -> Tensor:
        """P log K, nats."""
        vectors = self.codebook.vectors
        return torch.tensor(self.positions * math.log(len(vectors)), dtype=vectors.dtype, device=vectors.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """-P log K of codewords, minus infinity of what is none; of codes (..., P d), shape (...)."""
        return self.log_prob_by_position(value).sum(-1)

    def log_prob_by_position(self, value: Tensor) -> Tensor:
        """The same by position, shape (..., P)."""
        known = self.codebook.index_of(value.unflatten(-1, (self.positions, -1))) >= 0
        return torch.where(known, -math.log(len(self.codebook)), -math.inf).to(value.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes of codewords drawn at random, shape (*sample_shape, P d)."""
        vectors = self.codebook.vectors.detach()
        chosen = torch.randint(len(vectors), (*sample_shape, self.positions), device=vectors.device)
        return vectors[chosen].flatten(-2)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "UniformCodewords":
        """The law itself, which is one for all."""
        if Size(batch_shape):
            raise NotImplementedError
        return self

    def in_double(self) -> "UniformCodewords":
        """The same law in float64."""
        return UniformCodewords(self.codebook.in_double(), self.positions)
