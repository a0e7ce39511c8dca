"""What the aggregate q(z) = 1/N sum_n q(z|x_n) is remembered from.

Each memory gives log q(z) and log q(z_j) of codes drawn from the posteriors of a batch. They differ in which
components they hold: the batch alone, all posteriors as they were when last visited, or all as they are now.
In each the components are constants: E_q[grad log q(z)] = 0 at fixed z, so the gradient through z alone is unbiased.
"""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Protocol

import torch
from pydantic import PositiveInt
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.aggregate.convolution import log_marginals
from termwise.terms.aggregate.mixture import Gaussians, LogWeights, gaussians, log_density, marginal_log_density

BIAS_OF_JENSEN = {
    "index_code_mi": "biased up (Jensen)",
    "marginal_kl": "biased down (Jensen)",
    "total_correlation": "biased, either way (Jensen)",
    "dimension_wise_kl": "biased down (Jensen)",
}
"""The side to which each link is off where log q(z) is the log of an unbiased estimate (Jensen's inequality)."""


class Batches(Protocol):
    """The training data as draws of a model: what a memory is filled, and refreshed, from."""

    def __len__(self) -> int:
        """N, the number of examples."""
        ...

    def __call__(self) -> Iterator[Draw]:
        """Draws of the whole data set in order of their index, each with its posterior, without gradients."""
        ...

    def at(self, index: Tensor) -> Draw:
        """The draw of these examples, with its posterior, without gradients."""
        ...


class Memory:
    """What q(z) is remembered from, as a mixture of normal components. Abstract.

    To add one, subclass it, give it a `name` and a `label`, say in `components` which normals stand for q(z) on a draw
    and in `bias` how that is off, and give it a row in `AGGREGATES`. A memory that outlives a batch also fills itself
    in `prepare`, follows the encoder in `observe`, and saves itself in `state_dict`. What is no mixture of normals
    overrides `log_density` and `marginal_log_density` in the place of `components`.

    Attributes:
        name: What a configuration calls it.
        label: What readings call it.

    Example:
        >>> class Pairs(Memory):
        ...     "The first two posteriors of the batch."
        ...     name, label = "pairs", "two posteriors"
        ...     def components(self, draw):
        ...         both = batch_components(draw)
        ...         return Gaussians(both.mean[:2], both.spread[:2]), LogWeights.uniform(2)
        ...     def bias(self, link):
        ...         return "biased: of two examples alone"
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4))
        >>> Pairs().log_density(draw.z, draw).shape
        torch.Size([5])
    """

    name: str
    label: str

    def prepare(self, batches: Batches) -> None:
        """Fill the memory from the whole data set, before training or measuring."""

    def attach(self, batches: Batches) -> None:
        """Be given the data set again after `load_state_dict`, without a pass over it."""

    def observe(self, draw: Draw) -> None:
        """Take in a training batch, once a step, before the objective reads anything."""

    def snapshot(self) -> "Memory":
        """A copy as it is now, on its own: what one observes the other does not."""
        return deepcopy(self)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold, so that `load_state_dict` restores the memory."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what the memory was when its `state_dict` was taken."""

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """The normal components that stand for q(z) at codes of this draw, and their log weights."""
        raise NotImplementedError

    def bias(self, link: str) -> str:
        """In which way a Monte Carlo link of this name, such as "total_correlation", is off under this memory."""
        raise NotImplementedError

    def log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z) of codes z, shape (B, D): shape (B,), nats."""
        return log_density(z, *self.components(draw))

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j) of codes z, shape (B, D): shape (B, D), nats."""
        return marginal_log_density(z, *self.components(draw))


def dataset_size(draw: Draw) -> int:
    """The number N of examples in a draw's data set; Refused where the draw has none."""
    if draw.dataset_size is None:
        raise Refused(
            "The aggregate q(z) is an average over a data set, and this draw does not know of how many examples. "
            "Pass Draw(..., dataset_size=N)."
        )
    return draw.dataset_size


def batch_components(draw: Draw) -> Gaussians:
    """The draw's own posteriors as components, made once however many terms ask."""
    return draw.once("components", lambda: gaussians(draw.posterior))


class MinibatchWeighted(Memory):
    """The batch alone, weighted 1/(N M) (Chen et al., 2018, eq. S4): a useful gradient, a useless value.

    Example:
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 2), torch.rand(8, 4), torch.arange(8), dataset_size=8)
        >>> off = MinibatchWeighted().log_density(draw.z, draw) - MinibatchStratified().log_density(draw.z, draw)
        >>> off.mean().item()  # -log 8, where the batch is all there is
        -2.079...
    """

    name = "minibatch-weighted"
    label = "minibatch weighted"

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """The batch's own M posteriors, which weigh 1/(N M) each."""
        return batch_components(draw), LogWeights(-math.log(dataset_size(draw) * len(draw)))

    def bias(self, link: str) -> str:
        """The link is off by as much as log N for every factor of q(z) in it."""
        return "biased by up to log N a factor: a gradient, not a value"


class MinibatchStratified(Memory):
    """The batch alone, its own component weighted 1/N and every other (N-1)/(N (M-1)) (Chen et al., 2018, eq. S5).

    Unbiased for q(z) where the batch is drawn without replacement; the weights lie on the diagonal and rows sum to 1.

    Example:
        >>> MinibatchStratified().bias("index_code_mi")
        'biased up (Jensen)'
    """

    name = "minibatch-stratified"
    label = "minibatch stratified"

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """The batch's own M posteriors, weighted by whether a code was drawn from them."""
        count, size = len(draw), dataset_size(draw)
        if count < 2 <= size:
            raise Refused("Stratified weights need a batch of two examples or more; got one. Raise batch_size.")
        own = torch.arange(count, device=draw.x.device)
        return batch_components(draw), LogWeights.stratified(own, count, size)

    def bias(self, link: str) -> str:
        """The side to which the log of an unbiased q(z) is off, by Jensen's inequality."""
        return BIAS_OF_JENSEN.get(link, "biased")


class Full(Memory):
    """All N posteriors as they are now: exact for the q(z) of those points.

    Every step of training costs a pass of the encoder over the data; for measuring, one pass is all. The marginals of
    posteriors that stand still come from tables, built when they are first asked for.

    Args:
        block: How many (code, component, dimension) triples a thread holds at a time; None for what suits the device.

    Example:
        >>> from termwise.data import load_data
        >>> from termwise.models import VAE
        >>> from termwise.models.passes import DataPass
        >>> full, data = Full(), load_data(torch.rand(100, 4), test=0.0)
        >>> full.prepare(DataPass(VAE.build((4,), 2), data))
        >>> full.bias("index_code_mi")
        'exact aggregate of the 100 points; at most log N = 4.61'
    """

    name = "full"
    label = "full aggregate"

    def __init__(self, block: PositiveInt | None = None) -> None:
        self.block = block
        self._components: Gaussians | None = None
        self._marginals: Callable[[Tensor], Tensor] | None = None
        self._moving = False  # every step encodes anew: a table would not be read often enough to pay
        self._batches: Batches | None = None

    def prepare(self, batches: Batches) -> None:
        """Encode the whole data set."""
        self._batches = batches
        self._moving = False
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
        self._marginals = None

    def observe(self, draw: Draw) -> None:
        """Encode everything again: the encoder has moved."""
        self._moving = True
        self.refresh()

    def components(self, draw: Draw) -> tuple[Gaussians, LogWeights]:
        """All N posteriors, which weigh 1/N each."""
        if self._components is None:
            raise Refused("The full aggregate is empty; call prepare(batches) first.")
        return self._components, LogWeights.uniform(len(self._components))

    def log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z) of codes z, shape (B, D): shape (B,), nats."""
        return log_density(z, *self.components(draw), block=self.block)

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j), shape (B, D); by convolution where there are many components, and they stand still."""
        components, weights = self.components(draw)
        if self._moving:
            return marginal_log_density(z, components, weights, block=self.block)
        if self._marginals is None:
            self._marginals = log_marginals(components, self.block)
        return self._marginals(z)

    def bias(self, link: str) -> str:
        """No bias, for the aggregate of these points; and the ceiling of the mutual information."""
        n = f"{len(self._components):,}" if self._components is not None else "N"
        ceiling = f"; at most log N = {math.log(len(self._components)):.2f}" if self._components is not None else ""
        return f"exact aggregate of the {n} points" + (ceiling if link == "index_code_mi" else "")
