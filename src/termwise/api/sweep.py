"""Sweep: many trainings of one configuration in which some keys vary, into one folder."""

import csv
import io
import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from termwise.api.sweep_worker import carry_out_one
from termwise.api.trained_run import trained_run
from termwise.errors import Refused, in_short
from termwise.files import write_whole
from termwise.report.sweep_page import sweep_page
from termwise.sweeps.carry_out import carry_out
from termwise.sweeps.plan import Plan, last_part
from termwise.sweeps.ray_tune import check_ray, sweep_by_ray
from termwise.sweeps.result import Sweep, load_sweep
from termwise.sweeps.search import check_optuna
from termwise.sweeps.sweep_config import sweep_config_from
from termwise.sweeps.sweep_folder import RunRecord, SweepFolder
from termwise.sweeps.workers import EVERY, Workers, threads_for
from termwise.training.config import changed, merged, read_config
from termwise.values import Count, Name, checked

WORKER = (sys.executable, "-m", "termwise.api.sweep_worker")
"""What a worker process is begun by."""


@checked
def sweep(
    config: Mapping[str, Any] | str | PathLike[str] | None = None,
    *,
    base: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    search: Mapping[str, Any] | None = None,
    seeds: Count | Sequence[int] | None = None,
    maximize: str | Sequence[str] | None = None,
    minimize: str | Sequence[str] | None = None,
    data: Any = None,
    out: str | PathLike[str],
    workers: Count = 1,
    threads: Annotated[Count, Field(le=1024)] | None = None,
    ray: Name | None = None,
    retry_failed: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> Sweep:
    """Train every setting of a sweep with every seed, each into a run folder of its own, and average over seeds.

    A sweep that was cut short goes on by the same call: no run is carried out twice, and one that was begun goes on
    from its checkpoint. Several processes, on several machines too, may sweep into one folder at once.

    Args:
        config: Tables as in a sweep's TOML file, or its path; the keywords below have the say.
        base: What all runs share, as tables of a training's file.
        grid: By key, such as "objective.beta", all its values; every combination is run.
        search: In the place of a grid: `space` by key a range or choices, `settings`, `sampler`, `prune`, `seed`.
        seeds: How many trainings each setting has, from the base's seed on; or their seeds.
        maximize, minimize: The readings that are sought, ELBO where neither is said.
        data: Data made in Python, in place of `base.data.source`; for one worker.
        out: The sweep's folder.
        workers: How many runs are carried out at once, each in a process of its own; one is carried out in this one.
        threads: Of each worker; the cores by the workers where left out, and of one worker as they are.
        ray: Have Ray Tune share the runs out: on a cluster by its address ("auto" for the one that this machine is
            of), whose machines all see `out`, or "local".
        retry_failed: Take up runs that have failed.
        overwrite: Begin anew where `out` holds a sweep; all its runs are removed.
        progress: Say on standard error how each run ends.

    Raises:
        TermwiseError: Something cannot be as asked; the message says what to do.

    Example:
        >>> from tempfile import mkdtemp
        >>> base = {"data": {"source": "four-points"}, "objective": {"recipe": "beta-vae"}, "training": {"epochs": 1}}
        >>> folder = mkdtemp()
        >>> found = sweep(base=base, grid={"objective.beta": [1, 4]}, seeds=2, out=folder, progress=False)
        >>> found.states, [one.n for one in found.of("rate")]
        ({'finished': 4}, [2, 2])
        >>> found.difference("rate", {"beta": 1}, {"beta": 4}).n  # by pairs of the same seed
        2
    """
    if data is not None and (workers > 1 or ray is not None):
        raise Refused("Data made in Python cannot be handed to other processes: name a file, or take workers=1.")
    tables: dict[str, Any] = _tables(config)
    above = {"seeds": seeds, "maximize": maximize, "minimize": minimize, "grid": grid, "search": search}
    said = {key: _plain(value) for key, value in above.items() if value is not None}
    if {"grid", "search"} & said.keys():
        tables = {**tables, "sweep": {k: v for k, v in tables.get("sweep", {}).items() if k not in ("grid", "search")}}
    tables = merged(tables, {"sweep": said} if said else {})
    if base is not None:
        tables = {**tables, "base": changed(tables.get("base", {}), base)}
    settled = sweep_config_from(tables)
    if ray is not None:
        check_ray()
    if settled.sweep.search is not None:
        check_optuna(settled.sweep.search.sampler)
    folder = SweepFolder(out)
    if overwrite and folder.exists:
        folder.clear()
    folder.begin(settled)
    plan = Plan(folder)
    if retry_failed:
        _retry(folder)
    page = _Results(folder)
    tell = partial(_say, plan) if progress else _nothing
    if ray is not None:
        sweep_by_ray(plan, carry_out_one, ray, workers, threads or 1)
    elif workers == 1:
        _alone(plan, partial(trained_run, data=data, threads=threads), tell, page, progress)
    else:
        known = {row.folder for row in folder.record().runs if row.ended}

        def looked() -> None:
            _say_new(folder, known, tell)
            page.now_and_then()

        Workers(plan, WORKER, workers, threads or threads_for(workers)).run(looked)
        _say_new(folder, known, tell)
    page.write()
    return load_sweep(folder.path)


def _tables(config: Any) -> dict[str, Any]:
    """The tables of a sweep, from a file or as they are."""
    tables = config if isinstance(config, Mapping) else {} if config is None else read_config(config)
    for name in ("base", "sweep"):
        if not isinstance(tables.get(name, {}), Mapping):
            raise Refused(f"[{name}] is a table of a sweep; got {in_short(tables[name])}.")
    return dict(tables)


def _plain(value: Any) -> Any:
    """Sequences as lists, which TOML knows."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple | range) else value


def _alone(plan: Plan, trained: Any, tell: Any, page: "_Results", progress: bool) -> None:
    """Carry out runs in this process until all have ended, those of other processes too."""
    waits = False
    while (left := plan.left()) > 0:
        if carry_out(plan, trained, tell):
            page.now_and_then()
            waits = False
        elif plan.left() > 0:
            if progress and not waits:
                print(f"waiting for {left} run{'s' * (left > 1)} that other processes carry out", file=sys.stderr)
            waits = True
            time.sleep(EVERY)


def _retry(folder: SweepFolder) -> None:
    """Let runs that have failed count as begun."""
    for row in folder.record().runs:
        if row.state == "failed":
            folder.change(last_part(row), lambda now: now and now.model_copy(update={"state": "running", "reason": ""}))


def _nothing(row: RunRecord) -> None: ...


def _say(plan: Plan, row: RunRecord) -> None:
    """A line on standard error on a run that has ended."""
    ended = sum(one.ended for one in plan.folder.record().runs)
    why = f": {row.reason.splitlines()[0]:.200}" if row.reason else ""
    print(f"{ended:>4} of {ended + plan.left()}  {last_part(row)}  {row.state}{why}", file=sys.stderr)


def _say_new(folder: SweepFolder, known: set[str], tell: Any) -> None:
    """Tell the runs that have ended since."""
    for row in folder.record().runs:
        if row.ended and row.folder not in known:
            known.add(row.folder)
            tell(row)


class _Results:
    """results.json, results.csv and index.html: written at the end, and meanwhile as often as costs little."""

    def __init__(self, folder: SweepFolder) -> None:
        self.folder, self._next = folder, time.monotonic() + 10.0

    def now_and_then(self) -> None:
        """Write them anew where the last time is long ago, by what it took."""
        begun = time.monotonic()
        if begun >= self._next:
            self.write()
            self._next = time.monotonic() + max(10.0, 30 * (time.monotonic() - begun))

    def write(self) -> None:
        """Write them as runs are now."""
        found = load_sweep(self.folder.path)
        write_results(found)


def write_results(found: Sweep) -> Path:
    """Write what a sweep found into its folder, as JSON, CSV and one page; returns the page's path."""
    folder = SweepFolder(found.folder)
    text = io.StringIO()
    columns = found.to_dict()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    with folder.locked():
        write_whole(folder.json_file, (json.dumps(found.to_json(), indent=1, allow_nan=False) + "\n").encode())
        write_whole(folder.csv_file, text.getvalue().encode())
        write_whole(folder.page_file, sweep_page(found).encode())
    return folder.page_file
