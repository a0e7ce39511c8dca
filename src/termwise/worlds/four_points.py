"""Four points, one-hot vectors of {0, 1}^4, as codes in R^2 (Mescheder, Nowozin and Geiger, 2017, section 6.1).

The pixels are independent Bernoulli variables.

With r_n(z) = q(x_n|z) = q(z|x_n) / sum_m q(z|x_m), no decoder of independent pixels does better than the probabilities
r_n(z) themselves. What is left to choose is the posteriors' means and scales. Of normal ones, diagonal, the best found
are four stripes across one dimension, the other left to the prior; `best_four_points` climbs there by quadrature.
Posteriors of any shape, without overlap and with the prior as their average, would reach -log 4.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.errors import Refused, in_short
from termwise.values import checked
from termwise.worlds.discrete import DiscreteWorld
from termwise.worlds.grid import Grid
from termwise.worlds.random_worlds import bernoulli

SUPREMUM = -math.log(4)
"""What the ELBO can approach, by any posterior."""

FINE_GRID = Grid(step=0.04)
"""Fine enough for the true posteriors of the stripes' decoder, which turns from one point to the next in 0.1."""

COARSE_GRID = Grid(step=0.14)
"""Fine enough for the posteriors while they climb."""

STRIPES = torch.tensor([[0.0, m, 0.0, -1.0] for m in (-1.3, -0.3, 0.3, 1.3)], dtype=torch.float64)
"""Means and log sigmas near the best, shape (4, 4)."""


@checked
def four_points(
    mean: Tensor, scale: Tensor, decode: Callable[[Tensor], Distribution] | None = None, grid: Grid = FINE_GRID
) -> DiscreteWorld:
    """The world of four one-hot x with posteriors N(mean_n, diag scale_n^2).

    Example:
        >>> mean = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> four_points(mean, torch.full((4, 2), 0.5)).truth()["elbo"] < SUPREMUM
        True

    Args:
        mean: Shape (4, 2).
        scale: Shape (4, 2).
        decode: p(x|z) of codes, shape (B, 2); the best there is for these posteriors where left out.
        grid: Where the integrals are taken.
    """
    _check(mean, "mean", (4, 2))
    _check(scale, "scale", (4, 2))
    mean, scale = mean.double(), scale.double()
    return DiscreteWorld(
        examples=torch.eye(4),
        encode=lambda x: Independent(Normal(x @ mean, x @ scale, validate_args=False), 1, validate_args=False),
        decode=decode or (lambda z: bernoulli(best_logits(z, mean, scale))),
        grid=grid,
    )


def _check(values: Tensor, name: str, shape: tuple[int, int]) -> None:
    if values.shape != shape or values.is_meta or not torch.isfinite(values).all():
        raise Refused(f"Expected {name} to be finite numbers of shape {shape}; got {in_short(values)}.")


def best_logits(z: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """log r_n(z) / (1 - r_n(z)) of codes z, shape (B, 2): shape (B, 4)."""
    log_q = Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False).log_prob(z.unsqueeze(1))
    others = log_q.unsqueeze(1).expand(-1, 4, -1).masked_fill(torch.eye(4, dtype=torch.bool), -torch.inf)
    return log_q - torch.logsumexp(others, dim=2)


@checked
def best_four_points(start: Tensor = STRIPES, grid: Grid = FINE_GRID) -> DiscreteWorld:
    """The world of the highest ELBO that ascent from `start` finds; by default -1.63188.

    Args:
        start: Means and log sigmas, [mean, log sigma] for each point, shape (4, 4).
        grid: Where the integrals are taken; the ascent takes a coarser one.
    """
    _check(start, "start", (4, 4))
    chosen = start.detach().clone().requires_grad_()
    ascent = torch.optim.LBFGS([chosen], max_iter=300, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def loss() -> float:
        ascent.zero_grad()
        mean, log_scale = chosen.chunk(2, dim=1)
        value = -four_points(mean, log_scale.exp(), grid=COARSE_GRID).elbo().mean()
        value.backward()
        return value.item()

    with torch.enable_grad():
        ascent.step(loss)
    mean, log_scale = chosen.detach().chunk(2, dim=1)
    return four_points(mean, log_scale.exp(), grid=grid)
