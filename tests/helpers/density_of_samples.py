"""Whether a law over one number has the density of its samples: it integrates to one, and to as much as is drawn."""

import math

import numpy as np
import torch
from scipy.integrate import cumulative_simpson
from torch import Tensor
from torch.distributions import Distribution

COUNT = 40_000
POINTS = 20_001


def check_probabilities(law: Distribution, values: Tensor | None = None) -> None:
    """Compare the probabilities of all codes with 1, and with how often each is drawn; batch shape () or (1,).

    Args:
        law: Over a few codes.
        values: These, shape (J, D); one-hot ones where left out.
    """
    values = torch.eye(law.event_shape[0], dtype=torch.float64) if values is None else values
    probs = torch.cat([law.log_prob(one.expand(*law.batch_shape, -1)).reshape(1) for one in values]).detach().exp()
    assert math.isclose(float(probs.sum()), 1.0, abs_tol=1e-12)
    drawn = law.sample((COUNT,)).reshape(COUNT, 1, -1)
    often = (drawn == values).all(2).double().mean(0)
    assert ((often - probs).abs() < 4.5 * (probs * (1 - probs) / COUNT).sqrt()).all()


def check_density(law: Distribution) -> None:
    """Compare the integral of exp log_prob with 1, and up to the quartiles with the share of samples below them.

    Args:
        law: Over one number, batch shape () or (1,), event shape (1,), float64; its density is continuous but for a few
            kinks.
    """
    z = law.sample((COUNT,)).flatten().double()
    shape = (-1,) + (1,) * (len(law.batch_shape) + 1)
    spread, centre = float(z.std()), float(z.median())
    grid = torch.linspace(centre - 40 * spread, centre + 40 * spread, POINTS, dtype=torch.float64)
    with torch.no_grad():
        density = law.log_prob(grid.view(shape)).flatten().exp()
    below = cumulative_simpson(density.numpy(), x=grid.numpy(), initial=0)
    assert math.isclose(below[-1], 1.0, abs_tol=1e-3)
    for quantile in (0.1, 0.25, 0.5, 0.75, 0.9):
        at = float(z.quantile(quantile))
        stderr = math.sqrt(quantile * (1 - quantile) / COUNT)
        assert abs(np.interp(at, grid.numpy(), below) - quantile) < 4.5 * stderr
