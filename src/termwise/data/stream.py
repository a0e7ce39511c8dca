"""Examples that are read when they are asked for, through a torch DataLoader.

A reader gives raw examples for a list of positions; the stream turns them into checked float32 batches. The loader
has its own generator, so that a pass leaves the global random state alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from termwise.data.examples import FEWEST_LEVELS, as_float, check_finite, chunks, divisor_of, spread
from termwise.errors import BadData, TermwiseError


class Reader(Protocol):
    """Something that can be read at any positions."""

    def __len__(self) -> int: ...

    def read(self, positions: list[int]) -> Tensor:
        """Raw examples, uint8 or float32, (B, *shape)."""


@dataclass(frozen=True, eq=False)
class StreamedExamples:
    """The examples of a reader, `workers` processes reading ahead (0: none); `levels`: pixels stay 0 to 255."""

    reader: Reader
    shape: tuple[int, ...]
    divisor: float
    where: str
    workers: int = 0
    in_memory: bool = False
    levels: bool = False

    def __len__(self) -> int:
        return len(self.reader)

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The x at the positions of `order`, float32.

        Raises:
            BadData: An example of another shape, or with a number that is not finite.
        """
        parts = chunks(order, batch_size, drop_last)
        loader: DataLoader[Any] = DataLoader(
            cast(Any, _Fetch(self.reader)),
            batch_sampler=[part.tolist() for part in parts],
            num_workers=self.workers,
            collate_fn=_as_read,
            generator=torch.Generator().manual_seed(0),
        )
        for positions, raw in zip(parts, loader, strict=True):
            if isinstance(raw, TermwiseError):
                raise raw
            yield self._checked(raw, positions)

    def _checked(self, raw: Tensor, positions: Tensor) -> Tensor:
        where = f"{self.where} (examples {int(positions.min())} to {int(positions.max())})"
        if tuple(raw.shape[1:]) != self.shape:
            raise BadData(
                f"{where}: expected every example of shape {self.shape}, as the first, got {tuple(raw.shape[1:])}."
            )
        if raw.dtype == torch.uint8 and self.divisor == 1.0 and not self.levels and int(raw.max()) >= FEWEST_LEVELS:
            raise BadData(
                f"{where}: expected pixels below {FEWEST_LEVELS}, as in the examples that were looked at first, got "
                f"{int(raw.max())}. Store them all as 0 to 255, or as float32."
            )
        check_finite(raw, self.where, positions)
        return as_float(raw, self.divisor)


def stream(reader: Reader, where: str, workers: int) -> StreamedExamples:
    """The examples of a reader whose shape and range a few of them tell."""
    if workers < 0:
        raise BadData(f"{where}: expected num_workers of 0 or more, got {workers}.")
    probe = reader.read(spread(len(reader), 64).tolist())
    return StreamedExamples(reader, tuple(probe.shape[1:]), divisor_of(probe), where, workers)


@dataclass(frozen=True)
class _Fetch:
    """A reader as the loader wants it. Our errors travel as values, for a worker would bury them in a traceback."""

    reader: Reader

    def __len__(self) -> int:
        return len(self.reader)

    def __getitems__(self, positions: list[int]) -> Tensor | TermwiseError:
        try:
            return self.reader.read(positions)
        except TermwiseError as error:
            return error


def _as_read(batch: Any) -> Any:
    return batch
