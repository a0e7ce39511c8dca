"""How far an encoder's rate and distortion lie above the best curve of its decoder.

The curve is the lower envelope of lines: at every b no encoder has rate + b distortion below -log Z_b, so that

    excess rate       = min_b  rate + b distortion + log Z_b          (at the encoder's distortion)
    excess distortion = min_b (rate + b distortion + log Z_b) / b     (at the encoder's rate)

are its distances to the curve, straight down in either direction. At b = 1 the bracket is the inference gap. Between
the values of b at hand log Z_b is a cubic in log b, through values and slopes, d log Z_b / d log b = -b D_b.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

FINE = 64
"""Places between two powers at which the least is looked for."""


@dataclass(frozen=True)
class Excess:
    """How far a point lies above the curve in one direction.

    Attributes:
        values: By example, shape (B,); their mean is the excess, nats.
        power: Where the least is: b, 1 / beta; 0 where the prior itself fits as well.
        at_end: Whether that is the first or last b at hand, so that the nearest point may lie beyond.
    """

    values: Tensor
    power: float
    at_end: bool


def excess(
    rate: Tensor, distortion: Tensor, powers: Tensor, log_partition: Tensor, curve_distortion: Tensor, of_rate: bool
) -> Excess:
    """The excess rate of points over the mean curve, or else their excess distortion.

    Args:
        rate: Of the encoder, by example, shape (B,).
        distortion: Likewise.
        powers: b, increasing, above 0, shape (G,).
        log_partition: log Z_b(x), shape (B, G).
        curve_distortion: D_b(x), shape (B, G).
        of_rate: Whether it is the excess rate.

    Example:
        >>> powers = torch.tensor([0.5, 1.0, 2.0]).double()  # D_b = 1 / b, log Z_b = -3 - log b: R(D) = 2 - log D
        >>> curve = -3 - powers.log()[None], 1 / powers[None]
        >>> found = excess(torch.tensor([2.5]).double(), torch.tensor([1.0]).double(), powers, *curve, True)
        >>> round(float(found.values), 4), round(found.power, 2)  # 2.5 - R(1)
        (0.5, 1.0)
    """
    places, weights = _fine(powers, log_partition.mean(0), -powers * curve_distortion.mean(0))
    scale = torch.ones_like(places) if of_rate else places
    above = (rate.mean() + places * distortion.mean() + weights) / scale
    best = int(above.argmin())
    if of_rate and rate.mean() <= above[best]:  # at b = 0, where the code is the prior
        return Excess(rate, 0.0, at_end=False)
    power = places[best]
    own = _cubic(power.log(), powers.log(), log_partition, -powers * curve_distortion)
    return Excess((rate + power * distortion + own) / scale[best], float(power), best in (0, len(places) - 1))


def _fine(powers: Tensor, values: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Places on a fine grid of b, the ones at hand among them, and the cubic's values there."""
    logs = powers.log()
    parts = torch.linspace(0, 1, FINE + 1, dtype=logs.dtype)[:-1]
    places = torch.cat([(logs[:-1, None] + logs.diff()[:, None] * parts).flatten(), logs[-1:]])
    return places.exp(), torch.stack([_cubic(place, logs, values, slopes) for place in places])


def _cubic(at: Tensor, knots: Tensor, values: Tensor, slopes: Tensor) -> Tensor:
    """Hermite's cubic through values with slopes, shapes (..., G), at one place: shape (...)."""
    right = int(torch.searchsorted(knots, at).clamp(1, len(knots) - 1))
    left, step = right - 1, knots[right] - knots[right - 1]
    t = (at - knots[left]) / step
    flat, rising = (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2 * step
    other_flat, other_rising = t**2 * (3 - 2 * t), t**2 * (t - 1) * step
    whole = flat * values[..., left] + rising * slopes[..., left]
    return whole + other_flat * values[..., right] + other_rising * slopes[..., right]
