"""What a tracker is asked: to take up a run, its curves, its readings and its figures, and to close it."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from termwise.account import Account
from termwise.account.rounding import with_error
from termwise.errors import Refused
from termwise.trackers.points import StepNumbers
from termwise.training import RunFolder


@dataclass(frozen=True)
class TrackedRun:
    """The run that a tracker takes up.

    Attributes:
        name: What it is called: the name of its folder.
        folder: Where its files are.
        settings: Its configuration, as nested tables.
        step: How many steps the tracker has been told of, where it goes on; else 0.
    """

    name: str
    folder: RunFolder
    settings: Mapping[str, Any]
    step: int = 0


class Tracker(Protocol):
    """Another program that keeps runs and shows them; one of yours is a row of `TRACKERS`, or an entry point's.

    The methods are called in the order in which they stand here. What one raises in `begin` ends the training before
    its first step; what is raised later leaves this tracker out, with a warning, and the training goes on.

    Example:
        >>> class Printer:
        ...     def begin(self, run, known):
        ...         print("begins", run.name)
        ...         return run.name
        ...     def point(self, point):
        ...         print(point.step, sorted(point.groups))
        ...     def readings(self, account, step):
        ...         print("rate" in account)
        ...     def figures(self, figures, step):
        ...         print(sorted(figures))
        ...     def end(self, error):
        ...         print("ended")
        >>> import termwise as tw
        >>> from tempfile import mkdtemp
        >>> _ = tw.TRACKERS.add(tw.Row("printer", Printer, "lines on the terminal"))
        >>> quick = {"data": "four-points", "recipe": "vae", "epochs": 1, "progress": False}
        >>> run = tw.train(**quick, out=mkdtemp() + "/four", track="printer")
        begins four
        1 ['schedule', 'test', 'train']
        True
        []
        ended
    """

    @abstractmethod
    def begin(self, run: TrackedRun, known: str | None) -> str:
        """Begin a run, or go on with one; returns what it is known by.

        Args:
            run: The run.
            known: What `begin` returned for it before, where it goes on. If another is returned, such as where that one
                is gone, all curves so far are told again.
        """
        ...

    @abstractmethod
    def point(self, point: StepNumbers) -> None:
        """Take up the numbers of one step."""
        ...

    @abstractmethod
    def readings(self, account: Account, step: int) -> None:
        """Take up the account of the test split, measured after `step` steps."""
        ...

    @abstractmethod
    def figures(self, figures: Mapping[str, bytes], step: int) -> None:
        """Take up figures, PNGs by name."""
        ...

    @abstractmethod
    def end(self, error: BaseException | None) -> None:
        """Close the run, with the error that ended it, if one did."""
        ...


def check_installed(name: str, package: str | None = None) -> None:
    """Raise Refused where a tracker's package, of its own name if no other is said, is not installed.

    Example:
        >>> check_installed("cards", "no_such_package")
        Traceback (most recent call last):
        termwise.errors.Refused: The tracker 'cards' needs no_such_package. Install it: pip install 'termwise[cards]'.
    """
    if find_spec(package or name) is None:
        raise Refused(f"The tracker {name!r} needs {package or name}. Install it: pip install 'termwise[{name}]'.")


def numbers_of(account: Account) -> dict[str, float]:
    """The values and standard errors of an account's readings of one number, by GROUP/NAME.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> list(numbers_of(tw.measure(world, world.data(500))))[:3]
        ['account/distortion', 'account/rate', 'account/elbo']
    """
    values = {f"account/{name}": one.value for name, one in account.overall.items()}
    return values | {
        f"account_stderr/{name}": one.stderr for name, one in account.overall.items() if one.stderr is not None
    }


COLUMNS = ("reading", "value", "stderr", "unit", "estimator", "bias")
"""The columns of a table of readings."""


def rows_of(account: Account) -> Iterator[tuple[str | float | None, ...]]:
    """A row for each reading of one number, under `COLUMNS`.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> next(rows_of(tw.measure(world, world.data(500))))
        ('distortion', ..., 'nats', 'Monte Carlo', 'unbiased')
    """
    for name, one in account.overall.items():
        yield name, one.value, one.stderr, one.unit, one.estimator, one.bias


def markdown_of(account: Account) -> str:
    """An account in Markdown: its diagnosis, and the table of its readings.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> print(markdown_of(tw.measure(world, world.data(500))))
        Index-code MI is at its ceiling: 1.99 of at most log N = 6.21 nats, with a rate of 6.57...
        | reading | value ± s.e. | unit | estimator | bias |
        | --- | --- | --- | --- | --- |
        | distortion | 63.8 ± 1.7 | nats | Monte Carlo | unbiased |
        ...
    """
    rows = [("reading", "value ± s.e.", "unit", "estimator", "bias"), ("---",) * 5]
    rows += [
        (name, with_error(one.value, one.stderr), one.unit, one.estimator, one.bias)
        for name, one in account.overall.items()
    ]
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n\n".join([*account.diagnosis, "\n".join(f"| {' | '.join(row)} |" for row in cells)])
