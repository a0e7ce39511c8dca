"""Densities, on a grid of the plane, of posteriors that end in a Gaussian layer.

q(z|x) is the law of f(x, eps), blurred by the last layer, of width sigma. K codes f(x, eps) are shared out among the
grid's nodes, and blurred there. What results is a posterior in its own right, a mixture of K normals, whose KL from
anything is above q's in expectation, since the KL is convex: an ELBO errs downwards, by about its step from K/2 to K.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.worlds import Grid


def shared_out(codes: Tensor, grid: Grid) -> Tensor:
    """Mass 1 a code, shape (S, N, 2), at its four nearest nodes by their nearness: shape (N, n, n)."""
    n, half, examples = len(grid.axis), len(grid.axis) // 2, codes.shape[1]
    place = (codes.double() / float(grid.axis[1] - grid.axis[0]) + half).clamp(0, n - 1.001)
    corner = place.floor()
    beyond = place - corner
    mass = torch.zeros(examples * n * n, dtype=torch.float64)
    start = torch.arange(examples) * n * n
    for right in (0, 1):
        for up in (0, 1):
            i, j = corner[..., 0] + right, corner[..., 1] + up
            share = (1 - beyond - torch.tensor([right, up]).double() * (1 - 2 * beyond)).prod(-1)
            mass.index_add_(0, (start + i.long() * n + j.long()).flatten(), share.flatten())
    return mass.view(examples, n, n)


def blurred(mass: Tensor, step: float, sigma: float) -> Tensor:
    """The density of masses at the nodes, shape (N, n, n), under N(0, sigma^2 I)'s blur.

    Sharing a code out among its four nodes has blurred it by step^2 / 6 already, on average.
    """
    variance = sigma**2 - step**2 / 6
    reach = math.ceil(8 * sigma / step)
    offsets = torch.arange(-reach, reach + 1, dtype=mass.dtype) * step
    kernel = torch.exp(-0.5 * offsets**2 / variance) / math.sqrt(2 * math.pi * variance)
    for _ in range(2):
        rows = mass.flatten(0, 1).unsqueeze(1)  # (N n, 1, n)
        mass = conv1d(rows, kernel.view(1, 1, -1), padding=reach).view_as(mass).transpose(1, 2)
    return mass


@torch.no_grad()
def densities(posterior: ImplicitPosterior, grid: Grid, codes: int, at_once: int = 10_000) -> tuple[Tensor, Tensor]:
    """q(z|x_n) at the nodes, shape (N, G), from half of so many codes for every example, and from all.

    Args:
        posterior: Of N examples, with a last layer of one fixed width.
        grid: In two dimensions, its step no larger than that width.
        codes: K.
        at_once: Codes of every example at a time.
    """
    step, sigma = float(grid.axis[1] - grid.axis[0]), float(posterior.last_scale.mean())
    rounds = max(1, codes // (2 * at_once))
    one, other = (sum(shared_out(posterior.centres(at_once), grid) for _ in range(rounds)) for _ in range(2))
    half, whole = (blurred(mass / mass.sum((1, 2), keepdim=True), step, sigma) for mass in (one, one + other))
    return half.flatten(1), whole.flatten(1)
