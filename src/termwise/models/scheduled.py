"""What changes in a model from step to step of its training, by a schedule: the temperature of relaxed codes, say."""

from typing import Protocol, runtime_checkable

from torch import nn

from termwise.schedules import AnySchedule


@runtime_checkable
class Scheduled(Protocol):
    """A module of which some numbers follow schedules.

    Attributes:
        schedules: By the name of the attribute that follows it.
    """

    schedules: dict[str, AnySchedule]


class ScheduledParts:
    """The schedules of a model's parts, over a run of so many steps.

    Args:
        model: Its parts are told what they are at a step; it keeps that of the last.
        run: How many steps a schedule's share is of.

    Example:
        >>> from termwise.models import VAE
        >>> relaxed = {"gradient": "relaxed", "temperature": {"schedule": "linear", "start": 1.0, "end": 0.5}}
        >>> model = VAE.build((4,), 6, posterior="categorical", prior="uniform", posterior_options=relaxed)
        >>> ScheduledParts(model, run=1000).at(250)  # a linear schedule takes half of the run where nothing is said
        >>> model.family.temperature
        0.75
    """

    def __init__(self, model: nn.Module, run: int) -> None:
        self.parts = [
            (part, name, schedule.over(run))
            for part in model.modules()
            if isinstance(part, Scheduled)
            for name, schedule in part.schedules.items()
        ]

    def at(self, step: int) -> None:
        """Have every part be as it is at a step."""
        for part, name, schedule in self.parts:
            setattr(part, name, schedule(step))

    def named(self) -> list[tuple[str, AnySchedule]]:
        """What follows a schedule, in words, and the schedule."""
        return [(f"The {name} of the codes", schedule) for _, name, schedule in self.parts]
