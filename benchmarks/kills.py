"""Kill a training at random moments, resume it each time, and hold what it leaves against one that was left alone.

    python benchmarks/kills.py --kills 20 --recipe beta-tcvae --seed 0

A kill is SIGKILL. Its moment is drawn at random: some seconds after the start, while the process imports, reads and
fills the bank (or, once trained, measures and reports); or some checkpoints later and a few milliseconds after, while
it trains, looks at held-out data or writes. Checkpoints are counted rather than seconds, so that the kills spread over
the training however fast the machine is. A training that ends before its kill is begun again until all are spent.

Ends with status 1 where one byte of the model, the metrics, the account or the report, or one number of the last
checkpoint (weights, optimizer, bank, random state) differs. Leave the package's code alone meanwhile: every process
reads it anew.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.killed_runs import after, differences, killed, never, position


class Saves:
    """Counts how often a run's checkpoint is written."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "checkpoints" / "last.pt"
        self.count, self.begun, self.first, self.last = 0, time.monotonic(), 0.0, self._written()

    def _written(self) -> int | None:
        try:
            return self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def look(self) -> int:
        """How often so far; to be asked again and again."""
        now = self._written()
        if now != self.last:
            self.first = self.first or time.monotonic() - self.begun
            self.count, self.last = self.count + 1, now
        return self.count


def after_saves(folder: Path, count: int, seconds: float) -> Callable[[], bool]:
    """Whether the checkpoint was written so often, and so many seconds have gone by since."""
    saves = Saves(folder)
    since: list[float] = []

    def reached() -> bool:
        if saves.look() >= count and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= seconds

    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--recipe", default="beta-tcvae")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the training, and of the moments")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="as `termwise train --set`")
    given = parser.parse_args()

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    arguments = ["--data", given.data, "--recipe", given.recipe, "--epochs", str(given.epochs)]
    arguments += ["--seed", str(given.seed)]
    for setting in ("training.checkpoint_steps=3", *given.set):
        arguments += ["--set", setting]
    moments = random.Random(given.seed)

    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        saves = Saves(whole)
        killed(arguments, whole, lambda: saves.look() < 0, patience=3600)
        most = max(1, round(2 * saves.count / (0.75 * given.kills)))
        print(
            f"left alone: the first of {saves.count} checkpoints after {saves.first:.1f} s; {position(whole)}",
            flush=True,
        )
        kills = 0
        while kills < given.kills:
            if moments.random() < 0.25 or "finished" in position(broken):
                seconds = moments.uniform(0, 1.5 * saves.first)
                done, moment = killed(arguments, broken, after(seconds)), f"{seconds:.2f} s"
            else:
                count, seconds = moments.randint(1, most), moments.uniform(0, 0.05)
                done = killed(arguments, broken, after_saves(broken, count, seconds))
                moment = f"{count} checkpoints and {1000 * seconds:.0f} ms"
            kills += done
            print(f"{f'kill {kills}' if done else 'ended':>8} after {moment}: {position(broken)}", flush=True)
        killed(arguments, broken, never, patience=3600)
        print(f"resumed a last time: {position(broken)}")
        found = differences(whole, broken)
        compared = sum(1 for path in whole.rglob("*") if path.is_file())

    for difference in found:
        print(f"DIFFERS  {difference}")
    print(f"{kills} kills, {compared} files: {'not the same' if found else 'the same to the last bit'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
