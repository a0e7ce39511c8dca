"""Pictures with a border of zeros, so that they fit a network of another size."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import pad

from termwise.data.examples import LARGEST_SIDE, Examples
from termwise.errors import BadData


@dataclass(frozen=True, eq=False)
class PaddedExamples:
    """Pictures (C, side, side) with those of `inner` in the middle; an odd row or column goes below or right."""

    inner: Examples
    side: int

    def __post_init__(self) -> None:
        if self.side > LARGEST_SIDE:
            raise BadData(f"Expected pad in pixels, up to {LARGEST_SIDE}, got {self.side}.")
        shape = self.inner.shape
        if len(shape) != 3 or max(shape[1:]) > self.side:
            raise BadData(
                f"Expected pictures (C, H, W) of {self.side} pixels a side at most, to pad to pad={self.side}, "
                f"got x of shape {shape}. Give a larger pad, or leave it out."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return (self.inner.shape[0], self.side, self.side)

    @property
    def in_memory(self) -> bool:
        """As the pictures are."""
        return self.inner.in_memory

    @property
    def has_missing(self) -> bool:
        """Whether pixels are missing, of the pictures themselves."""
        return getattr(self.inner, "has_missing", False)

    def __len__(self) -> int:
        return len(self.inner)

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The x at the positions of `order`, as float32 (B, C, side, side)."""
        _, height, width = self.inner.shape
        top, left = (self.side - height) // 2, (self.side - width) // 2
        border = (left, self.side - width - left, top, self.side - height - top)
        return (pad(x, border) for x in self.inner.batches(order, batch_size, drop_last))
