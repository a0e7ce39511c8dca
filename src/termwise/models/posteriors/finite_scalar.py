"""The posterior of finite scalars: every number of a code is rounded to one of a few levels (Mentzer et al., 2024).

A codeword has as many numbers as there are levels given, and the codebook is their product, which nobody learns:

    e = h tanh(f + s) - o,     z = round(e) / floor(L / 2),     h = (L - 1)(1 + 1e-3) / 2

with o = 1/2 of an even number L of levels, else 0, and s = atanh(o / h), so that f = 0 is at e = 0.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.main_memory import check_fits
from termwise.models.codewords import Codebook, Codewords
from termwise.models.places import Positions, as_option, in_words, shape_of

Levels = Annotated[int, Ge(2)]
"""How many values a number may have."""


class FiniteScalar(nn.Module):
    """Numbers of so many levels each; codewords of one position or several, whose product the codebook is.

    Args:
        latent: P d, the numbers of the code.
        levels: L, of each of the d numbers of a codeword; a number alone is that of codewords of one.
        positions: P, or their shape; as many in a row as make the latent, where left out.

    Example:
        >>> family = FiniteScalar(4, levels=[5, 4])
        >>> family.positions, len(family.codebook()), family(torch.zeros(1, 4)).mode
        (2, 20, tensor([[0., 0., 0., 0.]]))
    """

    name = "finite-scalar"
    vectors: Tensor
    counts: Tensor

    def __init__(self, latent: int, levels: Levels | Sequence[Levels] = 5, positions: Positions | None = None) -> None:
        super().__init__()
        counts = [levels] if isinstance(levels, int) else list(levels)
        if not counts or latent % len(counts):
            raise Refused(
                f"{latent} numbers are not codewords of {len(counts)} each. Give as latent the positions times as many "
                "numbers as there are levels."
            )
        self.latent, self.positions = latent, latent // len(counts)
        self.shape = shape_of(self.positions if positions is None else positions)
        if math.prod(self.shape) != self.positions:
            raise Refused(
                f"{latent} numbers are {self.positions} codewords of {len(counts)} each, and not the "
                f"{in_words(self.shape)} positions asked for. Give as latent {math.prod(self.shape) * len(counts)}."
            )
        check_fits(8 * len(counts) * math.prod(counts), "The codebook")
        values = [(torch.arange(count) - count // 2) / (count // 2) for count in counts]
        grid = torch.stack(torch.meshgrid(*values, indexing="ij"), -1).flatten(0, -2)  # (K, d)
        self.register_buffer("vectors", grid, persistent=False)
        self.register_buffer("counts", torch.tensor(counts), persistent=False)
        self._levels = counts
        self.options: dict[str, Any] = {
            "levels": levels if isinstance(levels, int) else counts,
            "positions": None if positions is None else as_option(positions),
        }

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: one for each of the code's."""
        return self.latent

    def codebook(self) -> Codebook:
        """All combinations of the levels, the last number's varying first."""
        return Codebook(self.vectors)

    def forward(self, features: Tensor) -> Codewords:
        """q(z|x) from features of shape (B, P d)."""
        raw = features.unflatten(-1, (self.positions, -1))  # (B, P, d)
        counts = self.counts.to(raw.dtype)
        half, middle = (counts - 1) * (1 + 1e-3) / 2, (counts / 2).floor()
        offset = torch.where(counts % 2 == 0, 0.5, 0.0).to(raw.dtype)
        bounded = (raw + (offset / half).atanh()).tanh() * half - offset
        levels = (bounded.detach().round() + middle).long()  # from 0
        index = levels[..., 0]
        for place, count in enumerate(self._levels[1:], 1):
            index = index * count + levels[..., place]
        return Codewords(index, self.codebook(), bounded / middle, self.shape)
