"""A bank of posteriors for a loop of one's own, which begins empty and is told of every batch."""

from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.functional.given_draw import GivenDraw, Posterior
from termwise.models.draw import Draw
from termwise.terms.aggregate.bank import SIZE
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.memory import BIAS_OF_JENSEN, Memory, index_of
from termwise.terms.aggregate.posterior_components import components_from_state, components_of
from termwise.values import Count, checked


class SteppedBank(Memory):
    """The posteriors of past batches, each as it was when its example last came.

    A code's own posterior weighs 1/N of q(z), and those of others share the rest, so that q(z) is unbiased from the
    first step on, as it is of a minibatch, and exact but for staleness once every example has come.

    Args:
        dataset_size: N, how many examples there are.
        size: How many posteriors are held at the most; of more, those that came last.

    Example:
        >>> bank = SteppedBank(dataset_size=6)
        >>> mean, log_variance = torch.zeros(3, 2), torch.zeros(3, 2)
        >>> bank.step((mean, log_variance), torch.tensor([0, 4, 5]))
        >>> len(bank), bank.step((mean, log_variance), torch.tensor([1, 2, 4])), len(bank)
        (3, None, 5)
    """

    name = "stepped-bank"

    @checked
    def __init__(self, dataset_size: Count, size: Count = SIZE) -> None:
        if dataset_size < 2 or size < 2:
            raise Refused(f"A bank is of two examples or more; got dataset_size={dataset_size}, size={size}.")
        self.dataset_size, self.size = dataset_size, min(size, dataset_size)
        self._held: Components | None = None
        self._example = torch.zeros(0, dtype=torch.int64)  # whose each is, (K,)
        self._written = torch.zeros(0, dtype=torch.int64)  # at which step, (K,)
        self._slot_of = torch.full((dataset_size,), -1)  # (N,), -1 of an example that has none
        self._clock = 0

    def __len__(self) -> int:
        return len(self._example)

    @property
    def label(self) -> str:  # type: ignore[override]
        """What readings call it."""
        return f"bank of {self.size:,} posteriors" if self.size < self.dataset_size else "bank of all posteriors"

    def step(self, posterior: Posterior, index: Tensor) -> None:
        """Take in a batch: once a step, before a term is read.

        Args:
            posterior: q(z|x) of the batch: a Distribution, or (mean, log variance).
            index: Which examples they are, shape (B,), int64, each once.

        Raises:
            Refused: An example comes twice, or is none of the data set's; or the bank is smaller than the batch.
        """
        self.observe(GivenDraw(posterior, index=index, dataset_size=self.dataset_size))

    def observe(self, draw: Draw) -> None:
        """Take in a batch."""
        index, new = index_of(draw), components_of(draw.posterior)
        self._check(index)
        held = self._held
        if held is not None and (type(held), held.size) != (type(new), new.size):
            raise Refused(
                f"The bank holds posteriors of {held.size} dimensions; these are of {new.size}, or of another kind. "
                "Make one bank for each encoder."
            )
        if self._held is None:
            self._to(new.device)
        index = index.to(self._example.device)
        self._clock += 1
        slots = self._slot_of[index]
        known = slots >= 0
        self._written[slots[known]] = self._clock
        room = self.size - len(self)
        fresh = index[~known]
        if room < len(fresh):  # the oldest make room, none of this batch
            oldest = self._written.topk(len(fresh) - max(room, 0), largest=False).indices
            self._slot_of[self._example[oldest]] = -1
            taken, fresh = fresh[: len(oldest)], fresh[len(oldest) :]
            self._example[oldest], self._written[oldest] = taken, self._clock
            self._slot_of[taken] = oldest
        self._grow(fresh, index, new)
        assert self._held is not None
        self._held.write(self._slot_of[index], new)

    def _grow(self, fresh: Tensor, index: Tensor, new: Components) -> None:
        """Slots for examples that have none yet."""
        if not len(fresh):
            return
        self._slot_of[fresh] = len(self) + torch.arange(len(fresh), device=fresh.device)
        self._example = torch.cat([self._example, fresh])
        self._written = torch.cat([self._written, torch.full_like(fresh, self._clock)])
        rows = (index.unsqueeze(1) == fresh).nonzero()[:, 0]
        theirs = new.at(rows.to(new.device))
        self._held = theirs if self._held is None else type(theirs).joined([self._held, theirs])

    def components(self, draw: Draw) -> tuple[Components, LogWeights]:
        """All posteriors held; the draw's own must have been taken in."""
        index = index_of(draw).to(self._example.device)
        own = self._slot_of[index]
        if self._held is None or bool((own < 0).any()):
            raise Refused(
                "The bank does not hold the posteriors of these codes: call bank.step(posterior, index) first, once a "
                "step, with the same index."
            )
        return self._held, LogWeights.stratified(own, len(self), self.dataset_size)

    def examples(self, draw: Draw) -> Tensor:
        """The examples that have a slot, slot by slot."""
        return self._example

    def bias(self, link: str) -> str:
        """Staleness; and Jensen's, of a bank that does not hold all."""
        if len(self) == self.dataset_size:
            return "staleness of the bank only"
        return f"staleness of the bank; {BIAS_OF_JENSEN.get(link, 'biased')}"

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold: `load_state_dict` restores it."""
        held = None if self._held is None else self._held.state()
        return {"components": held, "example": self._example, "written": self._written, "clock": self._clock}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what the bank was when its `state_dict` was taken.

        Raises:
            Refused: It is no bank's, was of another data set, or of a larger bank.
        """
        if missing := [name for name in self.state_dict() if name not in state]:
            raise Refused(f"Expected what a bank's state_dict() gave; got one without {', '.join(missing)}.")
        example = state["example"].clone()
        if len(example) > self.size or (len(example) and int(example.max()) >= self.dataset_size):
            raise Refused(
                f"The saved bank holds {len(example):,} posteriors, of examples up to {int(example.max()):,}; this one "
                f"is of {self.size:,} and {self.dataset_size:,}. Make it with the same dataset_size and size."
            )
        held = state["components"]
        self._held = None if held is None else components_from_state(held)
        self._example, self._written, self._clock = example, state["written"].clone(), state["clock"]
        self._slot_of = torch.full((self.dataset_size,), -1, device=example.device)
        self._slot_of[example] = torch.arange(len(example), device=example.device)

    def _to(self, device: torch.device) -> None:
        self._example, self._written, self._slot_of = (
            one.to(device) for one in (self._example, self._written, self._slot_of)
        )

    def _check(self, index: Tensor) -> None:
        if len(index) > self.size:
            raise Refused(f"A bank of {self.size} is smaller than a batch of {len(index)}. Raise its size.")
        if int(index.min()) < 0 or int(index.max()) >= self.dataset_size:
            raise Refused(
                f"Expected the places of examples of a data set of {self.dataset_size:,}, counted from 0; "
                f"got {int(index.min())} to {int(index.max())}."
            )
        if len(index.unique()) < len(index):
            raise Refused("An example comes twice in this batch; a bank takes each once. Draw without replacement.")
