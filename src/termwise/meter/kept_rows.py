"""Memory of a fixed size for what is known of examples: a row for each, in which the newest stands.

Nothing here waits for a device: what must not be written goes to one row more than there are, which is never read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.errors import BadData

STEP = 2**32
"""What a step weighs in a stamp, beside an example's place in its batch."""
HALF = (torch.float16, torch.bfloat16)
"""The types of half precision, whose numbers are widened."""


@dataclass(frozen=True)
class NewestRows:
    """NewestRows that hold something, in order of their examples.

    Attributes:
        example: Whose each is, shape (n,), int64.
        stamp: When it was written, shape (n,), int64: `STEP` times the step, and more within one.
        tensors: By name, shape (n, ...).
    """

    example: Tensor
    stamp: Tensor
    tensors: Mapping[str, Tensor]

    @property
    def steps(self) -> tuple[int, int]:
        """The steps in which the oldest and the newest were written."""
        return int(self.stamp.min()) // STEP, int(self.stamp.max()) // STEP

    @classmethod
    def newest(cls, several: "list[NewestRows]") -> "NewestRows":
        """Those of several memories of one data set, each example's newest; of equally new ones the first."""
        example, stamp = (torch.cat([getattr(one, name) for one in several]) for name in ("example", "stamp"))
        by_age = stamp.argsort(descending=True, stable=True)
        order = by_age[example[by_age].argsort(stable=True)]
        first = torch.ones_like(order, dtype=torch.bool)
        first[1:] = example[order][1:] != example[order][:-1]
        order = order[first]
        whole = {name: torch.cat([one.tensors[name] for one in several]) for name in several[0].tensors}
        return cls(example[order], stamp[order], {name: of[order] for name, of in whole.items()})


class KeptRows:
    """Tensors of so many rows at the most, and whose each row is.

    Of a data set of more examples than rows, those that are kept are chosen beforehand, at random: whichever have come,
    the rows are a random sample of them, the same on all ranks.

    Examples that come without their index are taken to come in rounds of the whole data set: the t-th is number t
    modulo N, so that the rows are of the newest N.

    Args:
        dataset_size: N, how many examples there are.
        size: How many rows at the most.
        seed: By which examples are chosen, where not all are.

    Example:
        >>> kept = KeptRows(dataset_size=100, size=100)
        >>> kept.write({"z": torch.zeros(2, 3)}, torch.tensor([7, 5]), step=1)
        >>> kept.write({"z": torch.ones(2, 3)}, torch.tensor([8, 7]), step=2)
        >>> rows = kept.rows()
        >>> rows.example, rows.tensors["z"][:, 0], rows.steps
        (tensor([5, 7, 8]), tensor([0., 1., 1.]), (1, 2))
    """

    def __init__(self, dataset_size: int, size: int, seed: int = 0) -> None:
        self.dataset_size, self.size = dataset_size, min(size, dataset_size)
        with torch.inference_mode(False):
            chosen = None
            if self.size < dataset_size:
                drawn = torch.randperm(dataset_size, generator=torch.Generator().manual_seed(seed))[: self.size]
                chosen = drawn.sort().values
            self._chosen = chosen
            self._stamp = torch.full((self.size + 1,), -1)
            self._strangers = torch.zeros((), dtype=torch.bool)
        self.tensors: dict[str, Tensor] = {}
        self.arrived = 0

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self._stamp.device

    def to(self, device: torch.device | str) -> None:
        """Move the rows to a device."""
        with torch.inference_mode(False):
            self._stamp, self._strangers = self._stamp.to(device), self._strangers.to(device)
            self._chosen = None if self._chosen is None else self._chosen.to(device)
            self.tensors = {name: of.to(device) for name, of in self.tensors.items()}

    def clear(self) -> None:
        """Forget all rows, and keep their memory."""
        with torch.inference_mode(False):
            self._stamp.fill_(-1)
            self._strangers.fill_(False)
        self.arrived = 0

    @torch.no_grad()
    def write(self, new: Mapping[str, Tensor], index: Tensor | None, step: int, rank: int = 0, ranks: int = 1) -> None:
        """Write a batch, each example in its row.

        Args:
            new: By name, shape (B, ...), the same names each time.
            index: Which examples they are, shape (B,), int64; where left out, the next ones.
            step: A count that rises.
            rank: Which of several processes this is, among which examples without index are dealt in turn.
            ranks: How many there are.
        """
        count = len(next(iter(new.values())))
        if not self.tensors:
            self._allocate(new)
        start = self.arrived % self.dataset_size
        self.arrived += count
        if index is None and ranks == 1 and self._chosen is None and start + count <= self.size:
            self._stamp[start : start + count] = step * STEP
            for name, values in new.items():
                self.tensors[name][start : start + count] = values
            return
        if index is None:
            place = torch.arange(self.arrived - count, self.arrived, device=self.device)
            index = (place * ranks + rank) % self.dataset_size
        slots = self._won(self._slots(index.to(self.device, non_blocking=True)), step)
        for name, values in new.items():
            kept = self.tensors[name]
            kept.index_copy_(0, slots, values.to(kept, non_blocking=True))

    def rows(self) -> NewestRows:
        """Those that hold something.

        Raises:
            BadData: Some example that came is none of the data set's.
        """
        if self._strangers:
            raise BadData(
                f"Some index that came is none of a data set of {self.dataset_size:,} examples, counted from 0. Give "
                "the places of examples in the whole data set, and its size as dataset_size."
            )
        slots = (self._stamp[:-1] >= 0).nonzero().squeeze(1)
        example = slots if self._chosen is None else self._chosen[slots]
        return NewestRows(example, self._stamp[slots], {name: of[slots] for name, of in self.tensors.items()})

    def load(self, rows: NewestRows, arrived: int) -> None:
        """Hold these rows and no others."""
        self.clear()
        self.tensors = {}
        self.arrived = arrived
        if not rows.tensors:
            return
        self._allocate(rows.tensors)
        slots = self._slots(rows.example.to(self.device))
        self._stamp[slots] = rows.stamp.to(self.device)
        for name, values in rows.tensors.items():
            self.tensors[name][slots] = values.to(self.tensors[name])

    def _allocate(self, new: Mapping[str, Tensor]) -> None:
        with torch.inference_mode(False):
            for name, of in new.items():
                dtype = torch.float32 if of.dtype in HALF else of.dtype
                self.tensors[name] = torch.empty(self.size + 1, *of.shape[1:], dtype=dtype, device=self.device)

    def _slots(self, index: Tensor) -> Tensor:
        """The row of each example, shape (B,); the one that is never read of those that have none."""
        known = (index >= 0) & (index < self.dataset_size)
        self._strangers |= ~known.all()
        if self._chosen is None:
            return torch.where(known, index, self.size)
        at = torch.searchsorted(self._chosen, index).clamp_(max=self.size - 1)
        return torch.where(self._chosen[at] == index, at, self.size)

    def _won(self, slots: Tensor, step: int) -> Tensor:
        """The same, where of several of a batch in one row the last has it; and their stamps written."""
        stamp = torch.arange(step * STEP, step * STEP + len(slots), device=self.device)
        self._stamp.scatter_reduce_(0, slots, stamp, "amax")
        return torch.where(self._stamp[slots] == stamp, slots, self.size)
