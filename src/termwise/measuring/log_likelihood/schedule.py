"""Temperatures 0 = t_0 < t_1 < ... < t_T = 1.

In a chain at equilibrium the log weight's variance is sum_k (t_k - t_{k-1})^2 v(t_k), with v(t) the variance of
log p(x, z) - log b(z|x) under f_t. For a given T it is least where every step has one length, (t_k - t_{k-1}) sqrt v.
"""

import torch
from torch import Tensor

LEAST_SPEED = 0.1  # of the mean: no stretch is skipped for having looked flat


def equal_lengths(count: int, knots: Tensor, speeds: Tensor) -> Tensor:
    """Steps of one length, shape (count + 1,).

    Args:
        count: T.
        knots: Increasing, from 0 to 1, shape (K,).
        speeds: sqrt v at the knots, shape (K,); straight lines between, by which the length is a sum of trapezia.
    """
    speeds = speeds + LEAST_SPEED * speeds.mean() + torch.finfo(speeds.dtype).tiny
    length = torch.cat([speeds.new_zeros(1), (0.5 * (speeds[1:] + speeds[:-1]) * knots.diff()).cumsum(0)])
    wanted = torch.linspace(0, 1, count + 1, dtype=torch.float64) * length[-1]
    temperatures = interpolated(wanted, length, knots)
    temperatures[0], temperatures[-1] = 0.0, 1.0
    return temperatures


def interpolated(at: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Straight lines through (knots, values), shapes (K,) and (K, ...): shape (*at.shape, ...)."""
    right = torch.searchsorted(knots, at.contiguous()).clamp(1, len(knots) - 1)
    part = ((at - knots[right - 1]) / (knots[right] - knots[right - 1])).clamp(0, 1)
    part = part.reshape(*part.shape, *(1,) * (values.dim() - 1))
    return (1 - part) * values[right - 1] + part * values[right]
