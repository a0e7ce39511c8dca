"""Shapes of a term's batch mean: towards a target, a number or a schedule, in total, by dimension or by block.

    gap         |value - target|               pins the mean to it (Burgess et al., 2018, eq. 8)
    floor       max(0, target - value)         pushes it up, and leaves it be above
    free bits   max(target, value)             costs nothing below (Kingma et al., 2016, eq. 15)

By dimension, the shape is of each dimension's mean, sum_j shape(value_j), and the target is what each has of its own;
by block likewise, and a block may have a target of its own, by its name.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor

from termwise.errors import Refused
from termwise.schedules import AnySchedule, Weight, as_schedule
from termwise.values import checked

By = Literal["total", "dimension", "block"]
"""Whether the sum over dimensions is shaped, or each dimension by itself, or each block of the code."""

Target = Weight | dict[str, Weight]
"""What a term is to come to: a number or a schedule, or one for each block by its name."""


class _Towards(BaseModel):
    """A shape with a target. Abstract."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    target: Target
    by: By = "total"

    @model_validator(mode="after")
    def _names_blocks_alone(self) -> Self:
        if isinstance(self.target, dict) and self.by != "block":
            message = f"Targets by name are of blocks, by = 'block'; got by = {self.by!r}"
            raise PydanticCustomError("refused", "{message}", {"message": message})
        return self

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """A batch mean, shape (), or one by dimension, (D,), shaped at a training step."""
        raise NotImplementedError

    def of_blocks(self, means: Mapping[str, Tensor], step: int) -> Tensor:
        """The sum of the means of blocks, each shaped towards its own target, shape ().

        Raises:
            Refused: The targets are not of these blocks.
        """
        if isinstance(self.target, dict) and self.target.keys() != means.keys():
            raise Refused(
                f"Expected a target for each of the code's blocks, {', '.join(means)}; got {', '.join(self.target)}. "
                "Give one for each, such as 0, or one number for all."
            )
        return sum(
            (self._towards(name)(mean, step) for name, mean in means.items()), start=next(iter(means.values())) * 0
        )

    def _towards(self, block: str) -> Self:
        target = self.target
        return self.model_copy(update={"target": target[block]}) if isinstance(target, dict) else self

    def aim(self, step: int) -> float:
        """The target at a training step."""
        assert not isinstance(self.target, dict)
        return as_schedule(self.target)(step)

    def targets(self) -> dict[str, AnySchedule]:
        """The targets as schedules, by the block that each is of; of all together, or of each alike, under ""."""
        targets = self.target if isinstance(self.target, dict) else {"": self.target}
        return {name: as_schedule(target) for name, target in targets.items()}

    def ends(self) -> int:
        """The step from which the target stays."""
        return max(target.ends() for target in self.targets().values())

    def over(self, run: int) -> Self:
        """The same over a run of so many steps."""
        targets = {name: target.over(run) for name, target in self.targets().items()}
        return self.model_copy(update={"target": targets if isinstance(self.target, dict) else targets[""]})


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
def gap(target: Target, by: By = "total") -> Gap:
    """The shape |value - target|: a batch mean is pinned to a target, a number or a schedule.

    Example:
        >>> import torch
        >>> gap(25.0)(torch.tensor(22.0), step=0)
        tensor(3.)
        >>> apart = gap({"digit": 2.0, "style": 20.0}, by="block")
        >>> apart.of_blocks({"digit": torch.tensor(1.5), "style": torch.tensor(20.0)}, step=0)
        tensor(0.5000)
    """
    return Gap(target=target, by=by)


@checked
def floor(target: Target, by: By = "total") -> Floor:
    """The shape max(0, target - value): a batch mean is pushed up to a target, and left alone above.

    Example:
        >>> import torch
        >>> floor({"schedule": "linear", "end": 3.0, "steps": 10})(torch.tensor(1.0), step=5)
        tensor(0.5000)
    """
    return Floor(target=target, by=by)


@checked
def free_bits(target: Target, by: By = "dimension") -> FreeBits:
    """The shape max(target, value): a dimension, a block or the total may cost up to a target for nothing.

    Example:
        >>> import torch
        >>> free_bits(0.25)(torch.tensor([0.1, 2.0]), step=0)  # of two dimensions
        tensor([0.2500, 2.0000])
    """
    return FreeBits(target=target, by=by)
