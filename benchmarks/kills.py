"""Kill trainings at random moments, go on each time, and hold what they leave against runs that were left alone.

    python benchmarks/kills.py --kills 200 --seed 0

A run is three commands: two epochs; two more, beyond its end; its report once again. Each is carried out in a process
of its own, forked from this one, which has imported everything and computed nothing. A kill is SIGKILL. Its moment is
drawn at random: some seconds after the start, or some changes of the run folder's files later and a few milliseconds
after, so that kills fall on the training, the held-out data and the measuring, and on every kind of file while it is
written. A command that was killed is given again, with --resume once there is something to go on with; before that the
folder is read, and where a run had ended its model, account and configuration must be those of one end or the other.

The recipes take turns. Ends with status 1 where one byte of a file, or one number of a checkpoint (weights, optimizers,
random state), differs from those of a run left alone, or where anything that was finished cannot be read.
"""

import argparse
import contextlib
import importlib
import io
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import termwise as tw
from termwise import cli
from termwise.errors import TermwiseError
from termwise.training import RunFolder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.killed_runs import differences

RECIPES = {
    "vae": [],
    "avb": ["model.posterior=noise-input", "objective.hidden=[8]", "objective.moves=2"],
    "factor-vae": ["objective.hidden=[8]"],
    "vae-gan": ["objective.channels=[2, 2, 2, 2]", "objective.hidden=4", "model.likelihood=normal:optimal"],
}
SETTINGS = ["training.checkpoint_steps=2", "training.batch_size=32", "model.latent=2", "model.options.hidden=[8]"]

Command = list[str]


def commands(source: Path, recipe: str, folder: Path, resume: bool = False) -> dict[str, Command]:
    """The three commands by the name of their part."""
    settings = [part for setting in (*SETTINGS, *RECIPES[recipe]) for part in ("--set", setting)]
    train = ["train", "--data", str(source), "--recipe", recipe, *settings, "--out", str(folder)]
    again = ["--resume"] if resume else []
    extended = [*train, "--epochs", "4", "--resume"]
    return {"training": [*train, "--epochs", "2", *again], "extension": extended, "report": ["report", str(folder)]}


def import_what_is_used(command: Command, place: Path) -> None:
    """Import what a command does, so that processes that are forked from this one need not."""
    names = place / "modules.txt"
    process = os.fork()
    if not process:
        with contextlib.suppress(BaseException):
            sys.argv, sys.stdout, sys.stderr = ["termwise", *command], io.StringIO(), io.StringIO()
            cli.main()
        names.write_text("\n".join(list(sys.modules)))
        os._exit(0)
    os.waitpid(process, 0)
    for name in names.read_text().splitlines():
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def begin(command: Command) -> int:
    """A process that carries a command out, by its id."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.argv = ["termwise", *command]
        cli.main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        os._exit(status)


def killed(command: Command, when: Callable[[], bool]) -> bool:
    """Carry a command out, and kill it as soon as `when` says; False where it ended before."""
    process = begin(command)
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            if status:
                raise RuntimeError(
                    f"`termwise {' '.join(command)}` ended with status {os.waitstatus_to_exitcode(status)}"
                )
            return False
        if when():
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return True
        time.sleep(0.0005)


def files(folder: Path) -> dict[str, int]:
    """When each file of a folder was written last."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            found |= files(Path(entry.path)) if entry.is_dir() else {entry.path: entry.stat().st_mtime_ns}
    return found


class Changes:
    """Counts how often a folder's files change."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count, self.held = folder, 0, files(folder)

    def look(self) -> int:
        """How often so far; to be asked again and again."""
        now = files(self.folder)
        self.count, self.held = self.count + (now != self.held), now
        return self.count


def after_changes(folder: Path, count: int, seconds: float) -> Callable[[], bool]:
    """Whether the folder's files changed so often, and so many seconds have gone by since."""
    changes = Changes(folder)
    since: list[float] = []

    def reached() -> bool:
        if changes.look() >= count and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= seconds

    return reached


def after(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have gone by."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun >= seconds


def end_of(folder: Path) -> tuple[object, ...] | None:
    """The weights, the account and the epochs of a run that has ended; None where none has."""
    if not (folder / "report.html").exists():
        return None
    run = tw.load_run(folder)
    weights = tuple(tensor.numpy().tobytes() for tensor in run.model.state_dict().values())
    return weights, tuple(sorted(str(reading) for reading in run.account.readings.values())), run.config.training.epochs


def left_alone(source: Path, recipe: str, folder: Path) -> tuple[dict[str, tuple[float, int]], list]:
    """How long each command takes and how often files change meanwhile, and each end."""
    durations, ends = {}, []
    for part, command in commands(source, recipe, folder).items():
        changes, begun = Changes(folder), time.monotonic()
        killed(command, lambda changes=changes: changes.look() < 0)
        durations[part] = (time.monotonic() - begun, changes.count)
        ends.append(end_of(folder))
    return durations, ends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()

    torch.set_num_threads(1)
    moments, counted, wrong, compared = random.Random(given.seed), Counter(), [], 0
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "data.npy"
        np.save(source, np.random.default_rng(0).random((200, 1, 16, 16), dtype=np.float32))
        import_what_is_used(commands(source, "vae", Path(place) / "first")["training"], Path(place))
        whole = {recipe: Path(place) / f"{recipe} left alone" for recipe in RECIPES}
        known = {recipe: left_alone(source, recipe, folder) for recipe, folder in whole.items()}
        for recipe, (durations, _) in known.items():
            print(recipe, {part: f"{seconds:.1f} s, {count} changes" for part, (seconds, count) in durations.items()})
        while sum(counted.values()) < given.kills:
            for recipe, (durations, ends) in known.items():
                broken = Path(place) / f"{recipe} {sum(counted.values())}"
                for part, (seconds, changes) in durations.items():
                    ended = False
                    while not ended:
                        by_time = moments.random() < 0.4
                        when = (
                            after(moments.uniform(0, 1.1 * seconds))
                            if by_time
                            else after_changes(broken, moments.randint(1, changes), moments.uniform(0, 0.02))
                        )
                        spent = sum(counted.values()) >= given.kills
                        command = commands(source, recipe, broken, RunFolder(broken).exists)[part]
                        ended = not killed(command, (lambda: False) if spent else when)
                        if not ended:
                            counted[recipe, part] += 1
                        try:
                            if (found := end_of(broken)) not in (None, *ends) or (part != "training" and found is None):
                                wrong.append(f"{recipe}, {part}: what is read is of no run")
                        except TermwiseError as error:
                            wrong.append(f"{recipe}, {part}: {error}")
                found_differences = differences(whole[recipe], broken)
                compared += 1
                wrong += [f"{recipe}: {difference}" for difference in found_differences]
                print(f"{sum(counted.values())} kills, {compared} runs compared, {len(wrong)} faults", flush=True)
    for fault in wrong:
        print(f"DIFFERS  {fault}")
    print("\n".join(f"{recipe:>12} {part:>10} {count:>4}" for (recipe, part), count in sorted(counted.items())))
    print(f"{sum(counted.values())} kills, {compared} runs: {'not the same' if wrong else 'the same to the last bit'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
