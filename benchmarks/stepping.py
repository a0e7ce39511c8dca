"""Training some seconds at a time, so that several contenders can take turns on a machine whose speed wanders.

A contender tells its `Clock` after every step. The clock takes the time from step to step, and when the turn is over
it stops the training, which goes on from there at its next turn. What lies between two steps of one epoch counts:
reading the batch, the terms, the memory, the optimizer, the running sums. Evaluation and checkpoints lie between
epochs, and do not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import Any

from termwise.data import Dataset
from termwise.models import VAE
from termwise.objectives import Game
from termwise.training import Config, RunFolder, Trainer, config_from
from termwise.training.watchers import Silent

Turn = Callable[[float], list[float]]
"""Train for so many seconds; returns the seconds that each step took."""


class Pause(Exception):
    """The turn is over."""


class Clock:
    """Takes the time of every step, and ends turns."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._epoch: int | None = None
        self._last = self._end = 0.0

    def turn(self, train: Callable[[], object], seconds: float) -> list[float]:
        """Let `train` run until a step ends after `seconds`; the times of its steps."""
        self._times, self._epoch, self._end = [], None, time.perf_counter() + seconds
        with suppress(Pause):
            train()
        return self._times

    def step(self, epoch: int) -> None:
        """A step was made; the first of a turn, or of an epoch, has no known beginning and is left out."""
        now = time.perf_counter()
        if epoch == self._epoch:
            self._times.append(now - self._last)
        if now > self._end and self._times:
            raise Pause
        self._epoch, self._last = epoch, time.perf_counter()


class Stopwatch(Silent):
    """Sits where the progress bar would, and is asked after every step."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.trainer: Trainer | None = None

    def wants(self) -> bool:
        """Tell the clock; want nothing."""
        assert self.trainer is not None
        self.clock.step(self.trainer.epoch)
        return False


def trainer_on_turns(
    model: VAE, game: Game, data: Dataset, folder: str | Path, **settings: Any
) -> tuple[Trainer, Turn]:
    """A trainer, its memories filled, and its turns; `settings` are those of the training section."""
    config: Config = config_from({"training": {"device": "cpu", **settings}})
    run, watch = RunFolder(folder), Stopwatch()
    run.create(config)
    trainer = watch.trainer = Trainer(model, game, data, config.training, run, watch)
    trainer.start()
    return trainer, lambda seconds: watch.clock.turn(trainer.run, seconds)


def in_rounds(contenders: Mapping[str, Turn], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Mean seconds a step of every contender, round by round: A B C A B C ..., after one turn each to warm up."""
    for turn in contenders.values():
        turn(min(2.0, seconds))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, turn in contenders.items():
            taken[name].append(mean(turn(seconds)))
    return taken


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = [("-" * width) if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in (head, rule, *rows)
    )
