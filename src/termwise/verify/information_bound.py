"""After (3): which bound keeps information in the code. Everything in closed form, in linear-Gaussian worlds.

The notes want I(x;z) >= C, and write L = distortion + |rate - C|. The bound must be on I; |.| pins where max(0, .)
bounds; and with a weight of 1 nothing is bound at all.
"""

import math
from dataclasses import replace

import torch
from scipy.optimize import minimize_scalar

from termwise.verify.check import Check, check
from termwise.worlds import LinearGaussian

CAPACITY = 1.0
WEIGHT = 20.0


def checks(seed: int) -> list[Check]:
    """The three corrections of the bound that keeps information in the code."""
    return [on_information(seed), bounds_from_below(seed), weight()]


def floor_penalty(world: LinearGaussian) -> float:
    """The penalty as corrected, max(0, C - I), in nats."""
    return max(0.0, CAPACITY - world.truth()["index_code_mi"])


def printed_penalty(world: LinearGaussian) -> float:
    """The penalty as the notes print it, |rate - C|, in nats."""
    return abs(world.truth()["rate"] - CAPACITY)


def on_information(seed: int) -> Check:
    """A code that ignores x and sits away from the prior has rate C and no information."""
    world = LinearGaussian.random(seed, latent=2)
    away = torch.tensor([math.sqrt(2 * CAPACITY), 0.0], dtype=torch.float64)
    collapsed = replace(
        world,
        encoder=torch.zeros_like(world.encoder),
        offset=away,
        posterior_covariance=torch.eye(2, dtype=torch.float64),
    )
    return check(
        "bound-on-information",
        "after (3)",
        "a code that ignores x, I = 0, is charged C; printed: |rate - C| charges it nothing",
        CAPACITY,
        floor_penalty(collapsed),
        printed=printed_penalty(collapsed),
        note="allowed: rounding",
    )


def bounds_from_below(seed: int) -> Check:
    """A code with more information than C is left alone."""
    world = LinearGaussian.random(seed, mutual_information=2 * CAPACITY)
    return check(
        "bound-from-below",
        "after (3)",
        "I = 2C > C is charged nothing by max(0, C - I); printed: |I - C| charges it",
        0.0,
        floor_penalty(world),
        printed=abs(world.truth()["index_code_mi"] - CAPACITY),
        note="allowed: rounding",
    )


def weight() -> Check:
    """x ~ N(0, 1 + s^2), p(x|z) = N(z, s^2): the rate that minimises distortion + gamma |rate - C|.

    For every rate the least distortion is that of some beta-VAE, S = 1 / (1 + 1/(beta s^2)), V = S / (beta s^2), so
    that one dimension is to be searched.
    """
    noise = 0.1

    def world(log_beta: float) -> LinearGaussian:
        signal = 1 / (math.exp(log_beta) * noise)
        spread = 1 / (1 + signal)
        return LinearGaussian(
            mean=_matrix(0.0)[0],
            covariance=_matrix(1 + noise),
            encoder=_matrix(spread * signal),
            offset=_matrix(0.0)[0],
            posterior_covariance=_matrix(spread),
            decoder=_matrix(1.0),
            decoder_offset=_matrix(0.0)[0],
            sigma=math.sqrt(noise),
        )

    def rate_at_best(gamma: float) -> float:
        def loss(log_beta: float) -> float:
            truth = world(log_beta).truth()
            return truth["distortion"] + gamma * abs(truth["rate"] - CAPACITY)

        best = minimize_scalar(loss, bounds=(-3.0, 6.0), method="bounded", options={"xatol": 1e-9})
        return world(float(best.x)).truth()["rate"]

    return check(
        "bound-needs-weight",
        "after (3)",
        f"distortion + {WEIGHT:g} |rate - C| is least at rate C; printed: without a weight",
        CAPACITY,
        rate_at_best(WEIGHT),
        printed=rate_at_best(1.0),
        allowed=1e-5,
        note="allowed: the search's tolerance; without a weight the rate is the plain VAE's",
    )


def _matrix(value: float) -> torch.Tensor:
    return torch.tensor([[value]], dtype=torch.float64)
