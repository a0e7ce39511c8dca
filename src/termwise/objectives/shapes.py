"""Shapes of a term's batch mean: towards a target, a number or a schedule, which it has in total or by dimension.

    gap         |value - target|               pins the mean to it (Burgess et al., 2018, eq. 8)
    floor       max(0, target - value)         pushes it up, and leaves it be above
    free bits   max(target, value)             costs nothing below (Kingma et al., 2016, eq. 15)

By dimension, the shape is of each dimension's mean, sum_j shape(value_j), and the target is what each has of its own.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from termwise.schedules import Weight, as_schedule
from termwise.values import checked

By = Literal["total", "dimension"]
"""Whether the sum over dimensions is shaped, or each by itself."""


class _Towards(BaseModel):
    """A shape with a target. Abstract."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    target: Weight
    by: By = "total"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """A batch mean, shape (), or one by dimension, (D,), shaped at a training step."""
        raise NotImplementedError

    def aim(self, step: int) -> float:
        """The target at a training step."""
        return as_schedule(self.target)(step)

    def ends(self) -> int:
        """The step from which the target stays."""
        return as_schedule(self.target).ends()

    def over(self, run: int) -> Self:
        """The same over a run of so many steps."""
        return self.model_copy(update={"target": as_schedule(self.target).over(run)})


class Gap(_Towards):
    """|value - target|: pins the batch mean to a target (Burgess et al., 2018, eq. 8)."""

    name: Literal["gap"] = "gap"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """|value - target(step)|, shape as given."""
        return (value - self.aim(step)).abs()


class Floor(_Towards):
    """max(0, target - value): pushes the batch mean up to a target, and leaves it be above."""

    name: Literal["floor"] = "floor"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """max(0, target(step) - value), shape as given."""
        return (self.aim(step) - value).clamp(min=0)


class FreeBits(_Towards):
    """max(target, value): what is below the target costs no more than it, and is pushed nowhere."""

    name: Literal["free-bits"] = "free-bits"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """max(target(step), value), shape as given."""
        return value.clamp(min=self.aim(step))


class Opposed(BaseModel):
    """-value: what another player of the game minimises, this one makes large."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["opposed"] = "opposed"
    by: Literal["total"] = "total"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """The batch mean's negative, shape ()."""
        return -value

    def ends(self) -> int:
        """The step from which nothing changes: 0."""
        return 0

    def over(self, run: int) -> "Opposed":
        """The same over a run of any length."""
        return self


Shaping = Annotated[Gap | Floor | FreeBits, Field(discriminator="name")]
"""How a configuration may shape a term's batch mean."""

Shape = Gap | Floor | FreeBits | Opposed
"""How a part of an objective may be shaped."""


@checked
def gap(target: Weight, by: By = "total") -> Gap:
    """The shape |value - target|: a batch mean is pinned to a target, a number or a schedule.

    Example:
        >>> import torch
        >>> gap(25.0)(torch.tensor(22.0), step=0)
        tensor(3.)
    """
    return Gap(target=target, by=by)


@checked
def floor(target: Weight, by: By = "total") -> Floor:
    """The shape max(0, target - value): a batch mean is pushed up to a target, and left alone above.

    Example:
        >>> import torch
        >>> floor({"schedule": "linear", "end": 3.0, "steps": 10})(torch.tensor(1.0), step=5)
        tensor(0.5000)
    """
    return Floor(target=target, by=by)


@checked
def free_bits(target: Weight, by: By = "dimension") -> FreeBits:
    """The shape max(target, value): a dimension, or the total, may cost up to a target for nothing.

    Example:
        >>> import torch
        >>> free_bits(0.25)(torch.tensor([0.1, 2.0]), step=0)  # of two dimensions
        tensor([0.2500, 2.0000])
    """
    return FreeBits(target=target, by=by)
