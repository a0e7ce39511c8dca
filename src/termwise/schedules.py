"""Schedules: a number that may change from step to step, such as a weight or a target.

How long one lasts is said in steps, or as a share of the run, which a training makes steps of before it begins:

    steps = max(1, floor(share T)),    T the steps of the run
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from termwise.errors import Refused, in_short
from termwise.values import Count, Finite, Natural, PositiveFinite

Step = int

RunShare = Annotated[PositiveFinite, Field(le=1)]
"""A part of a run, above 0 and up to all of it."""


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

    def over(self, run: Step) -> Self:
        """The same over a run of so many steps: its shares of the run are steps."""
        return self


class _Lasting(_Schedule):
    """A schedule of some length, in steps or as a share of the run; where neither is said, of `usual`. Abstract."""

    length: ClassVar[str] = "steps"
    usual: ClassVar[float]
    share: RunShare | None = None

    @classmethod
    def _usual(cls, given: Mapping[str, Any]) -> float:
        """The share of the run where no length is said, beside what else is."""
        return cls.usual

    @model_validator(mode="before")
    @classmethod
    def _of_one_length(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given  # for pydantic to refuse
        told = [name for name in (cls.length, "share") if given.get(name) is not None]
        if len(told) > 1:
            message = f"Its length is said twice: {cls.length} and share, of the run. Give it one of the two"
            raise PydanticCustomError("refused", "{message}", {"message": message})
        return given if told else {**given, "share": cls._usual(given)}

    def over(self, run: Step) -> Self:
        """The same over a run of so many steps: its share of the run is steps."""
        if self.share is None:
            return self
        return self.model_copy(update={"share": None, self.length: max(1, int(self.share * run + 1e-6))})

    @property
    def lasts(self) -> Step:
        """Its length in steps.

        Raises:
            Refused: It is a share of a run that is not known.
        """
        steps: Step | None = getattr(self, self.length)
        if steps is None:
            raise Refused(
                f"This {type(self).__name__} lasts {self.share:g} of the run, whose steps are not known here. Say how "
                f"many they are, by over(1000), or give it {self.length}."
            )
        return steps


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


class Linear(_Lasting):
    """From `start` to `end` over `steps` steps, or a `share` of the run (half of it), and `end` from then on.

    Example:
        >>> Linear(end=2.0, steps=100)(step=25)
        0.5
        >>> Linear(end=2.0, share=0.8).over(1000)
        Linear(share=None, schedule='linear', start=0.0, end=2.0, steps=800)
    """

    usual = 0.5
    schedule: Literal["linear"] = "linear"
    start: Finite = 0.0
    end: Finite
    steps: Count | None = None

    def __call__(self, step: Step) -> float:
        """start + (end - start) min(1, step / steps)."""
        return self.start + (self.end - self.start) * min(1.0, step / self.lasts)

    def least(self) -> float:
        """The smallest that it ever is, at one of its ends."""
        return min(self.start, self.end)

    def ends(self) -> Step:
        """The first step from which it stays as it is: `steps`."""
        return self.lasts


class WarmUp(_Lasting):
    """0 for `wait` steps, then up to `value` over `steps` (Sonderby et al., 2016, section 2.3).

    In place of steps a `share` of the run may be said, which the wait is part of: half of it, where neither is.

    Example:
        >>> warm_up = WarmUp(steps=100, wait=50)
        >>> [warm_up(step) for step in (0, 100, 1000)]
        [0.0, 0.5, 1.0]
    """

    usual = 0.5
    schedule: Literal["warm-up"] = "warm-up"
    value: Finite = 1.0
    steps: Count | None = None
    wait: Natural = 0

    def __call__(self, step: Step) -> float:
        """value * clip((step - wait) / steps, 0, 1)."""
        return self.value * min(1.0, max(0.0, (step - self.wait) / self.lasts))

    def over(self, run: Step) -> "WarmUp":
        """The same over a run of so many steps: its share of the run is the wait, and then steps."""
        whole = super().over(run)
        return whole if self.share is None else whole.model_copy(update={"steps": max(1, whole.lasts - self.wait)})

    def least(self) -> float:
        """The smallest that it ever is: 0, or a value below it."""
        return min(0.0, self.value)

    def ends(self) -> Step:
        """The first step from which it stays as it is, after the wait and the steps."""
        return self.wait + self.lasts


class Cyclical(_Lasting):
    """Cycles of `period` steps: up from `low` to `high` over the first `ramp` of each, then `high` (Fu et al., 2019).

    After `cycles` of them, `high`; without a number, for ever. In place of a period each may be a `share` of the run:
    where neither is said, as large as leaves room for all cycles, or for four.

    Example:
        >>> cyclical = Cyclical(period=100, cycles=2)
        >>> [cyclical(step) for step in (25, 75, 125, 225)]
        [0.5, 1.0, 0.5, 1.0]
    """

    length, usual = "period", 0.25
    schedule: Literal["cyclical"] = "cyclical"
    low: Finite = 0.0
    high: Finite = 1.0
    period: Count | None = None
    ramp: Annotated[PositiveFinite, Field(le=1)] = 0.5
    cycles: Count | None = None

    @classmethod
    def _usual(cls, given: Mapping[str, Any]) -> float:
        cycles = given.get("cycles")
        return 1 / cycles if isinstance(cycles, int) and cycles > 0 else cls.usual

    def __call__(self, step: Step) -> float:
        """low + (high - low) min(1, (step mod period) / (ramp period)); Fu et al. (2019), eq. 6-7."""
        period = self.lasts
        if self.cycles is not None and step >= self.cycles * period:
            return self.high
        phase = (step % period) / (self.ramp * period)
        return self.low + (self.high - self.low) * min(1.0, phase)

    def least(self) -> float:
        """The smallest that it ever is, at one of its ends."""
        return min(self.low, self.high)

    def ends(self) -> Step:
        """The first step from which it stays as it is; without a last cycle, one at the top of the first."""
        period = self.lasts
        if self.cycles is not None:
            return self.cycles * period
        return min(math.ceil(self.ramp * period), period - 1)


class Cosine(_Lasting):
    """From `start` to `end` along half a cosine over `steps` steps (Loshchilov and Hutter, 2017, eq. 5).

    In place of steps a `share` of the run may be said: all of it, where neither is.

    Example:
        >>> Cosine(start=1e-3, steps=100)(step=50)
        0.0005
    """

    usual = 1.0
    schedule: Literal["cosine"] = "cosine"
    start: Finite
    end: Finite = 0.0
    steps: Count | None = None

    def __call__(self, step: Step) -> float:
        """end + (start - end) (1 + cos(pi min(1, step / steps))) / 2."""
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.lasts)))

    def least(self) -> float:
        """The smallest that it ever is, at one of its ends."""
        return min(self.start, self.end)

    def ends(self) -> Step:
        """The first step from which it stays as it is: `steps`."""
        return self.lasts


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
