"""Kill a sweep at random moments, give the same command each time, and hold what it ends with against one left alone.

    python benchmarks/sweep_kills.py --runs 60 --kills 5 --workers 2 --seed 0
    python benchmarks/sweep_kills.py --runs 60 --kills 5 --workers 2 --seed 0 --search

The runs are small models of the digits. By turns one worker is killed, which the command is to notice, and the command
with all its workers, which is then given again. A kill is SIGKILL; it comes when a number of runs, drawn at random, has
ended, and up to a second after. With --ray the sweep is carried out once more, by Ray Tune. Ends with status 1 where a
run is lacking, was carried out twice, or differs by a byte of its files from that of the sweep that was left alone.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.swept import differences_without_paths
from termwise.fast_paths import SWITCH

SEEDS = 3
CONFIG = """
[base.data]
source = "digits"
[base.model]
likelihood = "normal:optimal"
options = {{ hidden = [16] }}
[base.objective]
recipe = "beta-vae"
[base.training]
epochs = 3
checkpoint_steps = 5
[sweep]
seeds = {seeds}
"""
GRID = """
[sweep.grid]
"objective.beta" = {betas}
"model.latent" = [2, 3, 4, 5]
"""
SEARCH = """
[sweep.search]
sampler = "random"
settings = {settings}
[sweep.search.space]
"objective.beta" = {{ low = 0.5, high = 20.0, log = true }}
"model.latent" = {{ low = 2, high = 8 }}
"""


def rows(folder: Path) -> list[dict]:
    """The record's rows; none where there is no record yet."""
    file = folder / "sweep.json"
    return json.loads(file.read_text())["runs"] if file.exists() else []


def ended(folder: Path) -> list[dict]:
    return [row for row in rows(folder) if row["state"] != "running"]


def times_of(folder: Path) -> dict[str, int]:
    """When the files of the runs that have ended were written last."""
    files = (file for row in ended(folder) for file in (folder / row["folder"]).rglob("*") if file.is_file())
    return {str(file): file.stat().st_mtime_ns for file in files}


def begun(file: Path, folder: Path, workers: int, *more: str) -> subprocess.Popen:
    """The command, with its workers in a group of processes of their own."""
    command = [sys.executable, "-m", "termwise", "sweep", str(file), "--out", str(folder), "--workers", str(workers)]
    command += ["--threads", "1", *more]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    same_sums = {**os.environ, SWITCH: "off"}  # else a trial of speed says in each process how sums are rounded
    return subprocess.Popen(command, start_new_session=True, env=same_sums, **quiet)


def workers_of(folder: Path) -> list[int]:
    """The processes that carry out runs now."""
    ids = [int(row["worker"].rpartition(":")[2]) for row in rows(folder) if row["state"] == "running" and row["worker"]]
    return [one for one in ids if Path(f"/proc/{one}").exists()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--ray", action="store_true", help="also by Ray Tune")
    parser.add_argument("--search", action="store_true", help="settings drawn by Optuna, in place of a grid")
    given = parser.parse_args()
    settings = given.runs // SEEDS
    moments, wrong = random.Random(given.seed), []
    with tempfile.TemporaryDirectory() as place:
        file, alone, killed = Path(place) / "sweep.toml", Path(place) / "alone", Path(place) / "killed"
        betas = [float(2**k) for k in range(settings // 4)]
        varied = SEARCH.format(settings=settings) if given.search else GRID.format(betas=betas)
        file.write_text(CONFIG.format(seeds=SEEDS) + varied)
        count = settings * SEEDS if given.search else len(betas) * 4 * SEEDS
        since = time.monotonic()
        if begun(file, alone, given.workers).wait() or len(ended(alone)) < count:
            raise RuntimeError(f"the sweep that is left alone did not end with {count} results")
        print(f"left alone: {count} runs in {time.monotonic() - since:.0f} s", flush=True)

        after = sorted(moments.sample(range(count - given.workers), given.kills))
        process, held = begun(file, killed, given.workers), {}
        for k, number in enumerate(after):
            while len(ended(killed)) < number or not workers_of(killed):
                if process.poll() is not None:
                    raise RuntimeError(f"the command ended by itself, with status {process.returncode}")
                time.sleep(0.01)
            time.sleep(moments.random())
            if k % 2:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                what = "the command and all its workers"
            else:
                working = workers_of(killed)
                os.kill(moments.choice(working), signal.SIGKILL) if working else None
                what = "one worker"
            held |= times_of(killed)
            print(f"killed {what} when {len(ended(killed))} of {count} runs had ended", flush=True)
            if k % 2:
                process = begun(file, killed, given.workers)
        if process.wait():
            wrong.append(f"the command ended with status {process.returncode}")

        final = rows(killed)
        wrong += [f"{row['folder']} is {row['state']}: {row['reason']}" for row in final if row["state"] != "finished"]
        if len({row["folder"] for row in final}) != count or len(final) != count:
            wrong.append(f"{len(final)} results, and not {count}")
        wrong += [f"{name} was written again after its run had ended" for name, when in held.items()
                  if Path(name).stat().st_mtime_ns != when]  # fmt: skip
        for row in final:
            folders = alone / row["folder"], killed / row["folder"]
            wrong += [f"{row['folder']}: {one}" for one in differences_without_paths(*folders)]
        again = sum(row["starts"] - 1 for row in final)
        most = sum(given.workers if k % 2 else 1 for k in range(given.kills))
        if again > most:
            wrong.append(f"{again} runs were taken up again, and {most} can have been under way at the kills")
        others = [alone, killed]
        if given.ray:
            by_ray = Path(place) / "by-ray"
            since = time.monotonic()
            wrong += ["the sweep by Ray Tune failed"] * bool(
                begun(file, by_ray, given.workers, "--ray", "local").wait()
            )
            print(f"by Ray Tune: {len(ended(by_ray))} runs in {time.monotonic() - since:.0f} s", flush=True)
            for row in rows(alone):
                folders = alone / row["folder"], by_ray / row["folder"]
                wrong += [f"{row['folder']}, by Ray Tune: {one}" for one in differences_without_paths(*folders)]
            others.append(by_ray)
        results = [json.loads((folder / "results.json").read_text())["settings"] for folder in others]
        if any(one != results[0] for one in results):
            wrong.append("results.json is another")
    for fault in wrong:
        print(f"WRONG  {fault}")
    print(
        f"{given.kills} kills, {len(final)} results, {again} runs gone on with, {len(held)} files of ended runs as "
        f"they were: {'not as it should be' if wrong else 'the same as left alone, to the last bit'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
