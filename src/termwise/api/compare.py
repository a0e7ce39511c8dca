"""Accounts and runs side by side."""

from os import PathLike
from pathlib import Path

from termwise import account
from termwise.api.run import Run
from termwise.training import RunFolder
from termwise.values import checked


@checked
def compare(*runs: account.Account | Run | str | PathLike[str]) -> account.Comparisons:
    """Accounts side by side, term by term; two of the same examples are paired.

    Args:
        runs: Accounts, Runs, or paths of run folders.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2, mutual_information=1.0)
        >>> data = world.data(200, seed=0)
        >>> rows = compare(tw.measure(world, data), tw.measure(world, data, seed=1))
        >>> {row.name: row.difference for row in rows}["rate"]  # in closed form, so whatever the seed
        0.0
    """
    return account.compare(
        [_account(run) for run in runs], [name_in_comparison(k, run) for k, run in enumerate(runs, 1)]
    )


def name_in_comparison(position: int, run: account.Account | Run | str | PathLike[str]) -> str:
    """What a table calls it: the last part of a run folder's path, or which of the accounts it is."""
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
