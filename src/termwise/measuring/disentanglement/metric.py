"""A disentanglement metric as a row of the table: how it is estimated, with its error, and what its numbers mean.

There are two ways to an error, and a constructor for each. What is a mean over examples, or a function of such means,
is bootstrapped (`Metric.by_bootstrap`); what fits something is taken on disjoint parts (`Metric.on_parts`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from termwise.account.reading import AnyReading, Reading, ReadingByDimension
from termwise.account.readings import READINGS
from termwise.measuring.disentanglement.encodings import Encodings
from termwise.measuring.disentanglement.factors import Factors
from termwise.measuring.disentanglement.score import (
    RESAMPLES,
    Estimate,
    Score,
    ScoreOfWeights,
    bootstrapped,
    over_parts,
)


@dataclass(frozen=True)
class Scale:
    """The ends of a score, each a function of the factors at hand, since chance depends on how many values there are.

    Attributes:
        best: What a perfect code gets: one dimension for each factor, without noise.
        chance: What a code gets that tells nothing of any factor; None where that is no one number.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> vote = Scale(chance=lambda factors: 1 / factors.count)
        >>> factors = factors_from([[0, 1], [1, 0], [0, 0], [1, 1]])
        >>> vote.chance(factors), vote.best(factors)
        (0.5, 1.0)
    """

    best: Callable[[Factors], float] = field(default=lambda factors: 1.0)
    chance: Callable[[Factors], float] | None = field(default=lambda factors: 0.0)


@dataclass(frozen=True)
class Metric:
    """A metric of disentanglement, and all that must be known to use its numbers.

    Attributes:
        name: What it is called in `metrics=[...]`.
        estimates: Takes the encodings, the number of repeats and a seed; gives estimates by the name of the reading.
        scales: What its readings are called, and the ends of each one's scale.
        estimator: How it is estimated, in words.
        error: What the standard error is of, in words; {repeats} and {part} are filled in.
        bias: In which way it is off.
        needs_factors: Whether factors must be known.

    Example:
        A metric of your own: the largest correlation of a factor with a dimension, averaged over the factors.

        >>> from termwise.measuring.disentanglement import METRICS, Score
        >>> def correlation(codes, factors, seed):
        ...     between = np.corrcoef(codes.T, factors.index.T)[: codes.shape[1], codes.shape[1] :]
        ...     return {"correlation": Score(float(np.abs(between).max(axis=0).mean()))}
        >>> metric = Metric.on_parts("correlation", correlation, estimator="Pearson's", bias="sees lines only")
        >>> list(metric.scales)
        ['correlation']

        `METRICS.add(metric)` makes it known to `termwise.disentanglement`; its reading is a score, unless a row of
        `termwise.account.readings.READINGS` says otherwise.
    """

    name: str
    estimates: Callable[[Encodings, int, int], Mapping[str, Estimate]]
    scales: Mapping[str, Scale]
    estimator: str
    error: str
    bias: str
    needs_factors: bool = True

    @classmethod
    def on_parts(
        cls,
        name: str,
        scores: Callable[[np.ndarray, Factors, int], Mapping[str, Score]],
        *,
        estimator: str,
        bias: str,
        scales: Mapping[str, Scale] | None = None,
    ) -> "Metric":
        """A metric of the posterior means that fits something, and so is taken on disjoint parts.

        Args:
            name: The metric's name.
            scores: Takes the means, shape (N, D), the factors and a seed; gives scores by the name of the reading.
            estimator: How it is estimated, in words.
            bias: In which way it is off.
            scales: By the name of the reading; one reading of the metric's own name, from 0 to 1, where left out.
        """
        return cls(
            name,
            lambda encodings, repeats, seed: over_parts(
                scores, encodings.mean, encodings.required_factors(), repeats, seed
            ),
            scales or {name: Scale()},
            f"posterior means; {estimator}",
            "mean of {repeats} disjoint parts of {part} examples, each with its own seed, and its standard error",
            bias,
        )

    @classmethod
    def by_bootstrap(
        cls,
        name: str,
        scores: Callable[[Encodings], Mapping[str, ScoreOfWeights]],
        *,
        estimator: str,
        bias: str,
        scales: Mapping[str, Scale] | None = None,
        needs_factors: bool = True,
    ) -> "Metric":
        """A metric that is a function of means over examples, whose error a bootstrap gives.

        Args:
            name: The metric's name.
            scores: Takes the encodings; gives, by the name of the reading, the score as a function of weights on them.
            estimator: How it is estimated, in words.
            bias: In which way it is off.
            scales: By the name of the reading; one reading of the metric's own name, from 0 to 1, where left out.
            needs_factors: Whether factors must be known.
        """

        def estimates(encodings: Encodings, repeats: int, seed: int) -> dict[str, Estimate]:
            return {reading: bootstrapped(score, len(encodings), seed) for reading, score in scores(encodings).items()}

        error = f"standard error by a bootstrap over examples, {RESAMPLES} resamples"
        return cls(name, estimates, scales or {name: Scale()}, estimator, error, bias, needs_factors)

    def readings(self, encodings: Encodings, repeats: int, seed: int) -> dict[str, AnyReading]:
        """The readings by name, with the factors' own where the score is a mean over them."""
        error = self.error.format(repeats=repeats, part=f"{len(encodings) // repeats:,}")
        about = {"bias": self.bias, "n": len(encodings)}
        readings: dict[str, AnyReading] = {}
        for name, estimate in self.estimates(encodings, repeats, seed).items():
            estimator = f"{self.estimator}; {error}"
            readings[name] = _reading(name, estimate, estimator, about)
            if estimate.score.by_factor and encodings.factors is not None:
                estimator = f"{estimator}; in the order {', '.join(encodings.factors.names)}"
                readings[f"{name}_by_factor"] = _by_factor(f"{name}_by_factor", estimate, estimator, about)
        return readings


def _reading(name: str, estimate: Estimate, estimator: str, about: Mapping[str, Any]) -> Reading:
    value, stderr = estimate.score.value, estimate.stderr.value
    if not np.isfinite(stderr):
        estimator = f"{estimator}, which is not finite"
        return Reading(name, value, None, None, None, None, _unit(name), estimator, **about)
    interval = [value - estimate.reach * stderr, value + estimate.reach * stderr]
    return Reading(name, value, stderr, interval, None, None, _unit(name), estimator, **about)


def _by_factor(name: str, estimate: Estimate, estimator: str, about: Mapping[str, Any]) -> ReadingByDimension:
    values, stderrs = list(estimate.score.by_factor), list(estimate.stderr.by_factor)
    unit = _unit(name.removesuffix("_by_factor"))
    return ReadingByDimension(name, values, stderrs, None, None, None, unit, estimator, **about)


def _unit(name: str) -> str:
    """The unit of a reading in the table of readings; a reading that has no row there is a score."""
    return READINGS[name].unit if name in READINGS else "score"
