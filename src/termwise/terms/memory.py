"""What the aggregate q(z) = 1/N sum_n q(z|x_n) is remembered from.

Each memory gives log q(z) and log q(z_j) of codes drawn from the posteriors of a batch. They differ in which
components they hold: the batch alone, all posteriors as they were when last visited, or all as they are now.
In each the components are constants: E_q[grad log q(z)] = 0 at fixed z, so the gradient through z alone is unbiased.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.lattice import Extent, Lattice
from termwise.terms.mixture import Gaussians, LogWeights, gaussians, log_density, marginal_log_density

BIAS_OF_JENSEN = {
    "index_code_mi": "biased up (Jensen)",
    "marginal_kl": "biased down (Jensen)",
    "total_correlation": "biased, either way (Jensen)",
    "dimension_wise_kl": "biased down (Jensen)",
}


class Batches(Protocol):
    """The training data, as a memory sees it: one pass of draws in order of their index."""

    def __len__(self) -> int: ...

    def __call__(self) -> Iterator[Draw]:
        """Draws of the whole data set, without gradients."""
        ...


class Memory:
    """Components of q(z). Abstract: a memory says which it holds for a draw."""

    name: str
    label: str

    def prepare(self, batches: Batches) -> None:
        """Fill from the whole data set, before training."""

    def attach(self, batches: Batches) -> None:
        """Know the data set again, after `load_state_dict`, without a pass."""

    def observe(self, draw: Draw) -> None:
        """See a training batch, once a step, before anything is read."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint held."""

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """The components that codes of this draw are held against, and their weights."""
        raise NotImplementedError

    def bias(self, link: str) -> str:
        """In which way a Monte Carlo link of this name is off under this memory."""
        raise NotImplementedError

    def log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z), shape (B,)."""
        return log_density(z, *self.components(draw))

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j), shape (B, D)."""
        return marginal_log_density(z, *self.components(draw))


def dataset_size(draw: Draw) -> int:
    """N of a draw's data set."""
    if draw.dataset_size is None:
        raise Refused(
            "The aggregate q(z) is an average over a data set, and this draw does not know of how many examples. "
            "Pass Draw(..., dataset_size=N)."
        )
    return draw.dataset_size


def batch_components(draw: Draw) -> Gaussians:
    """The draw's own posteriors as components, once."""
    return draw.once("components", lambda: gaussians(draw.posterior))


class MinibatchWeighted(Memory):
    """The batch alone, weighted 1/(N M) (Chen et al., 2018, eq. S4): a useful gradient, a useless value."""

    name = "minibatch-weighted"
    label = "minibatch weighted"

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """The batch's own M posteriors, each 1/(N M)."""
        return batch_components(draw), LogWeights(-math.log(dataset_size(draw) * len(draw)))

    def bias(self, link: str) -> str:
        """Off by the log of the data set's size, per factor."""
        return "biased by up to log N a factor: a gradient, not a value"


class MinibatchStratified(Memory):
    """The batch alone, its own component weighted 1/N and every other (N-1)/(N (M-1)) (Chen et al., 2018, eq. S5).

    Unbiased for q(z) where the batch is drawn without replacement; the weights lie on the diagonal and rows sum to 1.
    """

    name = "minibatch-stratified"
    label = "minibatch stratified"

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """The batch's own M posteriors."""
        count, size = len(draw), dataset_size(draw)
        if count < 2 <= size:
            raise Refused("Stratified weights need a batch of two examples or more; got one. Raise batch_size.")
        own = torch.arange(count, device=draw.x.device)
        return batch_components(draw), LogWeights.stratified(own, count, size)

    def bias(self, link: str) -> str:
        """Jensen's."""
        return BIAS_OF_JENSEN.get(link, "biased")


class Full(Memory):
    """All N posteriors as they are now: exact for the q(z) of those points.

    Every step of training costs a pass of the encoder over the data; for measuring, one pass is all.
    """

    name = "full"
    label = "full aggregate"

    def __init__(self) -> None:
        self._components: Gaussians | None = None
        self._batches: Batches | None = None

    def prepare(self, batches: Batches) -> None:
        """Encode the whole data set."""
        self._batches = batches
        self.refresh()

    def attach(self, batches: Batches) -> None:
        """Know the data set again; the next `observe` encodes it."""
        self._batches = batches

    def refresh(self) -> None:
        """Encode the whole data set once more."""
        if self._batches is None:
            raise Refused("The full aggregate was never given the data set; call prepare(batches) first.")
        with torch.no_grad():
            parts = [gaussians(draw.posterior) for draw in self._batches()]
        self._components = Gaussians(torch.cat([p.mean for p in parts]), torch.cat([p.spread for p in parts]))

    def observe(self, draw: Draw) -> None:
        """Encode everything again: the encoder has moved."""
        self.refresh()

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """All N posteriors, 1/N each."""
        if self._components is None:
            raise Refused("The full aggregate is empty; call prepare(batches) first.")
        return self._components, LogWeights.uniform(len(self._components))

    def bias(self, link: str) -> str:
        """None, for the empirical aggregate."""
        n = f"{len(self._components):,}" if self._components is not None else "N"
        ceiling = f"; at most log N = {math.log(len(self._components)):.2f}" if self._components is not None else ""
        return f"exact aggregate of the {n} points" + (ceiling if link == "index_code_mi" else "")


class Bank(Memory):
    """The posteriors of the data set, each as it was when its example was last visited.

    One pass of the encoder fills it; from then on every step writes its batch and reads all components. The only
    bias is that the others are stale.

    Args:
        size: How many posteriors to hold: the most recently visited ones, weighted to stand for all. All N where
            left out.
    """

    name = "bank"

    LATTICE_FROM = 4096
    """The number of components from which the marginals are taken by the lattice rather than one by one."""

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 2:
            raise Refused(f"A bank must hold two posteriors or more; got size={size}.")
        self.size = size
        self._held: _Held | None = None

    @property
    def label(self) -> str:  # type: ignore[override]
        """What readings call it."""
        return "bank of all posteriors" if self.size is None else f"bank of {self.size:,} posteriors"

    def prepare(self, batches: Batches) -> None:
        """Fill from one pass of the encoder; where the bank is smaller than the data, from its first examples."""
        means, spreads, held = [], [], 0
        count = min(self.size or len(batches), len(batches))
        with torch.no_grad():
            for draw in batches():
                part = gaussians(draw.posterior)
                means.append(part.mean)
                spreads.append(part.spread)
                held += len(draw)
                if held >= count:
                    break
        mean, spread = torch.cat(means)[:count], torch.cat(spreads)[:count]
        example = torch.arange(count, device=mean.device)
        self._held = _Held(mean, spread, example, torch.zeros_like(example), 0, len(batches))

    def state_dict(self) -> dict[str, Any]:
        """The posteriors held, whose they are and when they were written."""
        held = self._full("saved")
        names = ("mean", "spread", "example", "written", "clock", "dataset_size")
        extent = None if held.lattice is None else vars(held.lattice.layout.extent)
        return {**{name: getattr(held, name) for name in names}, "extent": extent}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved bank, whatever this one holds."""
        copied: dict[str, Any] = {name: x.clone() if isinstance(x, Tensor) else x for name, x in state.items()}
        extent = copied.pop("extent")
        self._held = _Held(**copied, extent=None if extent is None else Extent(**extent))

    def observe(self, draw: Draw) -> None:
        """Write the batch's posteriors over their former selves, or, in a bank that is full, over the oldest."""
        self._full("written").write(_index(draw), batch_components(draw))

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """All posteriors held; the draw's own must have been observed."""
        held = self._full("read")
        own = held.slot_of[_index(draw)]
        return held.components, LogWeights.stratified(own, len(held.components), held.dataset_size)

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j), shape (B, D); by the lattice where there are many components."""
        held = self._full("read")
        if held.lattice is None or not held.lattice.fits:
            return super().marginal_log_density(z, draw)
        components, weights = self.components(draw)
        return _LatticeLogDensity.apply(z, held.lattice, components, weights, held.slot_of[_index(draw)])

    def bias(self, link: str) -> str:
        """Staleness, and, of a smaller bank, Jensen's."""
        if self.size is None:
            return "staleness of the bank only (audited)"
        return f"staleness of the bank; {BIAS_OF_JENSEN.get(link, 'biased')}"

    def _full(self, what: str) -> "_Held":
        if self._held is None:
            raise Refused(f"A bank must be filled before it is {what}; call prepare(batches) first.")
        return self._held


def _index(draw: Draw) -> Tensor:
    if draw.index is None:
        raise Refused("A bank must know which examples a draw is of. Pass Draw(..., index=...).")
    return draw.index


class _Held:
    """What a bank holds: K slots, each with a posterior, the example that it is of, and when it was written.

    Beside this state stands what is made of it: the components' features, the lattice, and each example's slot. The
    lattice's extent is part of the state, so that sums over it are taken in the same order, whenever it was laid out.
    """

    def __init__(
        self,
        mean: Tensor,
        spread: Tensor,
        example: Tensor,
        written: Tensor,
        clock: int,
        dataset_size: int,
        extent: Extent | None = None,
    ) -> None:
        self.components = Gaussians(mean, spread)
        self.mean, self.spread = self.components.mean, self.components.spread  # one storage with the components
        self.example, self.written, self.clock, self.dataset_size = example, written, clock, dataset_size
        self.lattice = Lattice(mean, self.components.scale, extent) if len(mean) >= Bank.LATTICE_FROM else None
        self.slot_of = example.new_full((dataset_size,), -1)  # (N,), -1 where an example has none
        self.slot_of[example] = torch.arange(len(example), device=example.device)

    def write(self, index: Tensor, new: Gaussians) -> None:
        """Write the posteriors of the examples `index`, shape (B,)."""
        if len(self.example) < self.dataset_size:
            self._make_room(index)
        slots = self.slot_of[index]
        if self.lattice is not None:
            self.lattice.replace((self.mean[slots], self.components.scale[slots]), (new.mean, new.scale))
        self.components.write(slots, new)
        self.clock += 1
        self.written[slots] = self.clock

    def _make_room(self, index: Tensor) -> None:
        """Give a slot to each example that has none: those written longest ago."""
        missing = index[self.slot_of[index] < 0]
        if len(index) > len(self.example):
            raise Refused(f"A bank of {len(self.example)} is smaller than a batch of {len(index)}. Raise its size.")
        written = self.written.clone()
        written[self.slot_of[index[self.slot_of[index] >= 0]]] = self.clock + 1  # the batch's own stay
        oldest = written.argsort(stable=True)[: len(missing)]
        self.slot_of[self.example[oldest]] = -1
        self.example[oldest] = missing
        self.slot_of[missing] = oldest


class _LatticeLogDensity(torch.autograd.Function):
    """log q(z_j) = log[w_own N(z_j; own) + w_other (S_j(z_j) - N(z_j; own))], the sum taken from a lattice.

    The own part is exact, and what the lattice gives can fall below it by its error only.
    """

    @staticmethod
    def forward(
        ctx: Any,
        z: Tensor,
        lattice: Lattice,
        components: Gaussians,
        weights: LogWeights,
        own: Tensor,
    ) -> Tensor:
        total, slope = lattice.density(z)
        scale = components.scale[own].double()
        standard = (z.double() - components.mean[own].double()) / scale
        alone = (-0.5 * standard.square()).exp() / (scale * math.sqrt(2 * math.pi))
        alone_slope = -alone * standard / scale
        others = (total - alone).clamp(min=0)
        others_slope = torch.where(total > alone, slope - alone_slope, 0)
        w_other = math.exp(weights.other)
        w_own = w_other if weights.own is None else math.exp(weights.own)
        density = (w_own * alone + w_other * others).clamp(min=1e-300)
        ctx.save_for_backward(((w_own * alone_slope + w_other * others_slope) / density).to(z.dtype))
        return density.log().to(z.dtype)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward * gradient, None, None, None, None
