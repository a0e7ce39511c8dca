"""Kill a training at random moments, resume it each time, and hold what it leaves against one that was left alone.

    python benchmarks/kills.py --kills 20 --recipe beta-tcvae --seed 0

A kill is SIGKILL, at a moment drawn from the start of the process on: while it imports, reads, fills the bank, trains,
looks at held-out data, writes a checkpoint, measures or reports. A training that ends before its kill is begun again
with --resume until the kills are spent. Ends with status 1 where one byte of the model, the metrics, the account, the
report, or one number of the last checkpoint (weights, optimizer, bank, random state) differs.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "training"))

from killing import after, differences, killed, never, position


def undisturbed(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Train to the end; the seconds until the first checkpoint, and until the end."""
    begun, first = time.monotonic(), []

    def look() -> bool:
        if not first and (folder / "checkpoints" / "last.pt").exists():
            first.append(time.monotonic() - begun)
        return False

    killed(arguments, folder, look, patience=3600)
    return first[0], time.monotonic() - begun


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
        start, end = undisturbed(arguments, whole)
        print(f"undisturbed: first checkpoint after {start:.1f} s, the end after {end:.1f} s, {position(whole)}")
        kills = 0
        while kills < given.kills:
            seconds = moments.uniform(0, start + (end - start) / 4)
            done = killed(arguments, broken, after(seconds))
            kills += done
            print(f"{f'kill {kills}' if done else 'ended':>8} after {seconds:5.2f} s: {position(broken)}", flush=True)
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
