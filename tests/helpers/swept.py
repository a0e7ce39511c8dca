"""What processes beside a test of sweeps do."""

import os
import signal
import time
from pathlib import Path

from helpers.killed_runs import differences
from termwise.account.reading import reading_without_error
from termwise.api.trained_run import trained_run
from termwise.sweeps import Sweep, SweepFolder, SweptRun, sweep_config_from
from termwise.sweeps.carry_out import carry_out
from termwise.sweeps.plan import Plan
from termwise.sweeps.settings import folder_name
from termwise.training import Silent


def claim_and_wait(path: Path, told) -> None:
    """Have the claim of the next run, say which, and hold it until killed."""
    run, _claim = Plan(SweepFolder(path)).next()
    told.send(run.name)
    while True:
        time.sleep(1)


def made_up_sweep(folder: Path, betas, latents, seeds) -> Sweep:
    """A sweep of no trainings: readings that follow from the setting and the seed, in folders without files."""
    base = {"data": {"source": "digits"}, "objective": {"recipe": "beta-vae"}}
    grid = {"objective.beta": list(betas), "model.latent": list(latents)}
    config = sweep_config_from({"base": base, "sweep": {"seeds": list(seeds), "grid": grid}})
    runs = []
    for setting in config.grid_settings():
        for seed in seeds:
            place = folder / "runs" / folder_name(setting, seed)
            place.mkdir(parents=True)
            rate = 10 / setting["objective.beta"] + 0.1 * ((seed * 7 + setting["model.latent"]) % 5)
            values = {"rate": rate, "distortion": 40 - 1.7 * rate + 0.01 * seed * setting["model.latent"]}
            values["elbo"] = -values["rate"] - values["distortion"]
            readings = {
                name: reading_without_error(name, value, estimator="made up", bias="none", n=9)
                for name, value in values.items()
            }
            runs.append(SweptRun(place, setting, seed, "finished", "", readings))
    return Sweep(folder, config, runs)


def carry_out_one_that_dies_once(path: str, threads: int, told) -> bool:
    """Carry out the next run of a folder; the first process that comes to its second evaluation is killed there."""

    def train(tables, folder, resume, callbacks):
        marker = Path(path) / "killed"

        class Dies(Silent):
            def evaluated(self, epoch, split, terms):
                if epoch == 2 and not marker.exists():
                    marker.write_text("")
                    os.kill(os.getpid(), signal.SIGKILL)

        return trained_run(tables, folder, resume, [*callbacks, Dies()], threads=threads)

    return carry_out(Plan(SweepFolder(path)), train, told)


def differences_without_paths(left: Path, right: Path) -> list[str]:
    """How two runs differ, but for which fast paths their processes had asked for, where none is taken (`SWITCH` off).

    A process that comes to its second run has asked for more than one that begins with it.
    """
    return [one for one in differences(left, right) if not one.endswith("state.fast_paths")]
