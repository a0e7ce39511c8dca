"""What a person sees while training: a bar with the terms on a terminal, a line per evaluation elsewhere."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from termwise.account import glossary


class Watcher(Protocol):
    """Someone who is told how the training goes."""

    def __enter__(self) -> "Watcher":
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        ...

    def stepped(self, epoch: int, step: int, terms: Mapping[str, float]) -> None:
        """A step was made; `terms` are the means of the epoch so far."""
        ...

    def wants(self) -> bool:
        """Whether it is time to tell: asking the means costs something."""
        ...

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Held-out data was looked at."""
        ...


class Silent:
    """Nobody watches."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def stepped(self, epoch: int, step: int, terms: Mapping[str, float]) -> None:
        """Nothing."""

    def wants(self) -> bool:
        """Never."""
        return False

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Nothing."""


def in_short(terms: Mapping[str, float]) -> str:
    """The terms on one line."""
    return "  ".join(f"{glossary.reading(name).short} {value:.2f}" for name, value in terms.items())


class Bar:
    """A progress bar on standard error, with the running means of the terms; told a few times a second."""

    def __init__(self, steps: int, epochs: int, console: Console | None = None, every: float = 0.2) -> None:
        self.console = console or Console(stderr=True)
        self.epochs, self.every, self._told = epochs, every, 0.0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._task = self._progress.add_task("training", total=steps)

    def __enter__(self) -> "Bar":
        if self.console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:  # else it would print an empty line
            self._progress.stop()

    def stepped(self, epoch: int, step: int, terms: Mapping[str, float]) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=step, description=f"epoch {epoch}/{self.epochs}  {in_short(terms)}")

    def wants(self) -> bool:
        """A few times a second, on a terminal."""
        now = time.monotonic()
        if not self.console.is_terminal or now - self._told < self.every:
            return False
        self._told = now
        return True

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """A line that stays."""
        self.console.print(
            f"epoch {epoch:>{len(str(self.epochs))}}  {split}: {in_short(terms)}", highlight=False, soft_wrap=True
        )
