"""All posteriors of the data set as they are now: the q(z) of those N points, exactly."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.codes import Codes
from termwise.models.draw import Draw
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.convolution import log_marginals
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.memory import FIRST, Batches, Memory
from termwise.terms.aggregate.mixture import log_density, marginal_log_density
from termwise.terms.aggregate.posterior_components import components_of
from termwise.values import Count


class Full(Memory):
    """All N posteriors as they are now: exact for the q(z) of those points.

    Every step of training costs a pass of the encoder over the data; for measuring, one pass is all. The marginals of
    posteriors that stand still come from tables, built when they are first asked for.

    Args:
        block: How many (code, component, dimension) triples a thread holds at a time; None for what suits the device.

    Example:
        >>> from termwise.data import load_data
        >>> from termwise.models import VAE
        >>> from termwise.models.data_pass import DataPass
        >>> full, data = Full(), load_data(torch.rand(100, 4), test=0.0)
        >>> full.prepare(DataPass(VAE.build((4,), 2), data))
        >>> full.bias("index_code_mi")
        'exact aggregate of the 100 points; at most log N = 4.61'
    """

    name = "full"
    label = "full aggregate"

    def __init__(self, block: Count | None = None) -> None:
        self.block = block
        self._components: Components | None = None
        self._marginals: Callable[[Tensor | Codes], Tensor] | None = None
        self._moving = False  # every step encodes anew: a table would not be read often enough to pay
        self._batches: Batches | None = None

    def prepare(self, batches: Batches) -> None:
        """Encode the whole data set.

        Raises:
            Refused: The posteriors have no density; or they are of no exponential family, and too many to be asked.
        """
        self._batches = batches
        self._moving = False
        self.refresh()
        if len(batches) > (most := self.held().most):
            raise Refused(
                "These posteriors are of no exponential family, so that the full aggregate asks every one of them at "
                f"every code: of {most:,} examples at the most, got {len(batches):,}. Say "
                'aggregate="minibatch-stratified", which asks those of a batch.'
            )

    def attach(self, batches: Batches) -> None:
        """Know the data set again; the next `observe` encodes it."""
        self._batches = batches

    def refresh(self) -> None:
        """Encode the whole data set once more."""
        if self._batches is None:
            raise Refused(f"The full aggregate was never given the data set; {FIRST}")
        with torch.no_grad():
            parts = [components_of(draw.posterior) for draw in self._batches()]
        self._components = type(parts[0]).joined(parts)
        self._marginals = None

    def observe(self, draw: Draw) -> None:
        """Encode everything again: the encoder has moved."""
        self._moving = True
        self.refresh()

    def held(self) -> Components:
        """All N posteriors, as they were when they were last encoded."""
        if self._components is None:
            raise Refused(f"The full aggregate is empty; {FIRST}")
        return self._components

    def components(self, draw: Draw) -> tuple[Components, LogWeights]:
        """All N posteriors, which weigh 1/N each."""
        held = self.held()
        return held, LogWeights.uniform(len(held))

    def examples(self, draw: Draw) -> Tensor:
        """All, in their order."""
        return torch.arange(len(self.held()), device=self.held().device)

    def log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z) of codes z, shape (B, D): shape (B,), nats."""
        return log_density(draw.codes_at(z), *self.components(draw), block=self.block)

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j), shape (B, D); by convolution where there are many components, and they stand still."""
        components, weights = self.components(draw)
        if self._moving:
            return marginal_log_density(draw.codes_at(z), components, weights, block=self.block)
        if self._marginals is None:
            self._marginals = log_marginals(components, self.block)
        return self._marginals(draw.codes_at(z))

    def bias(self, link: str) -> str:
        """No bias, for the aggregate of these points; and the ceiling of the mutual information."""
        n = f"{len(self._components):,}" if self._components is not None else "N"
        ceiling = f"; at most log N = {math.log(len(self._components)):.2f}" if self._components is not None else ""
        return f"exact aggregate of the {n} points" + (ceiling if link == "index_code_mi" else "")
