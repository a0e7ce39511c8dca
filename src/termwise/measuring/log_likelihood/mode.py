"""Modes of log p(x, z) in z, and its curvature there, for every example of a batch.

Newton's method, damped as by Levenberg and Marquardt: with P the curvature made positive and g the gradient,

    z' = z + (P + d diag P)^-1 g,

taken where the density grows, and then d falls; where it does not, d grows.
"""

import torch
from torch import Tensor

from termwise.measuring.log_likelihood.metric import curvatures
from termwise.measuring.log_likelihood.path import Path

STEPS = 30
"""Steps at most; they end where all of a batch have arrived."""
NARROWEST = 1e-6
"""The least width over which gradients are compared: below, they differ by rounding alone."""
ARRIVED = 1e-3
"""Nats that another step would promise, at most."""


def mode(path: Path, start: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """The mode of p(x, z) uphill of codes `start`, shape (B, D), and the precision there, shape (B, D, D); float64.

    Args:
        path: Whose joint is climbed.
        start: One code for every example.
        spread: How far to either side the first curvature is looked for, shape (B, D).
    """
    z, damping = start, torch.full_like(start[:, 0], 1e-3)
    for _ in range(STEPS):
        point = path.at(z[None])
        value, gradient = point.log_joint[0], point.joint_gradient[0]
        precision = curvatures(path, z, spread)[1]
        damped = precision + torch.diag_embed(damping[:, None] * precision.diagonal(dim1=-2, dim2=-1))
        step = torch.linalg.solve(damped, gradient)
        if float((step * gradient).sum(-1).max()) < ARRIVED:
            break
        grows = path.at((z + step)[None]).log_joint[0] > value
        z = torch.where(grows[:, None], z + step, z)
        damping = torch.where(grows, damping / 10, damping * 10).clamp(1e-9, 1e9)
        spread = precision.diagonal(dim1=-2, dim2=-1).rsqrt().clamp(min=NARROWEST)
    return z, precision
