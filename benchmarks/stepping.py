"""Real trainers, some seconds at a time, so that several can take turns on a machine whose speed wanders.

A `Stopwatch` sits where the progress bar would. The trainer asks it after every step whether it wants the means; there
it takes the time, and there it stops the trainer, which goes on from that step when it is run again. What lies between
two steps of one epoch counts: reading the batch, the terms, the memory, the optimizer, the running sums. Evaluation and
checkpoints lie between epochs, and do not.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from termwise.data import Dataset
from termwise.models import VAE
from termwise.objectives import Game
from termwise.training import RunFolder, Trainer
from termwise.training.config import Config, TrainingSection
from termwise.training.progress import Silent


class Pause(Exception):  # noqa: N818
    """The turn is over."""


class Stopwatch(Silent):
    """Times the steps of one trainer.

    Attributes:
        trainer: Whose; to be set once it is made.
        times: Seconds of every step that was timed.
    """

    trainer: Trainer

    def __init__(self) -> None:
        self.times: list[float] = []
        self._last, self._epoch = 0.0, -1
        self._end = float("inf")

    def turn(self, seconds: float) -> list[float]:
        """Let the trainer train for so many seconds, or to its end; returns the times of this turn's steps."""
        before, self._epoch = len(self.times), -1
        self._end = time.perf_counter() + seconds
        try:
            self.trainer.run()
        except Pause:
            pass
        return self.times[before:]

    def wants(self) -> bool:
        """Take the time; the first step of a turn, or of an epoch, has no beginning and is left out."""
        now = time.perf_counter()
        if self.trainer.epoch == self._epoch:
            self.times.append(now - self._last)
        self._epoch = self.trainer.epoch
        if now > self._end:
            raise Pause
        self._last = time.perf_counter()
        return False


def training(model: VAE, game: Game, data: Dataset, folder: str | Path, **settings: Any) -> Stopwatch:
    """A trainer that has not begun, and its stopwatch; settings are those of the training section."""
    run = RunFolder(folder)
    section = TrainingSection(device="cpu", **settings)
    run.create(Config(training=section))
    watch = Stopwatch()
    watch.trainer = Trainer(model, game, data, section, run, watch)
    watch.trainer.start()
    return watch


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for runs, gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="termwise-benchmark-")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Markdown; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = tuple("-" * width + ("" if i == 0 else ":") for i, width in enumerate(widths))
    lines = []
    for row in (head, rule, *rows):
        cells = [cell.ljust(w) if i == 0 else cell.rjust(w + 1) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def threads(count: int) -> None:
    """How many threads every contender has."""
    torch.set_num_threads(count)
