"""The one table of quality measures: two clouds of features -> how far apart they lie, and how far on one another.

Distances take all examples. The overlap depends on how many there are, so it takes as many of either. Its standard
error is from P disjoint parts of both clouds, sd over the parts / sqrt(P): drawing with replacement would not do, since
an example drawn twice is its own nearest neighbour.

A measure from outside is one row: `QUALITY_MEASURES.add`, or an entry point of the group "termwise.quality_measures".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit
from torch import Tensor

from termwise.account.interval import NORMAL_95
from termwise.account.reading import Reading
from termwise.account.readings import READINGS
from termwise.errors import BadData
from termwise.measuring.quality.frechet import jackknifed
from termwise.measuring.quality.kernel_distance import kernel_distance
from termwise.measuring.quality.overlap import NAMES, overlap
from termwise.registry import Registry

PARTS = 10
"""How many parts the error of the overlap is taken over, at most."""

LEAST = 10
"""How many times as many examples as neighbours there must be in a part, so that its balls are local still."""


@dataclass(frozen=True, eq=False)
class FeatureClouds:
    """The features of samples and of real examples, independent of each other and each in random order.

    Attributes:
        samples: Of what was made, shape (M, F).
        real: Of real examples, shape (N, F).
        features: What the features are, in words.
        neighbours: k, of measures that go by nearest neighbours.

    Example:
        >>> import torch
        >>> clouds = FeatureClouds(torch.zeros(8, 2), torch.ones(6, 2), features="pixels", neighbours=3)
        >>> clouds.samples.shape, clouds.real.shape
        (torch.Size([8, 2]), torch.Size([6, 2]))
    """

    samples: Tensor
    real: Tensor
    features: str
    neighbours: int


@dataclass(frozen=True)
class QualityMeasure:
    """A measure of how near samples come to real examples, as readings with their errors.

    Attributes:
        name: What the table calls it.
        readings: Takes the clouds; gives one reading or more. Raises BadData where there are too few examples.

    Example:
        A measure of your own: how far apart the means of the two clouds are.

        >>> import torch
        >>> from termwise.account.reading import Reading
        >>> def gap(clouds):
        ...     value = float((clouds.samples.mean(0) - clouds.real.mean(0)).norm())
        ...     n = len(clouds.samples)
        ...     return [Reading("mean_gap", value, None, None, None, None, "features", "means", "biased upwards", n)]
        >>> measure = QualityMeasure("mean_gap", gap)
        >>> measure.readings(FeatureClouds(torch.zeros(9, 2), torch.ones(9, 2), "pixels", 5))[0].value
        1.4142135381698608

        `QUALITY_MEASURES.add(measure)` makes it known to `termwise.sample_quality`.
    """

    name: str
    readings: Callable[[FeatureClouds], list[Reading]]


def measure_clouds(clouds: FeatureClouds) -> list[Reading]:
    """The readings of every measure in the table, in its order."""
    return [reading for measure in QUALITY_MEASURES.values() for reading in measure.readings(clouds)]


def _frechet(clouds: FeatureClouds) -> list[Reading]:
    distance, m, n = jackknifed(clouds.samples, clouds.real), len(clouds.samples), len(clouds.real)
    estimator = f"normal moments of {m} samples and {n} real examples, {clouds.features}"
    return [
        _reading(
            "frechet_distance",
            distance.value,
            distance.stderr,
            distance.reach,
            estimator,
            "too large, by a part that falls as 1/N: to be compared at the same N only",
            m,
        ),
        _reading(
            "frechet_distance_extrapolated",
            distance.extrapolated,
            distance.stderr,
            distance.reach,
            f"to infinite N by jackknife, {estimator}",
            "unbiased to first order in 1/N; may be negative",
            m,
        ),
    ]


def _kernel(clouds: FeatureClouds) -> list[Reading]:
    distance, m, n = kernel_distance(clouds.samples, clouds.real), len(clouds.samples), len(clouds.real)
    estimator = f"cubic kernel between {m} samples and {n} real examples, {clouds.features}"
    bias = "unbiased; may be negative"
    return [_reading("kernel_distance", distance.value, distance.stderr, NORMAL_95, estimator, bias, m)]


def _overlap(clouds: FeatureClouds) -> list[Reading]:
    samples, real, neighbours = clouds.samples, clouds.real, clouds.neighbours
    n = min(len(samples), len(real))
    parts = min(PARTS, n // (LEAST * max(neighbours, 1)))
    if parts < 2:
        raise BadData(
            f"Precision and recall at {neighbours} neighbours need {2 * LEAST * neighbours} samples and as many real "
            f"examples, got {len(samples)} and {len(real)}. Give more, or ask for fewer neighbours."
        )
    samples, real = samples[:n], real[:n]
    value = overlap(samples, real, neighbours).means
    pairs = zip(samples.tensor_split(parts), real.tensor_split(parts), strict=True)
    by_part = [overlap(*pair, neighbours).means for pair in pairs]
    estimator = f"balls to {neighbours} neighbours among {n} samples and {n} real examples, {clouds.features}"
    bias = "depends on the number of examples: to be compared at about the same only"
    reach = float(stdtrit(parts - 1, 0.975))
    stderr = {name: float(np.std([part[name] for part in by_part], ddof=1)) / parts**0.5 for name in NAMES}
    return [_reading(name, value[name], stderr[name], reach, estimator, bias, n) for name in NAMES]


def _reading(name: str, value: float, stderr: float, reach: float, estimator: str, bias: str, n: int) -> Reading:
    interval = [value - reach * stderr, value + reach * stderr]
    return Reading(name, value, stderr, interval, None, None, READINGS[name].unit, estimator, bias, n)


QUALITY_MEASURES: Registry[QualityMeasure] = Registry(
    "quality measure",
    "termwise.quality_measures",
    [
        QualityMeasure("frechet", _frechet),
        QualityMeasure("kernel", _kernel),
        QualityMeasure("overlap", _overlap),
    ],
)
"""The measures of quality by name, in the order in which their readings stand."""
