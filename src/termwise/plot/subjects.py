"""What is drawn, of all that a user may name it by: accounts with their names, and lines of metrics."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from termwise.account import Account
from termwise.account.compare import told_apart
from termwise.data import Dataset, load_data
from termwise.errors import Refused, in_short
from termwise.models.drawable import Drawable
from termwise.report.curves import MetricsLine
from termwise.training import RunFolder


@runtime_checkable
class HasAccount(Protocol):
    """What has an account and a folder, such as a run."""

    account: Account
    folder: Any


Subject = Any
"""An account; a run; or the path of a run folder."""

Subjects = Any
"""A subject, several of them, or several by what they are to be called."""

EXPECTED = "an Account, a Run, the path of a run folder, or a list or a dict of these"


def accounts_of(given: Subjects) -> list[tuple[str, Account]]:
    """The accounts with what they are called: run folders by their last part, others by their place.

    Raises:
        Refused: Something is none.

    Example:
        >>> from termwise.account import Account
        >>> [name for name, _ in accounts_of({"first": Account({}), "second": Account({})})]
        ['first', 'second']
    """
    listed = _listed(given)
    if not listed:
        raise Refused(f"There is nothing to draw: pass {EXPECTED}.")
    return list(zip(_names(given, listed), map(account_of, listed), strict=True))


def check_listed(function: str, option: object) -> None:
    """Raise Refused where a second subject stands in the place of an option."""
    if isinstance(option, Account | HasAccount | PathLike) or (isinstance(option, str) and RunFolder(option).exists):
        raise Refused(f"Several are drawn of a list, or of a dict by their names: {function}([a, b]).")


def account_of(one: Subject) -> Account:
    """The account itself, or that of a run or of a run folder."""
    if isinstance(one, Account):
        return one
    if isinstance(one, HasAccount):
        return one.account
    if isinstance(one, str | PathLike):
        folder = RunFolder(one)
        folder.config()  # says so where it is no run folder
        return Account.load(folder.account_file, folder.values_file)
    raise Refused(f"Expected {EXPECTED}; got {in_short(one)}.")


def metrics_of(given: Subjects) -> list[tuple[str, Sequence[MetricsLine]]]:
    """The lines of metrics.jsonl of runs or run folders, or such lines themselves, with what they are called."""
    if isinstance(given, Sequence) and given and all(isinstance(line, Mapping) and "step" in line for line in given):
        return [("run", given)]
    listed = _listed(given)
    if not listed:
        raise Refused("There are no curves to draw: pass a Run, the path of a run folder, or several of them.")
    found: list[tuple[str, Sequence[MetricsLine]]] = []
    for name, one in zip(_names(given, listed), listed, strict=True):
        if isinstance(one, str | PathLike):
            folder = RunFolder(one)
            folder.config()
            found.append((name, folder.metrics()))
        elif hasattr(one, "metrics"):
            found.append((name, one.metrics()))
        else:
            raise Refused(
                "Curves are drawn of a Run, the path of a run folder, the lines of its metrics, or a list or a dict "
                f"of these; got {in_short(one)}."
            )
    return found


def model_and_examples(given: Any, data: Any) -> tuple[Drawable, Dataset]:
    """The model, and examples: a run's own held-out ones where none are given."""
    if hasattr(given, "model") and hasattr(given, "data"):
        return given.model, given.data.test if data is None else _dataset(data)
    if isinstance(given, str | PathLike):
        raise Refused(f"This is drawn of a model and its data: pass tw.load_run({str(given)!r}).")
    if not isinstance(given, Drawable):
        raise Refused(f"Expected a Run, or a model and its data; got {in_short(given)}.")
    if data is None:
        raise Refused("Nothing to draw: pass the data too, as in latents(model, data).")
    return given, _dataset(data)


def _dataset(data: Any) -> Dataset:
    return data if isinstance(data, Dataset) else load_data(data, test=0.0)


def _listed(given: Subjects) -> list[Subject]:
    if isinstance(given, Account | HasAccount | str | PathLike):
        return [given]
    if isinstance(given, Mapping):
        return list(given.values())
    return list(given) if isinstance(given, Iterable) else [given]


def _names(given: Subjects, listed: Sequence[Subject]) -> list[str]:
    """What they are called: as a dict says; else run folders by their last part, others by their place."""
    if isinstance(given, Mapping) and not isinstance(given, Account):
        return [str(name) for name in given]
    return told_apart([_name(k, one) for k, one in enumerate(listed, 1)])


def _name(place: int, one: Subject) -> str:
    path = one if isinstance(one, str | PathLike) else getattr(one, "folder", None)
    return f"account {place}" if path is None else Path(str(path)).name
