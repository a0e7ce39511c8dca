"""Accounts and runs side by side."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from termwise import account
from termwise.account.compare import told_apart
from termwise.api.run import Run
from termwise.errors import Refused, in_short
from termwise.training import RunFolder
from termwise.values import checked


@checked
def compare(
    *runs: account.Account | Run | str | PathLike[str] | Sequence[Any] | Mapping[str, Any],
) -> account.Comparisons:
    """Accounts side by side, term by term; two of the same examples are paired.

    Args:
        runs: Accounts, Runs, or paths of run folders; or a list of them, or a dict by what they are to be called.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2, mutual_information=1.0)
        >>> data = world.data(200, seed=0)
        >>> rows = compare(tw.measure(world, data), tw.measure(world, data, seed=1))
        >>> {row.name: row.difference for row in rows}["rate"]  # in closed form, so whatever the seed
        0.0
    """
    named = named_runs(runs[0] if len(runs) == 1 else runs)
    return account.compare([_account(run) for _, run in named], [name for name, _ in named])


def named_runs(runs: Any) -> list[tuple[str, Any]]:
    """Runs with what they are called: as a dict says, or by the last part of a folder's path, or by their place.

    Args:
        runs: One of them, several, or a dict.
    """
    if isinstance(runs, account.Account | Run | str | PathLike):
        runs = [runs]
    listed = list(runs.values() if isinstance(runs, Mapping) else runs)
    if wrong := [one for one in listed if not isinstance(one, account.Account | Run | str | PathLike)]:
        raise Refused(f"Expected runs, paths of run folders or accounts; got {in_short(wrong[0])}.")
    own = told_apart([_name(k, one) for k, one in enumerate(listed, 1)])
    return list(zip(map(str, runs) if isinstance(runs, Mapping) else own, listed, strict=True))


def _name(position: int, run: account.Account | Run | str | PathLike[str]) -> str:
    if isinstance(run, account.Account):
        return f"account {position}"
    return Path(run.folder if isinstance(run, Run) else run).name or str(run)


def _account(run: account.Account | Run | str | PathLike[str]) -> account.Account:
    """The account itself, or that of a run."""
    if isinstance(run, account.Account):
        return run
    folder = run.folder if isinstance(run, Run) else RunFolder(run)
    folder.config()  # says so where it is no run folder
    return account.Account.load(folder.account_file, folder.values_file)
