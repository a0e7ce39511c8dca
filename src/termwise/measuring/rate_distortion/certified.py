"""How far log Z_b may be off, at some powers b: BDMC on examples that the tempered model made.

At each b examples are simulated of which the code that made them is an exact sample of p_b(z|x) (`tempered.py`). Chains
that rise from the prior bound log Z_b from below, chains that fall from that code from above, both in expectation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.measuring.log_likelihood.annealing import base_law
from termwise.measuring.log_likelihood.bdmc import Simulated, bracket
from termwise.measuring.log_likelihood.metric import metric
from termwise.measuring.log_likelihood.path import Path
from termwise.measuring.log_likelihood.tuning import tune
from termwise.measuring.rate_distortion.tempered import TemperedJoint, tempered
from termwise.models.data_pass import DataPass
from termwise.models.distributions import in_double, one_each
from termwise.models.draw import Draw
from termwise.models.drawable import inferred

MOST = 5
"""So many powers are certified at the most."""


@dataclass(frozen=True)
class Gaps:
    """What BDMC says at each power that is certified.

    Attributes:
        powers: Shape (K,).
        gaps: Upper bound of log Z_b less the lower one, by simulated example, shape (n, K), nats.
        tolerance: What was asked for, nats.
    """

    powers: Tensor
    gaps: Tensor
    tolerance: float

    @property
    def reached(self) -> bool:
        """Whether the mean gap is under the tolerance at every one, by two standard errors."""
        stderr = self.gaps.std(0) / len(self.gaps) ** 0.5
        return bool((self.gaps.mean(0).abs() + 2 * stderr < self.tolerance).all())


def certifiable(draw: Draw, powers: Tensor) -> Tensor:
    """The powers that can be certified, at most `MOST` of them, the last and 1 among them where they can."""
    with_normaliser = [one for one in powers.tolist() if tempered(draw.likelihood, one) is not None]
    if len(with_normaliser) > MOST:
        places = torch.linspace(0, len(with_normaliser) - 1, MOST).round().long().tolist()
        chosen = {with_normaliser[place] for place in places}
        if 1.0 in with_normaliser:  # in the place of its nearest
            chosen = {*chosen - {min(chosen - {max(chosen)}, key=lambda one: abs(one - 1))}, 1.0}
        with_normaliser = sorted(chosen)
    return torch.tensor(with_normaliser, dtype=torch.float64)


def simulated_at(
    batches: DataPass, parts: Sequence[Tensor], power: float, chains: int, leapfrogs: int
) -> list[Simulated]:
    """Batches of examples made at one power, with what stands beside these examples of the data."""
    return [_simulated(batches.at(part), power, chains, leapfrogs) for part in parts]


def _simulated(draw: Draw, power: float, chains: int, leapfrogs: int) -> Simulated:
    z = one_each(in_double(draw.prior) or draw.prior, len(draw)).double()
    law = tempered(draw.model.generate(z.to(draw.x.dtype), draw.context), power)
    assert law is not None
    x = law.sample().to(draw.x.dtype)
    posterior, _ = inferred(draw.model, x, draw.side)
    joint = TemperedJoint(draw.model, x, draw.context, draw.prior, power)
    path = Path(joint, base_law("prior", joint, posterior))
    return Simulated(path, tune(path, metric(path, posterior), chains, leapfrogs), z)


def gaps_of(simulated: Sequence[list[Simulated]], powers: Tensor, most: float, schedule: Tensor, chains: int) -> Tensor:
    """BDMC's gaps under a schedule whose end is at the power `most`: by example and power, shape (n, K), nats.

    Args:
        simulated: Batches at every power.
        powers: Those, shape (K,).
        most: The power where the schedule ends.
        schedule: Temperatures from 0 to 1, those of `powers` among them.
        chains: For every example.
    """
    columns = []
    for batches, power in zip(simulated, powers.tolist(), strict=True):
        own = schedule[schedule <= power / most] * (most / power)
        own[-1] = 1.0
        lower, upper = bracket(batches, own, chains)
        columns.append(upper - lower)
    return torch.stack(columns, 1)
