"""Bidirectional Monte Carlo: how far annealing is from log p(x), certified on data simulated from the model.

z ~ p(z), x ~ p(x|z) makes z an exact sample of p(z|x). Chains that rise to it bound log p(x) from below, chains that
fall from it bound it from above (Grosse, Ghahramani and Adams, 2015), both in expectation: their gap is at least the
sum of both errors. All C falling chains of an example start from its one exact sample; each has E w = 1 / p(x), so
-log of their mean is a bound though they are not independent.

Where the decoder reads a context beside the code, x ~ p(x|z, c) with c of an example of the data, and log p(x|c) is
bracketed under that same c.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.measuring.log_likelihood.annealing import Annealer, annealed
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.importance import log_mean_exp
from termwise.measuring.log_likelihood.path import Path
from termwise.measuring.log_likelihood.tuning import Kernels
from termwise.models.distributions import in_double, one_each
from termwise.models.draw import Draw
from termwise.models.drawable import Drawable, inferred

FEWEST = 8
"""Temperatures at which doubling begins."""


@dataclass(frozen=True)
class Simulated:
    """A batch of examples that the model made, with the codes that it made them from.

    Attributes:
        path: Of its x.
        kernels: Tuned on it.
        exact: Its z, samples of p(z|x), shape (B, D).
    """

    path: Path
    kernels: Kernels
    exact: Tensor


@dataclass(frozen=True)
class Certificate:
    """Both bounds of log p(x) on simulated data.

    Attributes:
        x: The simulated examples, shape (n, *shape).
        schedule: The temperatures, shape (T + 1,), from 0 to 1.
        lower: Shape (n,), nats, by example.
        upper: Likewise; a bound in expectation over x, so a single one may lie under its `lower`.
        tolerance: In nats.
    """

    x: Tensor
    schedule: Tensor
    lower: Tensor
    upper: Tensor
    tolerance: float

    @property
    def temperatures(self) -> int:
        """How many temperatures the schedule has above 0."""
        return len(self.schedule) - 1

    @property
    def gap(self) -> float:
        """The mean of upper less lower, nats."""
        return float((self.upper - self.lower).mean())

    @property
    def stderr(self) -> float:
        """The gap's standard error."""
        return float((self.upper - self.lower).std()) / len(self.lower) ** 0.5

    @property
    def reached(self) -> bool:
        """Whether the gap is under the tolerance, by two standard errors; one far below zero is noise, too."""
        return abs(self.gap) + 2 * self.stderr < self.tolerance


def simulate(model: Drawable, draw: Draw, annealer: Annealer) -> Simulated:
    """As many examples from the model as `draw` has, with the draw's contexts.

    Raises:
        Refused: p(x|z) cannot be sampled.
    """
    z = one_each(in_double(draw.prior) or draw.prior, len(draw)).double()
    try:
        x = model.generate(z.to(draw.x.dtype), draw.context).sample().to(draw.x.dtype)
    except NotImplementedError:
        raise Refused(
            "BDMC simulates data from the model, and its p(x|z) cannot be sampled. Give the law a sample(), or say "
            "temperatures=1000, simulated=0 to anneal without a certificate."
        ) from None
    posterior, _ = inferred(model, x, draw.side)
    path, kernels = annealer.prepare(Joint(model, x, draw.context, draw.prior), posterior)
    return Simulated(path, kernels, z if annealer.every is None else z[:, annealer.every.numbers])


def bracket(batches: list[Simulated], schedule: Tensor, chains: int) -> tuple[Tensor, Tensor]:
    """A lower and an upper bound of log p(x) by example, shapes (n,), nats."""
    lower, upper = [], []
    for batch in batches:
        path, kernels = batch.path, batch.kernels
        rising = annealed(path, kernels, schedule, path.start(chains))
        falling = annealed(path, kernels, schedule.flip(0), path.at(batch.exact.expand(chains, -1, -1)))
        lower.append(log_mean_exp(rising.log_weights).cpu())
        upper.append(-log_mean_exp(falling.log_weights).cpu())
    return torch.cat(lower), torch.cat(upper)


def doubling(most: int) -> list[int]:
    """Numbers of temperatures to try, from FEWEST to `most`."""
    counts = [min(FEWEST, most)]
    while counts[-1] < most:
        counts.append(min(2 * counts[-1], most))
    return counts


def certificates(batches: list[Simulated], chains: int, tolerance: float, counts: list[int]) -> Iterator[Certificate]:
    """One certificate for each number of temperatures, all on the same simulated data."""
    x = torch.cat([batch.path.joint.x.cpu() for batch in batches])
    for count in counts:
        schedule = torch.stack([batch.kernels.schedule(count) for batch in batches]).mean(0)
        yield Certificate(x, schedule, *bracket(batches, schedule, chains), tolerance)
