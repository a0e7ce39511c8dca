"""A reading over the seeds of a setting: its mean, and the error that seeds make in it.

Of values v_1 ... v_n, one a seed, the mean has the standard error sd(v) / sqrt(n), and 95% of t(n - 1) about it. Two
settings that were trained with the same seeds are paired: sd(v_k - w_k) / sqrt(n), as a seed has the same order of
examples, and the same first weights where the networks are the same, in both.

These are errors between trainings, on the same examples. Those over examples are in the account of each run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from termwise.account.rounding import with_error


@dataclass(frozen=True)
class OverSeeds:
    """A mean over seeds.

    Attributes:
        value: The mean.
        stderr: Its standard error between seeds; None of one seed.
        interval: 95% for it, by Student's t, from and to; None of one seed.
        n: How many seeds there are.

    Example:
        >>> print(over_seeds([2.0, 3.0, 4.0]))
        3.00 ± 0.58
        >>> [round(end, 2) for end in over_seeds([2.0, 3.0, 4.0]).interval]
        [0.52, 5.48]
    """

    value: float
    stderr: float | None
    interval: tuple[float, float] | None
    n: int

    def __str__(self) -> str:
        return with_error(self.value, self.stderr)

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out: of a difference, that its sign is sure."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """The mean of values, one a seed, with its error.

    Example:
        >>> over_seeds([2.0, 4.0]).stderr
        1.0
    """
    from scipy.stats import t

    n, value = len(values), mean(values)
    if n < 2:
        return OverSeeds(value, None, None, n)
    stderr = stdev(values) / sqrt(n)
    reach = float(t.ppf(0.975, n - 1)) * stderr
    return OverSeeds(value, stderr, (value - reach, value + reach), n)


def paired_over_seeds(first: Mapping[int, float], second: Mapping[int, float]) -> OverSeeds | None:
    """How much more the second is than the first, by pairs of the same seed; None where they share none.

    Example:
        >>> print(paired_over_seeds({0: 2.0, 1: 3.0, 2: 9.0}, {0: 2.5, 1: 3.7, 2: 9.6}))
        0.600 ± 0.058
    """
    shared = [seed for seed in first if seed in second]
    return over_seeds([second[seed] - first[seed] for seed in shared]) if shared else None


def undominated(points: Sequence[Sequence[float]]) -> list[bool]:
    """Which points no other is at least as good as in all and better in one, where more is better.

    Example:
        >>> undominated([(1.0, 5.0), (2.0, 4.0), (1.0, 4.0)])
        [True, True, False]
    """

    def beats(other: Sequence[float], point: Sequence[float]) -> bool:
        return all(a >= b for a, b in zip(other, point, strict=True)) and tuple(other) != tuple(point)

    return [not any(beats(other, point) for other in points) for point in points]
