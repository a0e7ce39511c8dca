"""A run and its schedules: how many steps it has, and which schedules it is too short for."""

from collections.abc import Iterator

from termwise.account import glossary
from termwise.models.scheduled import ScheduledParts
from termwise.objectives.game import Game
from termwise.objectives.optimizers import OptimizerSettings
from termwise.objectives.shapes import Opposed
from termwise.schedules import AnySchedule, as_schedule


class RunTooShort(UserWarning):
    """A run ends before a schedule of it does."""


def diagnose_length(
    game: Game, optimizer: OptimizerSettings, steps: int, scheduled: ScheduledParts | None = None
) -> list[str]:
    """A sentence on every schedule that a run of so many steps ends before, whose shares of the run are steps already.

    Args:
        game: The game that is played.
        optimizer: That of players who have none of their own.
        steps: How many the run has.
        scheduled: What of the model follows schedules.

    Example:
        >>> from termwise.objectives import Linear, recipe
        >>> game = recipe("capacity", target=Linear(end=25.0, steps=100_000))
        >>> diagnose_length(game, OptimizerSettings(), steps=660)
        ['The target of rate changes over 100,000 steps, and this run has 660: it comes to 0.165, and not to 25. ...']
    """
    return [
        f"{what} changes over {schedule.ends():,} steps, and this run has {steps:,}: it comes to "
        f"{schedule(steps):.3g}, and not to {schedule(schedule.ends()):.3g}. Train for more epochs, or say its length "
        "in fewer steps, or as a share of the run, such as share = 0.5."
        for what, schedule in (*_schedules(game, optimizer), *(scheduled.named() if scheduled else ()))
        if schedule.ends() > steps
    ]


def _schedules(game: Game, optimizer: OptimizerSettings) -> Iterator[tuple[str, AnySchedule]]:
    """Every schedule of a game's players, and of what."""
    usual = False
    for player in game.players:
        for part in player.objective.parts:
            term = glossary.reading(part.term.name).title
            yield f"The weight of {term}", part.weight
            if part.shape is not None and not isinstance(part.shape, Opposed):
                for block, target in part.shape.targets().items():
                    yield f"The target of {term}" + (f" of {block!r}" if block else ""), target
        if player.optimizer is not None:
            yield f"The learning rate of {player.name!r}", as_schedule(player.optimizer.learning_rate)
        usual = usual or player.optimizer is None
    if usual:
        yield "The learning rate", as_schedule(optimizer.learning_rate)
