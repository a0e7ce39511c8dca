"""The bank: posteriors of the data set, remembered from step to step.

An encoder moves a little at every step, so what it said of an example a while ago is nearly what it would say now; the
more so once that motion which all codes have in common is taken off (`drift.py`), as a few examples that are encoded at
every step show it. A bank holds log q(z) to that, at the price of one matrix product a step.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal, TypeGuard

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.data_pass import evaluating
from termwise.models.draw import Draw, Itself
from termwise.models.drawable import inferred
from termwise.models.randomness import own_randomness
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.drift import Drift, divergence
from termwise.terms.aggregate.lattice import Extent
from termwise.terms.aggregate.memory import BIAS_OF_JENSEN, FIRST, Batches, Memory, batch_components, index_of
from termwise.terms.aggregate.mixture import Gaussians, LogWeights, marginal_log_density
from termwise.terms.aggregate.moving_lattice import MovingLattice
from termwise.terms.aggregate.posterior_components import components_from_state, components_of
from termwise.values import Count, Natural, NonNegativeFinite

SIZE = 2**15
"""How many posteriors a bank holds unless told: more cost more and are staler, fewer are biased by Jensen's inequality.

Chosen from the cost and the error of several sizes (`benchmarks/bank.py`).
"""
REFRESH = 5.0
"""How many batches of the stalest examples a bank encodes once more at every step, at the most, unless told.

Chosen from the cost and the error of several (`benchmarks/bank.py`).
"""
WORTH_A_BATCH = 3.0
"""Nats that examples have gone their own ways since they were written, from which a batch of the stalest is encoded
again at every step; of a third as many nats a ninth of one, for what they cost log q(z) grows with their square.

Chosen from the cost and the error of several (`benchmarks/bank.py`).
"""
ANCHORS = 128
"""How many examples a bank looks at every few steps, to see how all have moved, unless told.

Chosen from the cost and the error of several (`benchmarks/bank.py`).
"""
ANCHORS_A_DIMENSION = 4
"""The fewest of them for each dimension of the code: an affine map has one unknown more than that for each."""


class Bank(Memory):
    """Posteriors of the data set, each as it was when its example was last encoded, moved as all have moved since.

    One pass of the encoder fills it. From then on every step writes its batch, encodes some of the examples that were
    written longest ago once more, and reads all components. Of normals without covariances an affine map moves all
    means, every few steps, as those of some examples have moved, which are always the same; and of the stalest as many
    are encoded as what that leaves is worth. Its bias is that what was not encoded at this step is stale, and, where it
    holds fewer than all, a little of Jensen's.

    Args:
        size: How many posteriors to hold: the most recently written ones, weighted to stand for all. None or "all" for
            all N.
        refresh: How many batches of the stalest examples to encode once more at every step, without gradients. Unless
            told, five; where all are moved, five at the most, and as many as what that leaves is worth: one where it is
            three nats from what was held of an example, and moved, to what it is, and a ninth where it is one.
        anchors: How many examples to look at every few steps, to see how all have moved; at the least four a dimension.
            With 0 nothing is moved.

    Example:
        >>> Bank(size=4096).label, Bank(size="all").label
        ('bank of 4,096 posteriors', 'bank of all posteriors')
    """

    name = "bank"

    LATTICE_FROM = 4096
    """The number of components from which the marginals are taken by the lattice rather than one by one."""

    def __init__(
        self,
        size: Count | Literal["all"] | None = SIZE,
        refresh: NonNegativeFinite | None = None,
        anchors: Natural = ANCHORS,
    ) -> None:
        size = None if size == "all" else size
        if size is not None and size < 2:
            raise Refused(f"A bank must hold two posteriors or more; got size={size}.")
        if refresh is not None and refresh < 0:
            raise Refused(f"A bank cannot refresh fewer than no batches; got refresh={refresh}.")
        self.size, self.refresh, self.anchors = size, refresh, anchors
        self._slots: _Slots | None = None
        self._batches: Batches | None = None
        self._anchors: Draw | None = None

    @property
    def label(self) -> str:  # type: ignore[override]
        """What readings call it."""
        return "bank of all posteriors" if self._whole() else f"bank of {self.size:,} posteriors"

    def prepare(self, batches: Batches) -> None:
        """Fill the bank from one pass of the encoder; one smaller than the data holds its first examples."""
        self._batches = batches
        parts: list[Components] = []
        filled = 0
        count = min(self.size or len(batches), len(batches))
        with torch.no_grad():
            for draw in batches():
                parts.append(components_of(draw.posterior))
                filled += len(draw)
                if filled >= count:
                    break
        components = type(parts[0]).joined(parts)
        example = torch.arange(count, device=components.device)
        held = components if count == len(components) else components.at(example)
        held.state()  # refused where no checkpoint could hold them
        drift = Drift(held.mean) if self.anchors and _can_move(held) else None
        self._slots = _Slots(held, example, torch.zeros_like(example), 0, len(batches), drift=drift)
        self._anchors = None
        if (anchors := self._followed()) is not None:
            self._slots.follow(components_of(anchors.posterior))

    def state_dict(self) -> dict[str, Any]:
        """The posteriors held, whose they are and when they were written."""
        slots = self._full("saved")
        names = ("example", "written", "clock", "dataset_size")
        lattices = [None if lattice is None else lattice.state() for _, _, lattice in slots.blocks]
        drift = None if slots.drift is None else slots.drift.state()
        kept = {name: getattr(slots, name) for name in names}
        return {**kept, "components": slots.components.state(), "lattices": lattices, "drift": drift}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved bank, whatever this one holds."""
        copied: dict[str, Any] = {name: x.clone() if isinstance(x, Tensor) else x for name, x in state.items()}
        if "components" not in copied:  # as it was saved when all components were normals
            copied["components"] = {name: copied.pop(name) for name in ("mean", "spread")}
            copied["extents"] = [copied.pop("extent")]
        if "lattices" not in copied:  # as it was saved when none moved
            copied["lattices"] = [extent and {"extent": extent} for extent in copied.pop("extents")]
        components = components_from_state(copied.pop("components"))
        saved, drift = copied.pop("drift", None), None
        if self.anchors and _can_move(components):
            drift = Drift(components.mean) if saved is None else Drift.restored(saved)
        self._slots = _Slots(components, **copied, drift=drift)

    def attach(self, batches: Batches) -> None:
        """Know the data set again, to refresh from, and to follow."""
        self._batches, self._anchors = batches, None

    def snapshot(self) -> "Bank":
        """The same posteriors, apart from the data: it is not refreshed, but still moved."""
        copy = Bank(self.size, 0.0, self.anchors)
        copy._slots, copy._anchors = deepcopy(self._slots), self._followed()
        return copy

    def observe(self, draw: Draw) -> None:
        """Write the batch's posteriors over their former selves, or, in a bank that is full, over the oldest."""
        slots = self._full("written")
        index, new = index_of(draw), batch_components(draw)
        if slots.drift is not None:
            if slots.drift.looks and (anchors := self._followed()) is not None:
                slots.follow(draw.standing(("anchors", Itself(anchors)), lambda: _encoded(draw, anchors)))
            slots.drift.steps += 1
            slots.compare(index, new)
        slots.touch(index)
        count = min(round(self._refresh(slots) * len(draw)), len(slots.example) - len(draw))
        if count > 0 and self._batches is not None:
            stalest = slots.stalest(count)
            slots.touch(stalest)
            fresh = components_of(self._batches.at(stalest).posterior)
            index, new = torch.cat([index, stalest]), type(new).joined([new, fresh])
        slots.write(index, new)

    def components(self, draw: Draw) -> tuple[Components, LogWeights]:
        """All posteriors held; the draw's own must have been observed."""
        slots = self._full("read")
        own = slots.slot_of[index_of(draw)]
        return slots.components, LogWeights.stratified(own, len(slots.components), slots.dataset_size)

    def examples(self, draw: Draw) -> Tensor:
        """The examples that have a slot, slot by slot."""
        return self._full("read").example

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j), shape (B, D), by dimension; of normals by the lattice, where there are many components."""
        slots, (_, weights), codes = self._full("read"), self.components(draw), draw.codes_at(z)
        own = slots.slot_of[index_of(draw)]
        parts = []
        for part, components, lattice in slots.blocks:
            some = codes if part is None else codes.columns(part)
            if lattice is None or not lattice.fits:
                parts.append(marginal_log_density(some, components, weights))
            else:
                parts.append(lattice.log_density(some, weights, own))
        return torch.cat(parts, 1)

    def bias(self, link: str) -> str:
        """Staleness, and, of a smaller bank, Jensen's."""
        if self._whole():
            return "staleness of the bank only (audited)"
        return f"staleness of the bank; {BIAS_OF_JENSEN.get(link, 'biased')}"

    def _whole(self) -> bool:
        """Whether every example of the data set has its place."""
        slots = self._slots
        return self.size is None or (slots is not None and len(slots.example) == slots.dataset_size)

    def _refresh(self, slots: "_Slots") -> float:
        """How many batches of the stalest are encoded once more at this step."""
        if self.refresh is not None:
            return self.refresh
        return REFRESH if slots.drift is None else min(REFRESH, (slots.drift.left / WORTH_A_BATCH) ** 2)

    def _followed(self) -> Draw | None:
        """Examples whose posteriors are followed, the same at every step, x and all; None apart from the data."""
        slots = self._slots
        if self._anchors is None and self._batches is not None and slots is not None and slots.drift is not None:
            count = min(max(self.anchors, ANCHORS_A_DIMENSION * slots.components.size), slots.dataset_size)
            index = torch.linspace(0, slots.dataset_size - 1, count).round().long()
            with own_randomness(0):  # where x is drawn at every visit, these keep theirs, in a resumed training, too
                self._anchors = self._batches.at(index.to(slots.example.device))
        return self._anchors

    def _full(self, what: str) -> "_Slots":
        if self._slots is None:
            raise Refused(f"A bank must be filled before it is {what}; {FIRST}")
        return self._slots


class _Slots:
    """A bank's K slots, each with a posterior, the example that it is of, and when it was written.

    Beside this state stands what is made of it: the components' features, the lattice of each block of normals, and
    each example's slot. A lattice's extent is part of the state, so that sums over it are taken in the same order,
    whenever it was laid out.
    """

    def __init__(
        self,
        components: Components,
        example: Tensor,
        written: Tensor,
        clock: int,
        dataset_size: int,
        lattices: Sequence[dict[str, Any] | None] | None = None,
        drift: Drift | None = None,
    ) -> None:
        self.components, self.drift = components, drift
        self.example, self.written, self.clock, self.dataset_size = example, written, clock, dataset_size
        parts = _blocks(components)
        self.blocks = [
            (part, block, _lattice(block, state or {}))
            for (part, block), state in zip(parts, lattices or [None] * len(parts), strict=True)
        ]
        self.slot_of = example.new_full((dataset_size,), -1)  # (N,), -1 where an example has none
        self.slot_of[example] = torch.arange(len(example), device=example.device)

    def follow(self, anchors: Components) -> None:
        """Move all means as those of the anchors have moved."""
        drift, components = self.drift, self.components
        if drift is None or not isinstance(components, Gaussians) or not isinstance(anchors, Gaussians):
            return
        if drift.follow(anchors.mean, anchors.spread):
            components.move(drift.mean)
            for _, _, lattice in self.blocks:
                if lattice is not None:
                    lattice.follow()
        if drift.due:
            drift.restart(components.mean)

    def compare(self, index: Tensor, new: Components) -> None:
        """Hold the posteriors of the examples `index`, shape (B,), against those that were held, and moved, of them."""
        held, slots = self.components, self.slot_of[index]
        if self.drift is None or not isinstance(held, Gaussians) or not isinstance(new, Gaussians):
            return
        nats = divergence(new.mean, new.spread, held.mean[slots], held.spread[slots])
        self.drift.compare(nats, slots >= 0)

    def touch(self, index: Tensor) -> None:
        """The examples `index`, shape (B,), are about to be written: they have slots, and are the newest."""
        if len(self.example) < self.dataset_size:
            self._make_room(index)
        self.clock += 1
        self.written[self.slot_of[index]] = self.clock

    def write(self, index: Tensor, new: Components) -> None:
        """Write the posteriors of the examples `index`, shape (B,), all touched and none twice."""
        slots = self.slot_of[index]
        for (_, _, lattice), (_, its) in zip(self.blocks, _blocks(new), strict=True):
            if lattice is not None and isinstance(its, Gaussians):
                lattice.replace(slots, its)
        self.components.write(slots, new)
        if self.drift is not None and isinstance(new, Gaussians):
            self.drift.write(slots, new.mean)

    def stalest(self, count: int) -> Tensor:
        """The examples whose posteriors were written longest ago, shape (count,)."""
        return self.example[self.written.topk(count, largest=False).indices]

    def _make_room(self, index: Tensor) -> None:
        """Give a slot to each example that has none: those written longest ago."""
        if len(index) > len(self.example):
            raise Refused(f"A bank of {len(self.example)} is smaller than a batch of {len(index)}. Raise its size.")
        slots = self.slot_of[index]
        self.written[slots[slots >= 0]] = self.clock + 1  # those of the batch that have one keep it
        missing = index[slots < 0]
        oldest = self.written.topk(len(missing), largest=False).indices
        self.slot_of[self.example[oldest]] = -1
        self.example[oldest] = missing
        self.slot_of[missing] = oldest


def _blocks(components: Components) -> list[tuple[slice | None, Components]]:
    """The blocks of components, and which numbers of the code each has; None of those that have all."""
    if isinstance(components, BlockComponents):
        return [(part, block) for block, part in components.parts()]
    return [(None, components)]


def _lattice(components: Components, state: Mapping[str, Any]) -> MovingLattice | None:
    """The lattice of many normals; None of few, and of other components."""
    if not isinstance(components, Gaussians) or len(components) < Bank.LATTICE_FROM:
        return None
    kept = {name: x.clone() for name, x in state.items() if name != "extent"}
    return MovingLattice(components, Extent(**state["extent"]) if state else None, **kept)


def _can_move(components: Components) -> TypeGuard[Gaussians]:
    """Whether the means of components can be moved, and nothing else of them be touched."""
    return isinstance(components, Gaussians) and components.spread.dim() == 2


def _encoded(draw: Draw, anchors: Draw) -> Components:
    """The anchors' posteriors by the model of a draw, as they are now."""
    with evaluating(draw.model):
        return components_of(inferred(draw.model, anchors.x, anchors.side)[0])
