"""Hamiltonian Monte Carlo along the path, with the shape of the law divided out (Neal, 2011).

With z = S u for a fixed root S, shape (B, D, D), and momenta p ~ N(0, I), the energy -log f_t(S u) + |p|^2 / 2 is
kept by the flow u' = p, p' = S' grad log f_t. A leapfrog step of it is reversible and keeps volume, so accepting its
end with probability min(1, exp(-change of energy)) leaves f_t as it is, for any S and any step that the chain's own
place had no say in.
"""

import torch
from torch import Tensor

from termwise.measuring.log_likelihood.path import Path, Point

JITTER = 0.2
"""Every trajectory's step is drawn from (1 -+ JITTER) of the given, so that none comes round to where it began."""


def leapfrog(
    path: Path, point: Point, momentum: Tensor, t: float, step: Tensor, root: Tensor, leapfrogs: int
) -> tuple[Point, Tensor]:
    """The end of a trajectory, and its momentum.

    Args:
        path: f.
        point: Where the chains stand.
        momentum: p, shape (C, B, D).
        t: In f_t.
        step: Shape (C, B).
        root: S, shape (B, D, D).
        leapfrogs: The number of steps.
    """
    step = step[..., None]
    for _ in range(leapfrogs):
        momentum = momentum + 0.5 * step * torch.einsum("bij,cbi->cbj", root, point.gradient(t))
        point = path.at(point.z + step * torch.einsum("bij,cbj->cbi", root, momentum))
        momentum = momentum + 0.5 * step * torch.einsum("bij,cbi->cbj", root, point.gradient(t))
    return point, momentum


def transition(path: Path, point: Point, t: float, step: Tensor, root: Tensor, leapfrogs: int) -> tuple[Point, Tensor]:
    """A move that leaves f_t as it is, and the probability that each chain took it, shape (C, B).

    Args:
        path: f.
        point: Where the chains stand.
        t: In f_t.
        step: By example, shape (B,).
        root: S, shape (B, D, D).
        leapfrogs: Leapfrog steps a trajectory.
    """
    momentum = torch.randn_like(point.z)
    spread = 1 + JITTER * (2 * torch.rand_like(point.log_joint) - 1)
    end, final = leapfrog(path, point, momentum, t, spread * step, root, leapfrogs)
    gain = end.log_density(t) - point.log_density(t)
    lost = 0.5 * (final.square().sum(-1) - momentum.square().sum(-1))
    probability = (gain - lost).clamp(max=0).exp().nan_to_num(0.0)
    accepted = torch.rand_like(probability) < probability
    return point.moved(accepted, end), probability
