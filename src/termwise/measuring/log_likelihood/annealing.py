"""Annealed importance sampling, forwards and backwards (Neal, 2001; Grosse, Ghahramani and Adams, 2015).

Forwards from z_0 ~ b, with z_k = T_k(z_{k-1}) and T_k leaving f_{t_k} as it is,
    log w = sum_k log f_{t_k}(z_{k-1}) - log f_{t_{k-1}}(z_{k-1}),    E w = p(x),    E log w <= log p(x).
Backwards from an exact sample of p(z|x), the same with the temperatures reversed,
    E w = 1 / p(x),    E[-log w] >= log p(x).
With one temperature the forward weight is the importance weight p(x, z) / b(z|x).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.measuring.log_likelihood.densities import Joint, fitted_normal
from termwise.measuring.log_likelihood.metric import metric
from termwise.measuring.log_likelihood.path import Path, Point
from termwise.measuring.log_likelihood.summed_out import EveryCategory, SummedJoint
from termwise.measuring.log_likelihood.tuning import Kernels, tune


@dataclass(frozen=True)
class Annealed:
    """What the chains brought back.

    Attributes:
        log_weights: Shape (C, B), nats.
        acceptance: The mean over transitions, shape (C, B).
        point: Where the chains ended.
    """

    log_weights: Tensor
    acceptance: Tensor
    point: Point


def annealed(path: Path, kernels: Kernels, temperatures: Tensor, start: Point) -> Annealed:
    """Chains taken from `start` through the temperatures, shape (T + 1,), which rise from 0 to 1 or fall from 1 to 0.

    Args:
        path: f.
        kernels: Tuned on other chains.
        temperatures: t_0 ... t_T.
        start: Of the law f_{t_0}: base samples to rise from, exact samples of p(z|x) to fall from.
    """
    point = start
    log_weights, acceptance = torch.zeros_like(start.log_base), torch.zeros_like(start.log_base)
    levels = temperatures.tolist()
    for k in range(1, len(levels)):
        log_weights = log_weights + (levels[k] - levels[k - 1]) * point.log_ratio
        if k + 1 < len(levels):
            point, probability = kernels.move(path, point, levels[k])
            acceptance = acceptance + probability
    return Annealed(log_weights, acceptance / max(1, len(levels) - 2), point)


def base_law(base: str, joint: Joint, posterior: Distribution) -> Distribution:
    """b(z|x): the posterior, the normal with its moments, or the prior; any law with a density does."""
    if base == "prior":
        return joint.prior
    return posterior if base == "posterior" else fitted_normal(posterior)


@dataclass(frozen=True)
class Annealer:
    """How chains are run.

    Attributes:
        chains: C, for every example.
        leapfrogs: Leapfrog steps a transition.
        base: "posterior", "normal" or "prior": where chains begin.
        every: The categories of a code, over which is summed; None of numbers alone.
    """

    chains: int
    leapfrogs: int
    base: str
    every: EveryCategory | None = None

    def prepare(self, joint: Joint, posterior: Distribution) -> tuple[Path, Kernels]:
        """The path of a batch, and kernels tuned on it."""
        if self.every is not None:
            joint, posterior = SummedJoint(joint, self.every), self.every.numbers_of(posterior)
        path = Path(joint, base_law(self.base, joint, posterior))
        return path, tune(path, metric(path, posterior), self.chains, self.leapfrogs)
