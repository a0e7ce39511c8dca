"""N laws over codes of several blocks, as constants: each component a product of one of every block.

Where every block is of an exponential family the features of all stand side by side, so that the joint density stays
one matrix product. Where that would cancel too much, or a block is of no family, each block gives its own log
densities, which are summed.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.components import CANCELLATION, Alternative, Components, LinearComponents, LogDensities


class BlockComponents(Components):
    """N components, each a product over blocks.

    Args:
        blocks: The components of each block, N of each, in the order of z.
    """

    def __init__(self, blocks: Sequence[Components]) -> None:
        self.blocks = tuple(blocks)
        ends = torch.tensor([block.size for block in blocks]).cumsum(0).tolist()
        self.slices = tuple(slice(end - block.size, end) for block, end in zip(blocks, ends, strict=True))
        linear = [block for block in blocks if isinstance(block, LinearComponents)]
        self.side_by_side = _SideBySide(linear, self.slices) if len(linear) == len(blocks) else None

    def __len__(self) -> int:
        return len(self.blocks[0])

    @property
    def size(self) -> int:
        """D, the numbers of all blocks."""
        return self.slices[-1].stop

    @property
    def linear(self) -> LinearComponents | None:
        """The features of all blocks side by side, where every block is of an exponential family."""
        return self.side_by_side

    @property
    def most(self) -> float:
        """As many as the block with the fewest takes."""
        return min(block.most for block in self.blocks)

    def parts(self) -> list[tuple[Components, slice]]:
        """Each block, and which numbers of the code it has."""
        return list(zip(self.blocks, self.slices, strict=True))

    def at(self, rows: Tensor) -> "BlockComponents":
        """The components at these rows, shape (n,)."""
        return BlockComponents([block.at(rows) for block in self.blocks])

    @classmethod
    def joined(cls, several: Sequence["BlockComponents"]) -> "BlockComponents":
        """The components of several, in order."""
        return cls([type(same[0]).joined(same) for same in zip(*(one.blocks for one in several), strict=True)])

    def write(self, rows: Tensor, new: "BlockComponents") -> None:
        """Replace the components at `rows`, shape (B,), by others, in place."""
        for block, its in zip(self.blocks, new.blocks, strict=True):
            block.write(rows, its)
        if self.side_by_side is not None and new.side_by_side is not None:
            self.side_by_side.write(rows, new.side_by_side)

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.blocks[0].device

    def state(self) -> dict[str, Any]:
        """The states of all blocks."""
        return {"blocks": [block.state() for block in self.blocks]}

    def pairs(self, codes: Codes, block: int, slopes: bool) -> LogDensities:
        """By one product, or the sum of what each block gives."""
        linear = self.side_by_side
        if linear is not None and linear.cancellation(linear.features(codes.exact)) <= CANCELLATION:
            return linear.pairs(codes, block, slopes)
        return _Summed(
            [one.pairs(codes.columns(part), block // len(self.blocks), slopes) for one, part in self.parts()]
        )

    def alternatives(self, codes: Codes, start: int = 0) -> list[Alternative]:
        """The alternatives of every block."""
        return [a for one, part in self.parts() for a in one.alternatives(codes.columns(part), start + part.start)]


class _SideBySide(LinearComponents):
    """The features and slopes of blocks, one after the other."""

    def __init__(self, blocks: Sequence[LinearComponents], slices: Sequence[slice]) -> None:
        self.blocks, self.slices = blocks, slices
        self.slope = torch.cat([block.slope for block in blocks], 1)
        self.intercept = torch.stack([block.intercept for block in blocks]).sum(0)
        self.slope32 = torch.cat([block.slope32 for block in blocks], 1)

    @property
    def size(self) -> int:
        return self.slices[-1].stop

    def features(self, z: Tensor) -> Tensor:
        return torch.cat([one.features(z[:, part]) for one, part in zip(self.blocks, self.slices, strict=True)], 1)

    def gradient(self, z: Tensor, mean_slope: Tensor) -> Tensor:
        means = mean_slope.split([block.slope.shape[1] for block in self.blocks], 1)
        parts = zip(self.blocks, self.slices, means, strict=True)
        return torch.cat([one.gradient(z[:, part], mean) for one, part, mean in parts], 1)

    def at(self, rows: Tensor) -> "_SideBySide":
        raise NotImplementedError  # blocks are asked, and stand side by side again

    @classmethod
    def joined(cls, several: Sequence["_SideBySide"]) -> "_SideBySide":
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        raise NotImplementedError


class _Summed:
    """The log densities of blocks, added up."""

    def __init__(self, blocks: Sequence[LogDensities]) -> None:
        self.blocks, self.step = blocks, min(block.step for block in blocks)
        self.sizes: list[int] = []

    def bits(self, part: slice) -> Tensor:
        """The same as of a product."""
        first, *others = self.blocks
        total = first.bits(part)
        for block in others:
            total.add_(block.bits(part))
        return total

    def empty(self) -> Tensor:
        """The same as of a product."""
        parts = [block.empty() for block in self.blocks]
        self.sizes = [part.shape[1] for part in parts]
        return torch.cat(parts, 1)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """The same as of a product."""
        for block, its in zip(self.blocks, gathered.split(self.sizes, 1), strict=True):
            block.gather(its, mass, part)

    def gradient(self, mean: Tensor) -> Tensor:
        """The same as of a product."""
        return torch.cat([b.gradient(its) for b, its in zip(self.blocks, mean.split(self.sizes, 1), strict=True)], 1)
