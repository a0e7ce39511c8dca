"""The guard: what a reading can be, and why one that cannot be so is withheld.

Every account passes here when it is made, whether it was measured, put together by hand or read from a file. A reading
is withheld where

    it is no finite number, or its error is none;
    it lies outside of the range of its row, or above a reading that it cannot exceed, such as a mutual information;
    it lies outside of its own bracket or interval;
    it is a sum of others, and is not;
    it rests on a reading that is withheld.

What is allowed for is the error of the numbers at hand: four standard errors, or of few examples as many as Student's
law has for four, more where an interval says that values are skewed, and rounding; where a reading has bounds and no
standard error, as far as they reach.

The guard is a net: an estimator that needs it is wrong.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from scipy.special import ndtr, stdtrit

from termwise.account import glossary
from termwise.account.interval import NORMAL_95
from termwise.account.reading import AnyReading, Reading, ReadingByDimension
from termwise.account.reading_row import LOG_N, ReadingRow

ERRORS = 4.0
"""The standard errors that a reading may be off by: chance alone takes it further once in 30,000 times."""
ROUNDING = 1e-4
"""What rounding may add to that, in the reading's unit."""
FEW = 256
"""Examples under which the noise of their codes may be in a reading as it came: too few to tell what it was."""
OF_CODES = math.sqrt(0.5)
"""Nats, the standard deviation of that noise in one dimension: of few codes all may lie near their means by chance."""
RELATIVE_ROUNDING = 1e-6
"""What it may add as a share of the largest number that the reading is a difference of."""

_switched_on: ContextVar[bool] = ContextVar("guard", default=True)


def guarded(
    readings: Mapping[str, AnyReading], withheld: Mapping[str, str], prior_given: bool = False
) -> tuple[dict[str, AnyReading], dict[str, str]]:
    """The readings that can be, and the reasons of those that cannot, by name; those withheld already among them.

    Where the prior is given what stands beside x, a code may tell of x what the rate does not pay for: as much as it
    tells of that.
    """
    if not _switched_on.get():
        return dict(readings), dict(withheld)
    reasons = dict(withheld)
    whole = abs(_number(getattr(readings.get("rate"), "value", 0.0), 0.0))
    left = {name: reading for name, reading in readings.items() if name not in reasons}
    for name, reading in left.items():
        if reason := _alone(reading, whole):
            reasons[name] = reason
    for name, reading in left.items():
        others = {other: one for other, one in left.items() if other not in reasons}
        if prior_given and glossary.reading(name).at_most in ("rate", "rate_by_dimension"):
            continue
        if name in others and (reason := _beside(reading, others, whole)):
            reasons[name] = reason
    while found := {name: reason for name in left if name not in reasons and (reason := _resting(name, reasons))}:
        reasons |= found
    return {name: reading for name, reading in left.items() if name not in reasons}, reasons


@contextmanager
def unguarded() -> Iterator[None]:
    """For tests: accounts keep what they are given, so that what is computed is seen, and not what the net holds."""
    token = _switched_on.set(False)
    try:
        yield
    finally:
        _switched_on.reset(token)


@dataclass(frozen=True)
class _Number:
    """One number of a reading, and how far it may be off.

    Attributes:
        which: Which of a reading by dimension it is; "" of a reading of one number.
        value: The number.
        stderr: Its standard error; None where there is none.
        interval: Its 95%, from and to.
        lower: Its lower bound; minus infinity where there is none.
        upper: Likewise the upper one.
        rounding: What rounding may have added.
        errors: How many standard errors it may be off by.
        least_error: What the standard error is taken to be at the least, where there is one.
    """

    which: str
    value: float
    stderr: float | None
    interval: tuple[float, float]
    lower: float
    upper: float
    rounding: float
    errors: float
    least_error: float

    @property
    def by_chance(self) -> tuple[float, float]:
        """From where to where it may truly lie, for chance and rounding: as much further as its interval is skewed."""
        stderr = 0.0 if self.stderr is None else max(self.stderr, self.least_error)
        halves = self.value - self.interval[0], self.interval[1] - self.value
        if not self.stderr or min(halves) < 0 or max(halves) == math.inf:
            halves = 0.0, 0.0
        below, above = (self.errors * max(stderr, half / NORMAL_95) + self.rounding for half in halves)
        return self.value - below, self.value + above

    @property
    def reach(self) -> tuple[float, float]:
        """The same as far as its standard error says, or else its bounds."""
        return self.within_bounds if self.stderr is None else self.by_chance

    @property
    def within_bounds(self) -> tuple[float, float]:
        """The same as far as either says: two values from above need not be what they are together."""
        low, high = self.by_chance
        ends = [end for end in (self.lower, self.upper) if math.isfinite(end)]
        return min([low, *(end - self.rounding for end in ends)]), max([high, *(end + self.rounding for end in ends)])

    def __str__(self) -> str:
        error = "" if self.stderr is None else f" ± {self.stderr:.2g}"
        return f"{self.value:.5g}{error}"


def _alone(reading: AnyReading, whole: float) -> str | None:
    """Why a reading cannot be, whatever the others are."""
    row = glossary.reading(reading.name)
    try:
        numbers = list(_numbers(reading, whole))
    except ValueError:
        return "its errors or bounds are not as many as its values"
    return next(
        (f"{number.which}{reason}" for number in numbers if (reason := _impossible(number, reading, row))), None
    )


def _impossible(number: _Number, reading: AnyReading, row: ReadingRow) -> str | None:
    unit = f" {reading.unit}" if reading.unit else ""
    if not math.isfinite(number.value):
        return f"it reads {number.value}{unit}, which is no finite number"
    if number.stderr is not None and not (math.isfinite(number.stderr) and number.stderr >= 0):
        return f"its standard error reads {number.stderr}{unit}, which no error can be"
    if any(map(math.isnan, (*number.interval, number.lower, number.upper))):
        return "its interval or bracket has an end that is no number"
    least, most = (_limit(of, reading.n) for of in (row.least, row.most))
    low, high = number.reach
    if high < least:
        return f"it reads {number}{unit}, where {_shown(row.least, reading.n)} is the least that there can be"
    if low > most:
        return f"it reads {number}{unit}, where {_shown(row.most, reading.n)} is the most that there can be"
    for name, (start, end) in (("bracket", (number.lower, number.upper)), ("interval", number.interval)):
        if number.by_chance[1] < start or end < number.by_chance[0]:
            return f"it reads {number}{unit}, outside of its own {name}, {start:.5g} to {end:.5g}"
    if row.population_of and not _holds((number.lower, number.upper), number.interval, number.rounding):
        return "its interval reaches beyond its bracket"
    return None


def _beside(reading: AnyReading, others: Mapping[str, AnyReading], whole: float) -> str | None:
    """Why a reading cannot be beside the others."""
    row = glossary.reading(reading.name)
    higher = others.get(row.at_most)
    if higher is not None and _alike(reading, higher):
        for mine, theirs in zip(_numbers(reading, whole), _numbers(higher, whole), strict=True):
            if mine.within_bounds[0] > theirs.within_bounds[1]:
                return f"{mine.which}it reads {mine}, more than {_title(row.at_most)}, {theirs}, which it cannot exceed"
    parts = [(sign, others.get(name)) for name, sign in row.sum_of.items()]
    if not parts or any(part is None or not _alike(reading, part) for _, part in parts):
        return None
    mine = next(_numbers(reading, whole))
    summands = [(sign, next(_numbers(part, whole))) for sign, part in parts if part is not None]
    ends = [sorted(sign * end for end in part.within_bounds) for sign, part in summands]
    low, high = (sum(side) for side in zip(*ends, strict=True))
    if mine.within_bounds[0] <= high and low <= mine.within_bounds[1]:
        return None
    total = sum(sign * part.value for sign, part in summands)
    return f"it reads {mine}, and what it is the sum of, {_sum_shown(row)}, comes to {total:.5g}"


def _resting(name: str, reasons: Mapping[str, str]) -> str | None:
    """The reason of a reading that rests on one that is withheld."""
    row = glossary.reading(name)
    under = next((one for one in (*row.rests_on, *row.sum_of, row.population_of) if one in reasons), None)
    return None if under is None else f"it rests on {_title(under)}, which is withheld"


def _numbers(reading: AnyReading, whole: float) -> Iterator[_Number]:
    """The numbers of a reading; ValueError where its errors or bounds are not as many as its values."""
    row = glossary.reading(reading.name)
    scale = max([0.0, *(abs(limit) for limit in (row.least, row.most) if isinstance(limit, float))])
    if reading.unit == "nats":
        scale = max(scale, whole)
    n, count = _count(reading.n), len(reading.value) if isinstance(reading, ReadingByDimension) else 1
    errors = float(-stdtrit(max(1, n - 1), ndtr(-ERRORS) / max(1, count)))  # in any of its numbers as seldom as in one
    noisy = reading.unit == "nats" and n < FEW and not reading.bias.startswith("exact for every x")
    least_error = OF_CODES / math.sqrt(n) if noisy else 0.0
    for which, value, stderr, interval, lower, upper in _rows(reading):
        own = _number(value, math.nan)
        scale_here = max(abs(number) for number in (own, scale if math.isfinite(scale) else 0.0))
        yield _Number(
            which,
            own,
            None if stderr is None else _number(stderr, math.nan),
            (-math.inf, math.inf) if interval is None else _ends(interval),
            _number(lower, -math.inf),
            _number(upper, math.inf),
            ROUNDING + RELATIVE_ROUNDING * scale_here,
            errors,
            least_error,
        )


def _rows(reading: AnyReading) -> Iterator[tuple[str, Any, Any, Any, Any, Any]]:
    if isinstance(reading, Reading):
        yield "", reading.value, reading.stderr, reading.interval, reading.lower, reading.upper
        return
    count = len(reading.value)
    columns = (
        [None] * count if column is None else column
        for column in (reading.stderr, reading.interval, reading.lower, reading.upper)
    )
    for j, (value, *rest) in enumerate(zip(reading.value, *columns, strict=True)):
        yield (f"number {j} of {count}: ", value, *rest)


def _ends(interval: Sequence[Any]) -> tuple[float, float]:
    low, high = interval
    return _number(low, -math.inf), _number(high, math.inf)


def _number(value: Any, otherwise: float) -> float:
    """A number as it is, and None, as a file writes what is not finite, as `otherwise`."""
    return otherwise if value is None else float(value)


def _count(n: Any) -> int:
    return max(1, int(_number(n, 1)))


def _limit(limit: float | str, n: int) -> float:
    return math.log(_count(n)) if limit == LOG_N else float(limit)


def _shown(limit: float | str, n: int) -> str:
    return f"log N = {math.log(_count(n)):.5g}" if limit == LOG_N else f"{limit:g}"


def _holds(outer: tuple[float, float], inner: tuple[float, float], slack: float) -> bool:
    """Whether an interval lies within another; one without ends is none."""
    ends = [end for end in inner if math.isfinite(end)]
    return all(outer[0] - slack <= end <= outer[1] + slack for end in ends)


def _alike(one: AnyReading, other: AnyReading) -> bool:
    """Whether two readings are of as many examples, and of as many numbers."""
    if isinstance(one, ReadingByDimension) or isinstance(other, ReadingByDimension):
        both = isinstance(one, ReadingByDimension) and isinstance(other, ReadingByDimension)
        return both and one.n == other.n and len(one.value) == len(other.value)  # type: ignore[arg-type]
    return one.n == other.n


def _sum_shown(row: ReadingRow) -> str:
    """A sum in words, such as "rate - index-code MI"."""
    (first, sign), *others = row.sum_of.items()
    rest = "".join(f" {'-' if sign < 0 else '+'} {_title(name)}" for name, sign in others)
    return f"{'-' if sign < 0 else ''}{_title(first)}{rest}"


def _title(name: str) -> str:
    """What a reading is called where people read."""
    return glossary.reading(name).title
