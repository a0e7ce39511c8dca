"""A score, and its error: by a bootstrap over examples, or over disjoint parts of them.

What is a mean over examples, or a function of such means, is resampled: examples are drawn anew with replacement,
which comes down to weights. What is fitted cannot be, since a repeated example would be both learned and scored; it
is fitted on disjoint parts instead, which are independent of one another, so that the standard error of their mean is
their standard deviation over the root of their number, examples, fits and seeds included.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from termwise.account.interval import NORMAL_95
from termwise.errors import BadData
from termwise.measuring.disentanglement.factors import Factors

RESAMPLES = 200
"""How many resamples of the examples a bootstrap takes."""


@dataclass(frozen=True)
class Score:
    """A score; and where it is a mean over the factors, each one's own.

    Example:
        >>> Score(0.75, by_factor=(0.5, 1.0)).value
        0.75
    """

    value: float
    by_factor: tuple[float, ...] = ()


ScoreOfWeights = Callable[[np.ndarray], Score]
"""A score as a function of weights on the examples, shape (N,), whose sum is N: what a bootstrap draws anew."""


@dataclass(frozen=True)
class Estimate:
    """A score with its standard error, and how many standard errors make 95% on either side."""

    score: Score
    stderr: Score
    reach: float = NORMAL_95


def mean_over_factors(by_factor: Sequence[float]) -> Score:
    """The score that is the plain mean of the factors' own."""
    return Score(float(np.mean(by_factor)), tuple(float(value) for value in by_factor))


def bootstrapped(score: ScoreOfWeights, count: int, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """A score of weighted examples, at equal weights, and its standard deviation over resamples of the examples.

    Args:
        score: Takes weights, shape (count,), whose sum is `count`.
        count: N.
        seed: Of the resamples.
        resamples: How many.
    """
    rng = np.random.default_rng(seed)
    draws = [
        score(np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64))
        for _ in range(resamples)
    ]
    return Estimate(score(np.ones(count)), _spread(draws))


def over_parts(
    scores: Callable[[np.ndarray, Factors, int], Mapping[str, Score]],
    codes: np.ndarray,
    factors: Factors,
    repeats: int,
    seed: int,
) -> dict[str, Estimate]:
    """Scores by name on each of `repeats` disjoint random parts: their means, and the standard errors of these.

    Args:
        scores: Takes the codes and factors of a part, and a seed of its own.
        codes: Shape (N, D).
        factors: Of the same examples.
        repeats: How many parts, two or more.
        seed: Of the division, and of the parts' own seeds.
    """
    if len(codes) < 4 * repeats:
        raise BadData(f"Expected 4 examples or more for each of {repeats} repeats, got {len(codes)} in all.")
    rng = np.random.default_rng(seed)
    parts = np.array_split(rng.permutation(len(codes)), repeats)
    by_part = [scores(codes[rows], factors.rows(rows), int(rng.integers(2**31))) for rows in parts]
    reach = float(stdtrit(repeats - 1, 0.975))
    estimates = {}
    for name in by_part[0]:
        draws = [part[name] for part in by_part]
        spread = _spread(draws)
        stderr = Score(spread.value / math.sqrt(repeats), tuple(s / math.sqrt(repeats) for s in spread.by_factor))
        by_factor = np.mean([draw.by_factor for draw in draws], axis=0)
        mean = Score(float(np.mean([draw.value for draw in draws])), tuple(by_factor.tolist()))
        estimates[name] = Estimate(mean, stderr, reach)
    return estimates


def _spread(draws: Sequence[Score]) -> Score:
    with np.errstate(invalid="ignore"):  # of infinite values: no number, and reported as none
        value = np.std([draw.value for draw in draws], ddof=1)
    return Score(float(value), tuple(np.std([draw.by_factor for draw in draws], axis=0, ddof=1).tolist()))
