"""Runs side by side, as one HTML file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

from termwise.account import Account, compare
from termwise.api.compare import named_runs
from termwise.api.run import Run, load_run
from termwise.api.write_report import PAGE_ENDINGS, pictures_of_run
from termwise.errors import Refused
from termwise.files import checked_place, write_whole
from termwise.models.user_function import Trust
from termwise.report.comparison_page import ComparedRun, comparison_page
from termwise.values import checked


@checked
def write_comparison(runs: Sequence[Any] | Mapping[str, Any], path: str | PathLike[str], *, trust: Trust = ()) -> Path:
    """Write runs side by side as one HTML file: accounts, walks, curves and pictures; returns its path.

    Args:
        runs: Two or more runs, paths of run folders, or accounts, which have no curves and no pictures; in a list, or
            in a dict by what they are to be called.
        path: The file to write, .html or .htm.
        trust: Modules whose code runs may use, as `load_run` takes it.

    Raises:
        Refused: There are fewer than two; or the file has another ending, or is one of a run's own.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> account = tw.measure(world, world.data(200))
        >>> write_comparison({"one": account, "another": account}, f"{mkdtemp()}/both.html").name
        'both.html'
    """
    path = checked_place(path, "Pages are", PAGE_ENDINGS)
    named = named_runs(runs)
    if len(named) < 2:
        raise Refused(f"A comparison needs two runs or more; got {len(named)}.")
    opened = [load_run(one, trust=trust) if isinstance(one, str | PathLike) else one for _, one in named]
    accounts = [one if isinstance(one, Account) else one.account for one in opened]
    comparisons = [[asdict(row) for row in compare([accounts[0], other])] for other in accounts[1:]]
    shown = [_shown(name, one) for (name, _), one in zip(named, opened, strict=True)]
    write_whole(path, comparison_page(shown, comparisons).encode())
    return path


def _shown(name: str, one: Account | Run) -> ComparedRun:
    if isinstance(one, Account):
        return ComparedRun(name, one.to_json())
    return ComparedRun(name, one.account.to_json(), one.config.to_json(), one.metrics(), pictures_of_run(one))
