"""Schedules: a number that may change from step to step, such as a weight or a target."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from termwise.errors import Refused, in_short
from termwise.values import Count, Finite, Natural, PositiveFinite

Step = int


class _Schedule(BaseModel):
    """A number for every training step, counted from 0. Abstract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __call__(self, step: Step) -> float:
        """The number at `step`."""
        raise NotImplementedError

    def least(self) -> float:
        """The smallest that it ever is."""
        raise NotImplementedError

    def ends(self) -> Step:
        """The first step from which it stays as it is; of cycles without an end, a step at which they are high."""
        raise NotImplementedError


class Constant(_Schedule):
    """The same number, `value`, at every step.

    Example:
        >>> Constant(value=4.0)(step=1000)
        4.0
    """

    schedule: Literal["constant"] = "constant"
    value: Finite

    def __call__(self, step: Step) -> float:
        """The number, whatever the step."""
        return self.value

    def least(self) -> float:
        """The smallest that it ever is: the value."""
        return self.value

    def ends(self) -> Step:
        """The first step from which it stays as it is: 0."""
        return 0


class Linear(_Schedule):
    """From `start` to `end` over `steps` steps, and `end` from then on.

    Example:
        >>> Linear(end=2.0, steps=100)(step=25)
        0.5
    """

    schedule: Literal["linear"] = "linear"
    start: Finite = 0.0
    end: Finite
    steps: Count

    def __call__(self, step: Step) -> float:
        """start + (end - start) min(1, step / steps)."""
        return self.start + (self.end - self.start) * min(1.0, step / self.steps)

    def least(self) -> float:
        """The smallest that it ever is, at one of its ends."""
        return min(self.start, self.end)

    def ends(self) -> Step:
        """The first step from which it stays as it is: `steps`."""
        return self.steps


class WarmUp(_Schedule):
    """0 for `wait` steps, then up to `value` over `steps` (Sonderby et al., 2016, section 2.3).

    Example:
        >>> warm_up = WarmUp(steps=100, wait=50)
        >>> [warm_up(step) for step in (0, 100, 1000)]
        [0.0, 0.5, 1.0]
    """

    schedule: Literal["warm-up"] = "warm-up"
    value: Finite = 1.0
    steps: Count
    wait: Natural = 0

    def __call__(self, step: Step) -> float:
        """value * clip((step - wait) / steps, 0, 1)."""
        return self.value * min(1.0, max(0.0, (step - self.wait) / self.steps))

    def least(self) -> float:
        """The smallest that it ever is: 0, or a value below it."""
        return min(0.0, self.value)

    def ends(self) -> Step:
        """The first step from which it stays as it is, after the wait and the steps."""
        return self.wait + self.steps


class Cyclical(_Schedule):
    """Cycles of `period` steps: up from `low` to `high` over the first `ramp` of each, then `high` (Fu et al., 2019).

    After `cycles` of them, `high`; without a number, for ever.

    Example:
        >>> cyclical = Cyclical(period=100, cycles=2)
        >>> [cyclical(step) for step in (25, 75, 125, 225)]
        [0.5, 1.0, 0.5, 1.0]
    """

    schedule: Literal["cyclical"] = "cyclical"
    low: Finite = 0.0
    high: Finite = 1.0
    period: Count
    ramp: Annotated[PositiveFinite, Field(le=1)] = 0.5
    cycles: Count | None = None

    def __call__(self, step: Step) -> float:
        """low + (high - low) min(1, (step mod period) / (ramp period)); Fu et al. (2019), eq. 6-7."""
        if self.cycles is not None and step >= self.cycles * self.period:
            return self.high
        phase = (step % self.period) / (self.ramp * self.period)
        return self.low + (self.high - self.low) * min(1.0, phase)

    def least(self) -> float:
        """The smallest that it ever is, at one of its ends."""
        return min(self.low, self.high)

    def ends(self) -> Step:
        """The first step from which it stays as it is; without a last cycle, one at the top of the first."""
        if self.cycles is not None:
            return self.cycles * self.period
        return min(math.ceil(self.ramp * self.period), self.period - 1)


class Cosine(_Schedule):
    """From `start` to `end` along half a cosine over `steps` steps (Loshchilov and Hutter, 2017, eq. 5).

    Example:
        >>> Cosine(start=1e-3, steps=100)(step=50)
        0.0005
    """

    schedule: Literal["cosine"] = "cosine"
    start: Finite
    end: Finite = 0.0
    steps: Count

    def __call__(self, step: Step) -> float:
        """end + (start - end) (1 + cos(pi min(1, step / steps))) / 2."""
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))

    def least(self) -> float:
        """The smallest that it ever is, at one of its ends."""
        return min(self.start, self.end)

    def ends(self) -> Step:
        """The first step from which it stays as it is: `steps`."""
        return self.steps


AnySchedule = Constant | Linear | WarmUp | Cyclical | Cosine
Schedule = Annotated[AnySchedule, Field(discriminator="schedule")]
Weight = Finite | Schedule
"""A number, or a schedule of one: what a recipe's weights and targets may be."""


def as_schedule(weight: Weight) -> AnySchedule:
    """A weight as a schedule: a number stays the same at every step."""
    if isinstance(weight, _Schedule):
        return weight
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
        raise Refused(
            f"Expected a finite number, or a schedule such as Linear(end=1.0, steps=1000); got {in_short(weight)}."
        )
    return Constant(value=float(weight))
