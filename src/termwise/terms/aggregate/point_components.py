"""N points at codewords, as constants: what q(z) is of them is a table of counts.

q(z) = n(z) / N, where n(z) examples have the codewords of z, at all positions or at one. So no code is held against N
points one by one: what its codewords are is one key, which is looked up. Between codewords q(z) is nothing, and it has
no gradient in z.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.categories import LEAST
from termwise.models.codes import Codes
from termwise.models.codewords import Codebook, key_of
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.singles import BITS


class PointComponents(Components):
    """N points, each at one codeword at each of P positions.

    Args:
        indices: Which codewords, shape (N, P).
        codebook: Of K codewords of d numbers.
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("indices",)

    def __init__(self, indices: Tensor, codebook: Codebook) -> None:
        self.indices, self.codebook = indices, codebook

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def size(self) -> int:
        """P d, the numbers of a code."""
        return self.indices.shape[1] * self.codebook.vectors.shape[1]

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.indices.device

    @cached_property
    def keys(self) -> Tensor:
        """What tells every point from others, shape (N,)."""
        return key_of(self.indices)

    @cached_property
    def counts(self) -> tuple[Tensor, Tensor]:
        """The keys that come, in order, and how often each does."""
        keys, counts = self.keys.unique(return_counts=True)
        return keys, counts

    def keys_of(self, codes: Codes) -> Tensor:
        """The keys of codes, shape (B,)."""
        return key_of(self.codebook.index_of(codes.z.unflatten(1, (self.indices.shape[1], -1))))

    def log_sum_at_once(self, codes: Codes, index: Tensor | None, gain: float) -> Tensor:
        """The log of how many points are the code, float64, shape (B,), its own counting so much more."""
        (keys, counts), asked = self.counts, self.keys_of(codes)
        place = torch.searchsorted(keys, asked).clamp(max=len(keys) - 1)
        here = torch.where(keys[place] == asked, counts[place], 0).double()
        if index is not None:
            own = (index >= 0) & (self.keys[index.clamp(min=0)] == asked)
            here = here + torch.where(own, math.expm1(gain), 0.0)
        return torch.where(here > 0, here.log(), LEAST)

    def pairs(self, codes: Codes, block: int, slopes: bool) -> "_Matches":
        """Every point at every code, by their keys."""
        return _Matches(self.keys_of(codes), self.keys, codes.z, max(1, min(block // len(codes), len(self))))

    def by_dimension(self) -> list[tuple[slice, Components]]:
        """The points position by position."""
        return self._by_position

    @cached_property
    def _by_position(self) -> list[tuple[slice, Components]]:
        width = self.codebook.vectors.shape[1]
        return [
            (slice(p * width, (p + 1) * width), PointComponents(self.indices[:, p : p + 1], self.codebook))
            for p in range(self.indices.shape[1])
        ]

    def at(self, rows: Tensor) -> "PointComponents":
        """The components at these rows, shape (n,)."""
        return PointComponents(self.indices[rows], self.codebook)

    @classmethod
    def joined(cls, several: Sequence["PointComponents"]) -> "PointComponents":
        """The components of several, in order."""
        return cls(torch.cat([one.indices for one in several]), several[0].codebook)

    def state(self) -> dict[str, Any]:
        """Refused: codewords move, and points that are remembered would not."""
        raise Refused(
            "A bank holds posteriors of past batches, and these are points at codewords, which move as the codebook "
            'learns. Use aggregate="full".'
        )


class _Matches:
    """The log densities of codes under points: nothing where they are the same, and as good as infinite else."""

    def __init__(self, asked: Tensor, keys: Tensor, z: Tensor, step: int) -> None:
        self.asked, self.keys, self.z, self.step = asked, keys, z, step

    def bits(self, part: slice) -> Tensor:
        """The same as of a product."""
        same = self.asked.unsqueeze(1) == self.keys[part]
        return torch.where(same, 0.0, LEAST * BITS).double()

    def empty(self) -> Tensor:
        """The same as of a product: no gradient in any number."""
        return torch.zeros_like(self.z)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """The same as of a product: nothing, as points have no slope."""

    def gradient(self, mean: Tensor) -> Tensor:
        """The same as of a product."""
        return mean
