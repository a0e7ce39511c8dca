"""Rate and distortion of a sweep, of a folder of runs, or of several; of one run the best that its decoder allows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from termwise.account import Account
from termwise.account.frontier import Frontier, FrontierPoint
from termwise.api.model_and_data import Data, model_and_data, names_function
from termwise.api.on_device import on_device
from termwise.api.run import Run
from termwise.content import exists
from termwise.errors import BadData, Refused, in_short
from termwise.measuring.rate_distortion import rate_distortion
from termwise.models import Drawable
from termwise.models.data_pass import Progress
from termwise.models.user_function import Trust
from termwise.report.run_summary import flattened
from termwise.sweeps import Sweep
from termwise.sweeps.frontier_points import RunOfPoint, frontier_points, runs_of_sweep
from termwise.training import RunFolder
from termwise.values import Count, Seed, checked

LIMIT = 100
"""Of how many examples a curve is, where nothing is said."""
SEED = "training.seed"
"""The key in which replicas differ."""


@checked
def frontier(
    runs: Any,
    data: Data | None = None,
    *,
    split: str | None = None,
    limit: Count | None = LIMIT,
    seed: Seed = 0,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    progress: Progress | None = None,
    **options: Any,
) -> Frontier:
    """Rate and distortion of runs, with the errors between their seeds; or the whole curve of one run's decoder.

    Args:
        runs: A sweep or its folder, or one that holds run folders; or runs, paths of run folders or accounts, in a
            list, or in a dict by their names. Or one run, a model, or "module:function": then the best rate and
            distortion that its decoder allows, at every beta, and its encoder's own beside it.
        data, split, seed, device, trust: Of one run or model: as `measure` takes them.
        limit: Of one: on how many examples, chosen at random; all where None.
        progress: Told how far it is.
        **options: Of one: as `termwise.measuring.rate_distortion` takes them: `betas`, `chains`, `temperatures`,
            `tolerance` and others.

    Returns:
        The points by rate, those that differ in their seed alone as one, which is their mean; `tw.plot.frontier` draws
        it, `tw.write_frontier` writes a page or a figure.

    Raises:
        Refused: There is no run; or an option of a curve is given for several.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> found = frontier(world, world.data(20), betas=[0.5, 1, 2], temperatures=8, simulated=4)
        >>> dear, middle, cheap = found.curve["rate_by_beta"].value
        >>> found.points[0].name, dear > middle > cheap
        ('encoder', True)
        >>> x = world.data(200)
        >>> frontier({"a": tw.measure(world, x), "b": tw.measure(world, x, seed=1)}).points[0].seeds
        1
    """
    if _is_one(runs):
        return _of_one(runs, data, split, limit, seed, device, trust, progress, options)
    if given := [*(["data"] if data is not None else []), *(["split"] if split else []), *options]:
        raise Refused(f"{given[0]} is of the curve of one run: name that alone, as in tw.frontier('runs/a', ...).")
    if isinstance(runs, Sweep):
        found, left_out = runs_of_sweep(runs.folder)
    elif isinstance(runs, str | PathLike):
        found, left_out = _of_folder(Path(runs))
    else:
        found, left_out = _of_several(runs), {}
    if not found:
        raise Refused(
            f"{in_short(str(runs))} holds no run that has finished. Name a sweep's folder, a folder of run folders, "
            "several of them, or one run."
        )
    return Frontier(frontier_points(found), left_out=left_out)


def _is_one(runs: Any) -> bool:
    """Whether this is one run, or one model."""
    if isinstance(runs, str | PathLike):
        return RunFolder(runs).exists or names_function(runs)
    return isinstance(runs, Run) or (isinstance(runs, Drawable) and not isinstance(runs, Account))


def _of_one(
    run: Any,
    data: Data | None,
    split: str | None,
    limit: int | None,
    seed: int,
    device: torch.device | str,
    trust: Trust,
    progress: Progress | None,
    options: Mapping[str, Any],
) -> Frontier:
    measured = model_and_data(run, data, split, seed, trust)
    with on_device(measured.model, device):
        curve = rate_distortion(
            measured.model, measured.data, limit=limit, seed=seed, device=device, progress=progress, **options
        )
    curve = measured.noted(curve)
    points = (FrontierPoint("encoder", {}, 1, curve),) if "rate" in curve else ()
    return Frontier(points, curve)


def _of_folder(folder: Path) -> tuple[list[RunOfPoint], dict[str, str]]:
    """The runs of a sweep, or those within a folder or its runs/; and those that are no point, with the reason."""
    if exists(folder / "sweep.json"):
        return runs_of_sweep(folder)
    if not folder.is_dir():
        raise BadData(f"There is no folder {folder!s:.300}. Name a run, a sweep, or a folder of runs.")
    inner = [one for room in (folder, folder / "runs") if room.is_dir() for one in sorted(room.iterdir())]
    finished = [one for one in inner if RunFolder(one).exists and exists(RunFolder(one).account_file)]
    return _of_paths(finished), {one.name: "it has no account" for one in inner if _unfinished(one)}


def _unfinished(folder: Path) -> bool:
    return RunFolder(folder).exists and not exists(RunFolder(folder).account_file)


def _of_several(runs: Any) -> list[RunOfPoint]:
    """Runs, run folders or accounts, in a list or a dict; those of a dict are points by their names."""
    if isinstance(runs, Account):
        return [RunOfPoint("account", None, runs)]
    if isinstance(runs, Mapping):
        return [RunOfPoint(str(name), None, _account(one)) for name, one in runs.items()]
    if not isinstance(runs, Iterable):
        raise Refused(f"Expected a run, a folder of runs, or several runs; got {in_short(runs)}.")
    listed = list(runs)
    if all(isinstance(one, str | PathLike | Run) for one in listed):
        return _of_paths([Path(one.folder if isinstance(one, Run) else one) for one in listed])
    return [RunOfPoint(f"account {k}", None, _account(one)) for k, one in enumerate(listed, 1)]


def _account(one: Any) -> Account:
    if isinstance(one, Account):
        return one
    if isinstance(one, Run):
        return one.account
    if isinstance(one, str | PathLike):
        return _of_run(RunFolder(one))
    raise Refused(f"Expected runs, paths of run folders or accounts; got {in_short(one)}.")


def _of_run(folder: RunFolder) -> Account:
    folder.config()  # says so where it is no run folder
    return Account.load(folder.account_file)


def _of_paths(paths: Sequence[Path]) -> list[RunOfPoint]:
    """Run folders, whose settings are those in which their configurations differ, the seed aside."""
    folders = [RunFolder(path) for path in paths]
    flat = [dict(flattened(folder.config().to_json())) for folder in folders]
    keys = [key for key in dict.fromkeys(key for one in flat for key in one) if key != SEED]
    differing = [key for key in keys if len({_written(one.get(key)) for one in flat}) > 1]
    return [
        RunOfPoint(path.name, {key: one.get(key) for key in differing if key in one}, _of_run(folder))
        for path, folder, one in zip(paths, folders, flat, strict=True)
    ]


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
