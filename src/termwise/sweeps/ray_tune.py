"""A sweep on a cluster, by Ray Tune: each of Tune's trials carries out the next run that nobody carries out.

Which run that is, the sweep's folder says, as for workers on one machine, so that it must be on a disk that all
machines share; and so a trial that is lost with its machine costs no more than a worker that dies. Tune finds the
machines, shares out their processors, and keeps each run's setting and readings in its own way.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from typing import Any

from termwise.errors import Refused
from termwise.sweeps.plan import Plan, last_part
from termwise.sweeps.result import load_sweep
from termwise.sweeps.sweep_folder import RunRecord

LOCAL = "local"
"""The address of a Ray that is begun on this machine, for this sweep."""

MOST_ROUNDS = 20
"""How often what is left is handed to Tune: once, but for trials that were lost, or that waited for others."""

CarriesOutOne = Callable[[str, int, Callable[[RunRecord], None]], bool]
"""Who carries out the next run of a folder, with so many threads, and tells its row; False where there is none."""


def check_ray() -> None:
    """Raise Refused, with what to do, where Ray Tune is not installed."""
    if find_spec("ray") is None:
        raise Refused("A sweep on a cluster needs Ray Tune: pip install 'termwise[ray]'. Or use workers here.")


def sweep_by_ray(plan: Plan, carry_out_one: CarriesOutOne, address: str, workers: int, threads: int) -> None:
    """Hand the runs that are left to Ray Tune, and wait until all have ended.

    Args:
        plan: The sweep's runs.
        carry_out_one: A function of a module, which Ray's processes import.
        address: A cluster's, "auto" for the one that this machine is of, or "local".
        workers: How many runs are carried out at once at most, as far as processors allow.
        threads: Of each, and how many processors Ray gives it.
    """
    check_ray()
    import ray
    from ray import tune

    begun = not ray.is_initialized()
    if begun and address == LOCAL:
        ray.init(num_cpus=workers * threads, log_to_driver=False, include_dashboard=False)
    elif begun:
        ray.init(address=address, log_to_driver=False)
    try:
        folder = plan.folder.path.resolve()
        trial = partial(_one_trial, folder=str(folder), threads=threads, carry_out_one=carry_out_one)
        for _ in range(MOST_ROUNDS):
            if (left := plan.left()) <= 0:
                return
            with redirect_stdout(sys.stderr):  # what Tune prints is no part of an answer
                tune.Tuner(
                    tune.with_resources(trial, {"cpu": threads}),
                    tune_config=tune.TuneConfig(num_samples=left, max_concurrent_trials=workers, reuse_actors=True),
                    run_config=tune.RunConfig(storage_path=str(folder), name="tune", verbose=0),
                ).fit()
        raise Refused(f"{plan.left()} runs have not ended, and Ray ends their trials. See {folder / 'tune'}.")
    finally:
        if begun:
            ray.shutdown()


def _one_trial(config: Mapping[str, Any], *, folder: str, threads: int, carry_out_one: CarriesOutOne) -> None:
    """What Tune calls in a process of its own: it carries out a run, and tells Tune its setting and readings."""
    from ray import tune

    carry_out_one(folder, threads, lambda row: tune.report(_told(folder, row)))


def _told(folder: str, row: RunRecord) -> dict[str, Any]:
    """A run as Tune has it: flat, its readings of one number with it."""
    run = next(one for one in load_sweep(folder).runs if one.folder.name == last_part(row))
    readings = {name: reading.value for name, reading in run.readings.items()}
    return {"run": last_part(row), "state": row.state, "seed": row.seed, **row.settings, **readings}
