"""Watchers of a training: a bar with the terms on a terminal, a line per evaluation elsewhere, or one of your own."""

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from termwise.account import Account, glossary
from termwise.models.vae import VAE
from termwise.training.config import Config
from termwise.training.run_folder import RunFolder


@runtime_checkable
class Watcher(Protocol):
    """Someone who is told how a training goes, by calls of these methods; what they raise ends the training.

    To write one, extend `Silent`, and pass it to `train(callbacks=[...])`, or to a `Trainer`, who knows of no account
    and calls neither `began`, `measured` nor `ended`. The calls come in the order in which the methods stand here.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> class AtTheEnd(Silent):
        ...     def measured(self, account):
        ...         print("elbo" in account, account["rate"].unit)
        >>> quick = {"data": "four-points", "recipe": "vae", "epochs": 1, "progress": False}
        >>> run = tw.train(**quick, out=mkdtemp(), callbacks=[AtTheEnd()])
        True nats

        >>> class EachEvaluation(Silent):
        ...     def evaluated(self, epoch, split, terms):
        ...         print(f"epoch {epoch}: {', '.join(terms)} on {split}")
        >>> folder, config = tw.training.RunFolder(mkdtemp()), tw.training.Config(training={"epochs": 2})
        >>> folder.create(config)
        >>> data, model = tw.load_data("four-points"), tw.VAE.build((4,), latent=2)
        >>> watcher: Watcher = EachEvaluation()
        >>> trainer = tw.training.Trainer(model, tw.recipe("vae"), data, config.training, folder, watcher)
        >>> trainer.start()
        >>> _ = trainer.run()
        epoch 1: distortion, rate, ..., elbo on test
        epoch 2: distortion, rate, ..., elbo on test
    """

    @abstractmethod
    def began(self, folder: RunFolder, config: Config, model: VAE) -> None:
        """Called once all is ready, also of a training that goes on, and of one with no step left to make.

        Args:
            folder: The run's files; metrics.jsonl has the lines of before, where it goes on. It is unfinished/ within
                the run's folder where there is a run to replace.
            config: The configuration of the run.
            model: The model that is trained.
        """
        ...

    @abstractmethod
    def __enter__(self) -> "Watcher":
        """Called before the first step, also of a training that goes on."""
        ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Called after the last step, with the error that ended the training, if one did."""
        ...

    @abstractmethod
    def stepped(self, epoch: int, step: int, terms: Mapping[str, float]) -> None:
        """Called after a step, where `wants` agrees.

        Args:
            epoch: The epoch that the step is of, from 1.
            step: How many steps were made.
            terms: The first player's terms by name, as means over the epoch so far, unweighted.
        """
        ...

    @abstractmethod
    def wants(self) -> bool:
        """Asked after each step: whether to be told of it now, which costs something."""
        ...

    @abstractmethod
    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Called after an evaluation.

        Args:
            epoch: How many epochs are done.
            split: What was evaluated: "validation", or "test" where there is no such split.
            terms: The means of all terms on it, by name, unweighted.
        """
        ...

    @abstractmethod
    def logged(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Called after an epoch whose checkpoint is written, with the lines that metrics.jsonl got.

        Args:
            lines: Each has epoch, step and split; a player's has its terms, their weights and its learning rate.
        """
        ...

    @abstractmethod
    def measured(self, account: Account) -> None:
        """Called once the run is measured, and its folder holds the account of the test split and the report."""
        ...

    @abstractmethod
    def ended(self, error: BaseException | None) -> None:
        """Called last, with the error that ended the training or the measuring, if one did."""
        ...


class Silent:
    """A watcher who does nothing; to be extended by one who does something.

    Example:
        >>> with Silent() as watcher:
        ...     watcher.wants()
        False
    """

    def began(self, folder: RunFolder, config: Config, model: VAE) -> None:
        """Do nothing before a training."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def stepped(self, epoch: int, step: int, terms: Mapping[str, float]) -> None:
        """Do nothing after a step."""

    def wants(self) -> bool:
        """Always False: there is no step to be told of."""
        return False

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Do nothing after an evaluation."""

    def logged(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Do nothing after an epoch."""

    def measured(self, account: Account) -> None:
        """Do nothing after measuring."""

    def ended(self, error: BaseException | None) -> None:
        """Do nothing at the end."""


class Watchers(Silent):
    """Several watchers as one: each is told what it would be told alone, in their order, and left in the reverse one.

    Args:
        each: The watchers.

    Example:
        >>> class Told(Silent):
        ...     def __init__(self, name):
        ...         self.name = name
        ...     def evaluated(self, epoch, split, terms):
        ...         print(self.name, epoch)
        >>> Watchers([Told("one"), Told("two")]).evaluated(3, "test", {})
        one 3
        two 3
    """

    def __init__(self, each: Sequence[Watcher]) -> None:
        self.each = tuple(each)
        self._waiting: list[Watcher] = []
        self._entered = ExitStack()

    @contextmanager
    def to_the_end(self) -> Iterator[None]:
        """Do what is done within, and tell each that it has ended, or by which error."""
        try:
            yield
        except BaseException as error:
            self.ended(error)
            raise
        self.ended(None)

    def began(self, folder: RunFolder, config: Config, model: VAE) -> None:
        """Tell each that it begins."""
        for one in self.each:
            one.began(folder, config, model)

    def __enter__(self) -> "Watchers":
        with ExitStack() as entered:
            for one in self.each:
                entered.enter_context(one)
            self._entered = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.__exit__(kind, error, trace)

    def wants(self) -> bool:
        """Whether any wants to be told now; each is asked."""
        self._waiting = [one for one in self.each if one.wants()]
        return bool(self._waiting)

    def stepped(self, epoch: int, step: int, terms: Mapping[str, float]) -> None:
        """Tell those who wanted it."""
        for one in self._waiting:
            one.stepped(epoch, step, terms)

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Tell each of an evaluation."""
        for one in self.each:
            one.evaluated(epoch, split, terms)

    def logged(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Tell each of the lines."""
        for one in self.each:
            one.logged(lines)

    def measured(self, account: Account) -> None:
        """Tell each of the account."""
        for one in self.each:
            one.measured(account)

    def ended(self, error: BaseException | None) -> None:
        """Tell each, whatever one of them raises, which is raised in the end."""
        with ExitStack() as telling:
            for one in reversed(self.each):
                telling.callback(one.ended, error)


def in_short(terms: Mapping[str, float]) -> str:
    """The terms on one line, by their short names.

    Example:
        >>> in_short({"distortion": 80.25, "total_correlation": 0.5})
        'dist 80.25  TC 0.50'
    """
    return "  ".join(f"{glossary.reading(name).short} {value:.2f}" for name, value in terms.items())


class Bar(Silent):
    """A watcher with a progress bar on standard error, and the running means of the terms beside it.

    Args:
        steps: How many steps the training has.
        epochs: How many epochs it has.
        console: Where to draw; standard error where left out. Where it is no terminal, there is no bar.
        every: Seconds between changes of the bar.

    Example:
        >>> import io
        >>> text = io.StringIO()
        >>> with Bar(steps=100, epochs=10, console=Console(file=text)) as watcher:
        ...     watcher.evaluated(1, "test", {"distortion": 80.25, "rate": 7.5})
        >>> print(text.getvalue().strip())
        epoch 1  test: dist 80.25  rate 7.50
    """

    def __init__(self, steps: int, epochs: int, console: Console | None = None, every: float = 0.2) -> None:
        self.console = console or Console(stderr=True)
        self.epochs, self.every, self._changed_at = epochs, every, 0.0
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
        """Move the bar, and change the terms beside it."""
        self._progress.update(self._task, completed=step, description=f"epoch {epoch}/{self.epochs}  {in_short(terms)}")

    def wants(self) -> bool:
        """True a few times a second, on a terminal."""
        now = time.monotonic()
        if not self.console.is_terminal or now - self._changed_at < self.every:
            return False
        self._changed_at = now
        return True

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Print a line that stays."""
        self.console.print(
            f"epoch {epoch:>{len(str(self.epochs))}}  {split}: {in_short(terms)}", highlight=False, soft_wrap=True
        )
