"""What the terms of q(z) are for the population, of which the N examples measured are a sample.

Every such term is known by example up to E log q(z) and E log q(z_j), of which N examples give

    above   with the own example among them (w = 1): its expectation is over the population's value;
    below   without it, mixed with a normal density fitted to other examples, in several shares: a density that x_n
            had no part in, so that by Gibbs' inequality its expectation is under the population's value
            (Poole et al., 2019; share 0 is leave-one-out, share 1 the rate against a fitted density);
    near    with the own example at half its weight, whose biases up and down cancel to first order in 1/N, carried
            on to N = infinity from what it is at N, N/2 and N/4.

The bracket is the tightest of the bounds, each moved outwards by its own sampling error at a level that allows for
the choice among them; an end beyond what the link can be, below 0 or above the rate, is brought there. The interval is
95%, with the carrying-on in its error, and follows the values' skewness.

Of K groups q(z|s) is the average of n_s posteriors, each its own aggregate. An error c / n_s in log q(z|s) is over the
examples sum_s (n_s / N) (c / n_s) = c K / N, that of one aggregate of N / K examples, however small the smallest
group is; what is left of it after the carrying-on, c' / n_s^2, is c' / N sum_s 1 / n_s, of which a rare group's part is
c' / (N n_s), nothing beside an error of 1 / sqrt N. So it is the average group's size that counts. Where all groups are
small, neither falls with N, and the standard error does: there, what is carried on may be a standard error at most.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.special import ndtri
from torch import Tensor

from termwise.account import glossary
from termwise.account.interval import reach_95
from termwise.account.reading import Reading
from termwise.measuring.elbo.control_variates import controlled
from termwise.measuring.elbo.split_aggregate import LogAggregate

SHARES = (0.0, 0.001, 0.03, 0.5, 1.0)
"""Of the fitted density in the bounds from below."""
LEVELS = (1, 2, 4)
"""Into how many parts the data falls for the carrying-on."""
LEAST = 128
"""Under so many examples nothing is said of the population."""
OUTSIDE = 0.005
"""How often either side of the bracket may miss for want of examples."""
STEEPEST = 0.75
"""The largest ratio of successive steps at which they are carried on; beyond it, the end is out of sight."""
NEGLIGIBLE = 0.2
"""A step of fewer standard errors than this puts no end out of sight: its ratio is noise, and of no matter."""
WILDEST = 4.0
"""A bound is passed over whose values spread so many times as much as at a share of a half, where tails are light."""
FEW = 64
"""Aggregates of fewer examples each are carried on by so little that what is left, up to about a half of the last step
(`benchmarks/interval_coverage.py --side many`), is within the error."""
ROUNDING = 1e-5
"""Nats that log q(z) may be off by; intervals are wider by them, where examples alone would leave none."""


@dataclass(frozen=True)
class LogAggregateEstimates:
    """log q(z), or sum_j log q(z_j), by example, estimated in every way that a population reading asks for.

    Attributes:
        above: Shape (N,).
        below: By share, shape (N, len(SHARES)).
        near: By level, shape (N, len(LEVELS)).
    """

    above: Tensor
    below: Tensor
    near: Tensor

    @classmethod
    def of(cls, aggregate: LogAggregate, fitted: Tensor) -> "LogAggregateEstimates":
        """The estimates at codes, summed over dimensions; `fitted` is log r(z), of the shape of `aggregate.own`."""

        def summed(values: Tensor) -> Tensor:
            return values.sum(1) if values.dim() == 2 else values

        return cls(
            summed(aggregate.of_points()),
            torch.stack([summed(aggregate.of_others(share, fitted)) for share in SHARES], 1),
            torch.stack([summed(aggregate.with_half_own(parts)) for parts in LEVELS], 1),
        )

    def controlled(self, controls: Tensor, expected: Tensor) -> "LogAggregateEstimates":
        """The same estimates, less what controls, shape (N, C), foretell of them; `expected` is log q(z|x)'s mean."""
        return LogAggregateEstimates(
            controlled(self.above, controls, expected),
            torch.stack([controlled(values, controls, expected) for values in self.below.T], 1),
            torch.stack([controlled(values, controls, expected) for values in self.near.T], 1),
        )


@dataclass(frozen=True)
class CarriedOn:
    """An estimate at infinite N.

    Attributes:
        influence: By example; its mean is the estimate, and its spread the estimate's, shape (N,).
        step: The last step towards it, from half of the examples to all.
        shrinking: Whether the steps shrink fast enough to say where they end.
    """

    influence: Tensor
    step: float
    shrinking: bool


def carried_on(near: Tensor) -> CarriedOn:
    """The limit of estimates t_N, t_N/2, t_N/4, shape (N, 3) by example.

    Where each step is r times the one before, t_inf = t_N + (t_N - t_N/2) r / (1 - r); where the error falls as 1/N,
    r = 1/2. Half of the steps' own r is trusted, and half of 1/N: that is as good as unbiased from a collapsed code to
    one whose MI is near log N (`benchmarks/interval_coverage.py`).
    """
    whole, half, quarter = near.mean(0)
    step, before = whole - half, half - quarter
    ratio = float(step / before) if before != 0 else 0.0
    free = 0 < ratio < STEEPEST
    ratio = min(max(ratio, 0.0), STEEPEST)
    gain = 0.5 + 0.5 * ratio / (1 - ratio)
    steps, befores = near[:, 0] - near[:, 1], near[:, 1] - near[:, 2]
    influence = near[:, 0] + gain * steps
    if free:  # the ratio is itself estimated
        pull = 0.5 * step / (1 - ratio) ** 2
        influence = influence + pull * ((steps - step) - ratio * (befores - before)) / before
    return CarriedOn(influence, float(step), ratio < STEEPEST)


@dataclass(frozen=True)
class LinkSum:
    """A link by example, as a sum: rest_n + sum_k sign_k log q_k(z_n), q_k an aggregate.

    Attributes:
        rest: What needs no aggregate, shape (N,).
        parts: The aggregates, such as q(z), each with its sign, 1 or -1.
        most: What the link cannot exceed, by example, shape (N,): the rate, where the links that sum to it are 0 or
            above; None where nothing is known.
        size: Of how many examples the smallest of the aggregates is; of q(z|s), the average over the groups, N / K.
    """

    rest: Tensor
    parts: tuple[tuple[int, LogAggregateEstimates], ...]
    most: Tensor | None = None
    size: float = math.inf


def in_sight(reading: Reading) -> bool:
    """Whether a population reading has an interval of its own, and not its bracket for one."""
    return reading.stderr is not None


def population_reading(link: LinkSum, of_points: Reading) -> tuple[Reading, Tensor]:
    """A link for the population: a calibrated interval, and bounds that are rigorous in expectation; and by example.

    By example it is the influence, shape (N,), whose mean the value is (but for being kept within the bounds), so that
    readings of two models on the same examples can be paired.

    Args:
        link: The link, as a sum.
        of_points: The same link's reading for the N points themselves.
    """
    used = link.parts
    ends = [carried_on(estimates.near) for _, estimates in used]
    values = link.rest + sum(sign * end.influence for (sign, _), end in zip(used, ends, strict=True))
    lower, upper = _possible(link, of_points.name)
    value = min(max(float(values.mean()), lower), upper)
    off = f"the {of_points.n:,} points themselves are {of_points.value - value:+.3f} off"
    error = float(values.std()) / math.sqrt(len(values))
    stderr: float | None = error
    near_enough = link.size >= FEW or all(abs(end.step) <= error for end in ends)
    if near_enough and all(end.shrinking or abs(end.step) < NEGLIGIBLE * error for end in ends):
        below, above = reach_95(values)
        interval = [max(value - below - ROUNDING, lower), min(value + above + ROUNDING, upper)]
        bias = f"carried on to infinite N; {off}"
    else:
        stderr, interval = None, [lower, upper]
        of = f"{of_points.n:,} points" if near_enough else f"groups of {link.size:.0f} on average"
        bias = f"out of sight of {of}: the interval is the bracket"
    reading = Reading(
        name=glossary.of_population(of_points.name),
        value=value,
        stderr=stderr,
        interval=interval,
        lower=lower,
        upper=upper,
        unit=of_points.unit,
        estimator="Monte Carlo, half own component, extrapolated in N",
        bias=bias,
        n=of_points.n,
    )
    return reading, values


def _possible(link: LinkSum, name: str) -> tuple[float, float]:
    """The bracket of a link, of which no end is where the link cannot be."""
    least = glossary.reading(glossary.of_population(name)).least
    assert isinstance(least, float)
    lower = max(_bound(link.rest, link.parts, side=-1), least)
    upper = _bound(link.rest, link.parts, side=1)
    if link.most is not None:
        reach = _tail(len(link.most)) * float(link.most.std()) + ROUNDING
        upper = min(upper, float(link.most.mean()) + reach)
    return lower, max(upper, lower)


def _bound(rest: Tensor, parts: Sequence[tuple[int, LogAggregateEstimates]], side: int) -> float:
    """The tightest lower (side -1) or upper (side 1) bound of those that the shares give."""
    tail = _tail(len(rest))
    by_share = torch.stack([rest] * len(SHARES), 1)
    for sign, part in parts:
        by_share = by_share + sign * (part.above.unsqueeze(1) if sign == side else part.below)
    means, spreads = by_share.mean(0), by_share.std(0)
    tame = spreads <= WILDEST * spreads[SHARES.index(0.5)]
    ends = side * means + tail * spreads + ROUNDING
    return side * float(ends[tame].min())


def _tail(n: int) -> float:
    """By how many standard deviations of an example a bound is moved outwards, of n examples."""
    return -float(ndtri(OUTSIDE / len(SHARES))) / math.sqrt(n)
