"""Annealing from the prior that is looked at along its way: rate and distortion at every power (Huang et al., 2020).

At a temperature t_k = b / b_max chains of weights w, of which one is chosen in proportion to w, are a code of their own
encoder, before as well as after a move that leaves p_b(z|x) ~ p(z) p(x|z)^b as it is; either is taken half of the time.
Of that encoder

    distortion = E sum_c w_c (-log p(x|z_c)) / sum_c w_c,    rate <= E[-log mean_c w_c] - b distortion,

whatever the chains have missed: KL(encoder || p_b) <= log Z_b - E log mean_c w_c (Grosse, Ghahramani and Adams, 2015),
and KL(. || p_b) = rate + b distortion + log Z_b. So every point lies above the decoder's best curve, or on it.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from termwise.measuring.log_likelihood.importance import effective_sample_size, log_mean_exp
from termwise.measuring.log_likelihood.path import Path
from termwise.measuring.log_likelihood.tuning import Kernels


@dataclass(frozen=True)
class Marked:
    """What chains show at G powers.

    Attributes:
        log_partition: log mean_c w_c, a lower bound of log Z_b(x) in expectation, shape (B, G), nats.
        distortion: Of the chosen chain, shape (B, G), nats.
        effective: The effective number of chains, shape (B, G).
    """

    log_partition: Tensor
    distortion: Tensor
    effective: Tensor


def marked_chains(path: Path, kernels: Kernels, schedule: Tensor, powers: Tensor, chains: int) -> Marked:
    """Chains from the prior through the temperatures, and what they show at powers on the way.

    Args:
        path: Of `TemperedJoint` with b_max, from the prior: t is b / b_max.
        kernels: Tuned on other chains.
        schedule: Temperatures from 0 to 1, shape (T + 1,), all of `powers` / b_max among them.
        powers: b, increasing, the last of them b_max, shape (G,).
        chains: C, for every example.
    """
    most, marks = float(powers[-1]), set((powers / powers[-1]).tolist())
    point = path.start(chains)
    log_weights = torch.zeros_like(point.log_base)
    shown: list[tuple[Tensor, Tensor, Tensor]] = []
    levels = schedule.tolist()
    for before, level in pairwise(levels):
        log_weights = log_weights + (level - before) * point.log_ratio
        earlier, (point, _) = point, kernels.move(path, point, level)
        if level in marks:
            shares = log_weights.softmax(0)
            distortion = -(shares * 0.5 * (earlier.log_ratio + point.log_ratio)).sum(0) / most
            shown.append((log_mean_exp(log_weights), distortion, effective_sample_size(log_weights)))
    return Marked(*(torch.stack(parts, 1).cpu() for parts in zip(*shown, strict=True)))


def with_marks(schedule: Tensor, powers: Tensor) -> Tensor:
    """The temperatures of a schedule, and those of powers, in order, each once.

    Example:
        >>> with_marks(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.5, 1.0, 4.0])).tolist()
        [0.0, 0.125, 0.25, 0.5, 1.0]
    """
    return torch.cat([schedule, (powers / powers[-1]).to(schedule)]).unique()
