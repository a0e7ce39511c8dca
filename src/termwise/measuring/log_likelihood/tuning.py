"""Kernels for a batch: step sizes by a preliminary run, then frozen.

The preliminary run anneals chains of its own, and after every transition moves log step by GAIN (acceptance - TARGET)
for each example (Robbins and Monro, 1951). The run that counts uses what it found and adapts nothing: its kernels
then do not depend on its own chains, and both of its bounds hold.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.measuring.log_likelihood.hmc import transition
from termwise.measuring.log_likelihood.metric import HmcMetric
from termwise.measuring.log_likelihood.path import Path, Point
from termwise.measuring.log_likelihood.schedule import equal_lengths, interpolated

TARGET = 0.65
"""The acceptance at which a trajectory's cost is best spent (Beskos et al., 2013)."""
GAIN = 0.4
KNOTS = 24
FINE = 400  # logarithmic in t: a prior is left within a t of 1 / the joint's stiffness
WARMING = 8
FEWEST = 4  # chains, to see a variance
TWICE = 2  # transitions at every knot


@dataclass(frozen=True)
class Kernels:
    """Transitions that leave f_t as it is, at every t.

    Attributes:
        metric: S_t.
        knots: Where the step was found, shape (K,), from 0 to 1.
        log_steps: What it was, shape (K, B).
        speeds: sqrt of the mean variance of log p(x, z) - log b(z|x) there, shape (K,).
        leapfrogs: Leapfrog steps a trajectory.
    """

    metric: HmcMetric
    knots: Tensor
    log_steps: Tensor
    speeds: Tensor
    leapfrogs: int

    def schedule(self, count: int) -> Tensor:
        """`count` temperatures above 0, as dense as log p(x, z) - log b(z|x) varies, shape (count + 1,)."""
        return equal_lengths(count, self.knots, self.speeds)

    def move(self, path: Path, point: Point, t: float) -> tuple[Point, Tensor]:
        """One transition, and each chain's probability of having taken it."""
        step = interpolated(torch.tensor(t, dtype=torch.float64), self.knots, self.log_steps).exp()
        return transition(path, point, t, step.to(point.z.device), self.metric.root(t), self.leapfrogs)


def tune(path: Path, metric: HmcMetric, chains: int, leapfrogs: int) -> Kernels:
    """Kernels for the path's examples.

    A trajectory is never longer than a quarter turn of a normal law of the metric's shape: that far its end is
    independent of its beginning, and farther it turns back.
    """
    longest = math.log(0.5 * math.pi / leapfrogs)
    fine = torch.logspace(-8, 0, FINE, dtype=torch.float64)
    fine = torch.cat([fine.new_zeros(1), fine])
    knots = equal_lengths(KNOTS - 1, fine, metric.speed(fine.to(metric.stiffness.device)).cpu())
    point = path.start(max(chains, FEWEST))
    log_step = torch.full((point.z.shape[1],), longest, dtype=torch.float64, device=point.z.device)
    log_steps, speeds = [], []
    for knot, t in enumerate(knots.tolist()):
        root = metric.root(t)
        for _ in range(WARMING if knot == 0 else TWICE):
            point, probability = transition(path, point, t, log_step.exp(), root, leapfrogs)
            log_step = (log_step + GAIN * (probability.mean(0) - TARGET)).clamp(max=longest)
        log_steps.append(log_step.cpu())
        speeds.append(point.log_ratio.var(0).nan_to_num(0.0, 0.0, 0.0).mean().sqrt().cpu())
    return Kernels(metric, knots, torch.stack(log_steps), torch.stack(speeds), leapfrogs)
