"""Two clouds of features -> readings: their distances, and how far they lie on one another.

Distances take all examples. The overlap depends on how many there are, so it takes as many of either. Its standard
error is from P disjoint parts of both clouds, sd over the parts / sqrt(P): drawing with replacement would not do, since
an example drawn twice is its own nearest neighbour.
"""

import numpy as np
from scipy.stats import t as student
from torch import Tensor

from termwise.account import glossary
from termwise.account.reading import NORMAL_95, Reading
from termwise.errors import BadData
from termwise.measuring.quality.frechet import jackknifed
from termwise.measuring.quality.kernel_distance import kernel_distance
from termwise.measuring.quality.overlap import NAMES, overlap

PARTS = 10
LEAST = 10  # times as many examples as neighbours in a part, so that its balls are local still


def compared(samples: Tensor, real: Tensor, seen: str, neighbours: int) -> list[Reading]:
    """Readings of the features of samples, shape (M, F), and of real examples, (N, F), each in random order.

    Args:
        samples: Of what was made, independent of the real examples.
        real: Of what is.
        seen: What the features are, in words.
        neighbours: k.

    Raises:
        BadData: Too few examples.
    """
    return [*_distances(samples, real, seen), *_overlap(samples, real, seen, neighbours)]


def _distances(samples: Tensor, real: Tensor, seen: str) -> list[Reading]:
    frechet, kernel = jackknifed(samples, real), kernel_distance(samples, real)
    m, n = len(samples), len(real)
    normal = f"normal moments of {m} samples and {n} real examples, {seen}"
    cubic = f"cubic kernel between {m} samples and {n} real examples, {seen}"
    too_large = "too large, by a part that falls as 1/N: to be compared at the same N only"
    to_first_order = "unbiased to first order in 1/N; may be negative"
    return [
        _reading("frechet_distance", frechet.value, frechet.stderr, frechet.reach, normal, too_large, m),
        _reading(
            "frechet_distance_extrapolated",
            frechet.extrapolated,
            frechet.stderr,
            frechet.reach,
            f"to infinite N by jackknife, {normal}",
            to_first_order,
            m,
        ),
        _reading("kernel_distance", kernel.value, kernel.stderr, NORMAL_95, cubic, "unbiased; may be negative", m),
    ]


def _overlap(samples: Tensor, real: Tensor, seen: str, neighbours: int) -> list[Reading]:
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
    estimator = f"balls to {neighbours} neighbours among {n} samples and {n} real examples, {seen}"
    bias = "depends on the number of examples: to be compared at about the same only"
    return [
        _reading(
            name,
            value[name],
            float(np.std([part[name] for part in by_part], ddof=1)) / parts**0.5,
            float(student.ppf(0.975, parts - 1)),
            estimator,
            bias,
            n,
        )
        for name in NAMES
    ]


def _reading(name: str, value: float, stderr: float, reach: float, estimator: str, bias: str, n: int) -> Reading:
    interval = [value - reach * stderr, value + reach * stderr]
    return Reading(name, value, stderr, interval, None, None, glossary.reading(name).unit, estimator, bias, n)
