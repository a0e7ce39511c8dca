"""A reading: a number, or one by dimension, and all that must be known to use it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from termwise.account import glossary
from termwise.account.interval import reach_95
from termwise.account.rounding import rounded, with_error

Ends = tuple[float | None, float | None]
"""From and to where something lies; None where an end is open."""


MOST_VALUES = 8
"""How many values of a reading by dimension are shown, where it is shown on a line."""


@dataclass(frozen=True)
class Sample:
    """What a reading was taken of: by it two readings are known to be of the same examples.

    Attributes:
        values: The reading's values by example, shape (N,); None where there are none.
        data: What the account says of the data.
    """

    values: Tensor | None
    data: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Reading:
    """One number, and all that must be known to use it.

    Readings can be added, subtracted and multiplied by numbers. The error of a sum or a difference is by pairs, where
    both are of the same examples with values for each, and otherwise that of two that are independent, if they are;
    `float(reading)` is its value alone, and so are `round(reading, 3)` and f"{reading:.3f}". Readings have no order:
    what their errors allow is said by a difference.

    Attributes:
        name: The term.
        value: Its value.
        stderr: The standard error over examples; None where there is none.
        interval: 95% for the value, from and to, wider where values reach far out; None where there is no error.
        lower: A lower bound of the population's value, rigorous in expectation; or None.
        upper: Likewise an upper one.
        unit: "nats", "MMD^2", "units".
        estimator: How it was estimated.
        bias: In which way the estimate is off.
        n: From how many examples.
        sample: The examples, and its values by example, where an account has them.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> account = tw.measure(world, world.data(500))
        >>> rate = account["rate"]
        >>> print(rate)
        rate = 6.572 ± 0.233 nats (closed form; exact for every x)
        >>> rate.interval[0] < rate.value < rate.interval[1]
        True
        >>> round(float(rate), 3)
        6.572
        >>> rate - account["index_code_mi"]  # of the same examples, and so of pairs
        Reading(rate - index_code_mi = 4.58 ± 0.22 nats; paired by example; exact for every x; ...)
    """

    name: str
    value: float
    stderr: float | None
    interval: list[float] | None
    lower: float | None
    upper: float | None
    unit: str
    estimator: str
    bias: str
    n: int
    sample: Sample | None = field(default=None, compare=False)

    __array_ufunc__: ClassVar[None] = None  # a number of numpy's leaves it to the reading to be multiplied

    @property
    def bounds(self) -> Ends | None:
        """From and to where the truth lies, of a value that is itself a bound on it; None of an estimate.

        A bound is told by its bias, which says so; by an interval that is the bracket itself; or by having one end.

        Example:
            >>> Reading("iwae", -90.0, 0.5, None, None, None, "nats", "IWAE", "a lower bound", 100).bounds
            (-90.0, None)
        """
        ends = self.lower, self.upper
        if None not in ends:
            whole = self.interval is None or list(self.interval) == list(ends)
            return ends if whole or _side(self.bias) else None
        if ends != (None, None):
            return ends
        low, high = self.interval or (self.value, self.value)
        return {"lower": (low, None), "upper": (None, high)}.get(_side(self.bias))

    def __str__(self) -> str:
        error = "" if self.stderr is None else f" ± {self.stderr:.3f}"
        return f"{self.name} = {self.value:.3f}{error} {self.unit} ({self.estimator}; {self.bias})"

    def __repr__(self) -> str:
        how = "; ".join(text for text in (self.estimator, self.bias) if text)
        return f"Reading({self.name} = {with_error(self.value, self.stderr)} {self.unit}; {how}; n = {self.n})"

    def _repr_html_(self) -> str:
        from termwise.account.showing import in_html

        return in_html({self.name: self}, (), {})

    def __float__(self) -> float:
        return float(self.value)

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __round__(self, digits: int | None = None) -> float:
        return round(float(self), digits)

    def __add__(self, other: "Reading | float") -> "Reading":
        from termwise.account.arithmetic import added

        return added(self, other, 1)

    def __sub__(self, other: "Reading | float") -> "Reading":
        from termwise.account.arithmetic import added

        return added(self, other, -1)

    def __mul__(self, factor: float) -> "Reading":
        from termwise.account.arithmetic import scaled

        return scaled(self, factor)

    def __neg__(self) -> "Reading":
        return self * -1

    def __truediv__(self, divisor: float) -> "Reading":
        return self * (1 / divisor) if isinstance(divisor, Real) else NotImplemented

    def __rsub__(self, other: float) -> "Reading":
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


@dataclass(frozen=True, repr=False)
class ReadingByDimension:
    """One number for each latent dimension, or for each factor or attribute of the data; else as a `Reading`.

    Its values are had by `reading[0]`, by a loop, or as an array by `numpy.asarray(reading)`.

    Attributes:
        name: The term, and by what: "rate_by_dimension".
        value: Its values, in the order of the dimensions; of factors or attributes the estimator names the order.
        stderr: Their standard errors over examples; None where there are none.
        interval: 95% for each value, from and to; None where there are none.
        lower: A lower bound for each, rigorous in expectation; or None.
        upper: Likewise an upper one.
        unit: Of every value.
        estimator: How they were estimated.
        bias: In which way the estimates are off.
        n: From how many examples.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> print(tw.measure(world, world.data(500)).by_dimension["rate_by_dimension"])
        rate_by_dimension = [1.457, 5.115] nats
    """

    name: str
    value: list[float]
    stderr: list[float] | None
    interval: list[list[float]] | None
    lower: list[float] | None
    upper: list[float] | None
    unit: str
    estimator: str
    bias: str
    n: int

    def __str__(self) -> str:
        return f"{self.name} = [{', '.join(f'{value:.3f}' for value in self.value)}] {self.unit}"

    def __repr__(self) -> str:
        shown = ", ".join(rounded(value)[0] for value in self.value[:MOST_VALUES])
        more = f", ... {len(self.value) - MOST_VALUES} more" if len(self.value) > MOST_VALUES else ""
        how = "; ".join(text for text in (self.estimator, self.bias) if text)
        return f"ReadingByDimension({self.name} = [{shown}{more}] {self.unit}; {how}; n = {self.n})"

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, place: int | slice) -> float | list[float]:
        return self.value[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray[Any, Any]":
        return np.array(self.value, dtype=float if dtype is None else dtype)

    def _repr_html_(self) -> str:
        from termwise.account.showing import in_html

        return in_html({self.name: self}, (), {})


AnyReading = Reading | ReadingByDimension
"""What an account holds: a reading of one number, or of one by dimension."""


def reading_of(values: Tensor, name: str, *, unit: str | None = None, estimator: str, bias: str) -> Reading:
    """The reading whose value is the mean of values by example, shape (N,).

    Args:
        values: By example.
        name: The reading's.
        unit: That of the name's row in `READINGS` where left out.
        estimator: How they were estimated.
        bias: In which way they are off.

    Example:
        >>> import torch
        >>> values = torch.tensor([2.0, 3.0, 4.0, 3.0])
        >>> print(reading_of(values, "rate", estimator="by hand", bias="unbiased"))
        rate = 3.000 ± 0.408 nats (by hand; unbiased)
    """
    mean, stderr = _mean_with_error(values)
    below, above = (0.0, 0.0) if stderr is None else reach_95(values)
    return Reading(
        name=name,
        value=float(mean),
        stderr=None if stderr is None else float(stderr),
        interval=None if stderr is None else [float(mean) - below, float(mean) + above],
        lower=None,
        upper=None,
        unit=glossary.reading(name).unit if unit is None else unit,
        estimator=estimator,
        bias=bias,
        n=len(values),
    )


def reading_by_dimension(
    values: Tensor, name: str, *, unit: str | None = None, estimator: str, bias: str
) -> ReadingByDimension:
    """The reading whose values are the means over examples of values by dimension, shape (N, D); else as `reading_of`.

    Example:
        >>> import torch
        >>> values = torch.tensor([[2.0, 0.0], [4.0, 1.0]])
        >>> print(reading_by_dimension(values, "rate_by_dimension", estimator="by hand", bias="unbiased"))
        rate_by_dimension = [3.000, 0.500] nats
    """
    mean, stderr = _mean_with_error(values)
    return ReadingByDimension(
        name=name,
        value=mean.tolist(),
        stderr=None if stderr is None else stderr.tolist(),
        interval=None,
        lower=None,
        upper=None,
        unit=glossary.reading(name).unit if unit is None else unit,
        estimator=estimator,
        bias=bias,
        n=len(values),
    )


def reading_of_each(values: Tensor, name: str, *, estimator: str, bias: str) -> AnyReading:
    """The reading of values by example, shape (N,), or by example and dimension, shape (N, D), whichever they are."""
    make = reading_by_dimension if values.dim() == 2 else reading_of
    return make(values, name, estimator=estimator, bias=bias)


def reading_without_error(name: str, value: float, *, estimator: str, bias: str, n: int) -> Reading:
    """A reading that has no standard error over examples, such as a count or a parameter."""
    return Reading(name, value, None, None, None, None, glossary.reading(name).unit, estimator, bias, n)


def _side(bias: str) -> str:
    """The side from which a value bounds the truth, "lower" or "upper", by what is said of its bias; else ""."""
    said = re.search(r"\b(lower|upper) bound", bias, re.IGNORECASE)
    return said[1].lower() if said else ""


def _mean_with_error(values: Tensor) -> tuple[Tensor, Tensor | None]:
    """The mean over examples, float64, and its standard error; None for a single example."""
    values = values.double()
    return values.mean(0), values.std(0) / len(values) ** 0.5 if len(values) > 1 else None
