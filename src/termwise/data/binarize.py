"""Binary x from grey ones, read as probabilities (Salakhutdinov and Murray, 2008; Burda et al., 2016, section 5).

threshold    x > 1/2
fixed        x ~ Bernoulli(grey), drawn once: an example is the same at every visit
dynamic      as fixed, but drawn anew at every visit of an example that trains
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from termwise.data.examples import Examples, chunks
from termwise.errors import BadData

Binarization = Literal["threshold", "fixed", "dynamic"]


@dataclass(frozen=True, eq=False)
class BinaryExamples:
    """Examples of 0 and 1.

    Args:
        grey: Examples between 0 and 1.
        how: One of the three.
        seed: Of what is drawn once.
        anew: Of all examples, which are drawn at every visit, from the global random state, where `how` is dynamic:
            shape (N,), bool.
    """

    grey: Examples
    how: Binarization
    seed: int
    anew: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.grey.shape

    @property
    def in_memory(self) -> bool:
        """As the grey ones are."""
        return self.grey.in_memory

    @property
    def has_missing(self) -> bool:
        """Whether entries are missing, of the grey ones, which are so of these too."""
        return getattr(self.grey, "has_missing", False)

    def __len__(self) -> int:
        return len(self.grey)

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The x at the positions of `order`, as float32 (B, *shape)."""
        for x, positions in zip(
            self.grey.batches(order, batch_size, drop_last), chunks(order, batch_size, drop_last), strict=True
        ):
            known = x.nan_to_num(0.5) if self.has_missing else x
            low, high = float(known.min()), float(known.max())
            if low < 0 or high > 1:
                raise BadData(
                    f"Binarizing reads x as probabilities, from 0 to 1; got {low:g} to {high:g}. Rescale the data, or "
                    "leave binarize out."
                )
            binary = (self._levels(x, positions) < x).to(x.dtype)
            yield binary.where(~x.isnan(), x) if self.has_missing else binary

    def _levels(self, x: Tensor, positions: Tensor) -> Tensor:
        """What a grey value must exceed to become 1, of the shape of x."""
        if self.how == "threshold":
            return torch.full_like(x, 0.5)
        anew = self.anew[positions] if self.how == "dynamic" else torch.zeros(len(x), dtype=torch.bool)
        if bool(anew.all()):
            return torch.rand_like(x)
        levels = uniform(self.seed, positions, x[0].numel()).view_as(x)
        levels[anew] = torch.rand_like(levels[anew])
        return levels


def binarization(name: str) -> Binarization:
    """The binarization of this name; BadData where there is none."""
    for choice in get_args(Binarization):
        if name == choice:
            return choice
    raise BadData(f"binarize is one of {', '.join(get_args(Binarization))}; got {name!r}.")


def uniform(seed: int, positions: Tensor, size: int) -> Tensor:
    """Numbers in [0, 1) that depend on the seed and the position alone, shape (B, size), float32.

    SplitMix64 of a counter (Steele, Lea and Flood, 2014, figure 17), in integers that wrap.
    """
    counter = positions.unsqueeze(1) * size + torch.arange(size)
    z = _scrambled(torch.tensor(seed)) + counter * _signed(0x9E3779B97F4A7C15)
    return (_scrambled(z) >> 40 & 0xFFFFFF).to(torch.float32) / 2**24


def _scrambled(z: Tensor) -> Tensor:
    z = (z ^ (z >> 30 & (1 << 34) - 1)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> 27 & (1 << 37) - 1)) * _signed(0x94D049BB133111EB)
    return z ^ (z >> 31 & (1 << 33) - 1)


def _signed(word: int) -> int:
    """A 64-bit word as the int64 of the same bits."""
    return word - 2**64 if word >= 2**63 else word
