"""What the penalties of dependence between dimensions buy, on sprites, at one budget.

    python benchmarks/dependence.py [--count 4000] [--epochs 25] [--latent 6] [--seeds 1] [--recipes ...]

The same network (one hidden layer of 128), data and number of steps for the vae and for each recipe that lowers the
dependence, at its defaults, on the CPU. The readings are of the test part, under the aggregate of its points; MIG is of
the same; of several seeds, their mean, and half their range.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean

import torch
from stepping import table

import termwise as tw
from termwise.data.sprites import GRID_SIZE

RECIPES = ("vae", "beta-tcvae", "factor-vae", "hfvae", "hsic-vae", "dip-vae-i", "dip-vae-ii")
COLUMNS = ("elbo", "rate", "total_correlation", "group_correlation", "mig")


def readings(recipe: str, seed: int, count: int, epochs: int, latent: int, folder: str) -> dict[str, float]:
    """The table's numbers of one run, and the seconds that its training took."""
    data = tw.load_data("sprites", fraction=count / GRID_SIZE)
    began = time.perf_counter()
    run = tw.train(
        {"training": {"evaluate_every": epochs, "audit": False}, "model": {"options": {"hidden": [128]}}},
        data=data,
        recipe=recipe,
        network="mlp",
        latent=latent,
        epochs=epochs,
        batch_size=128,
        seed=seed,
        out=Path(folder) / f"{recipe}-{seed}",
        progress=False,
    )
    seconds = time.perf_counter() - began
    account = tw.measure(run.model, run.data, split="test", groups=2)
    scores = tw.disentanglement(run.model, run.data, metrics=["mig"])
    values = {**account, **scores}
    return {name: values[name].value for name in COLUMNS} | {"seconds": seconds}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--latent", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for recipe in given.recipes:
            runs = [
                readings(recipe, seed, given.count, given.epochs, given.latent, folder) for seed in range(given.seeds)
            ]
            cells = []
            for name in (*COLUMNS, "seconds"):
                values = [run[name] for run in runs]
                spread = f" ± {(max(values) - min(values)) / 2:.2g}" if len(values) > 1 else ""
                cells.append(f"{fmean(values):.3g}{spread}")
            rows.append((recipe, *cells))
            print(*rows[-1], sep=" | ", flush=True)
    print()
    print(table(("recipe", *COLUMNS, "seconds"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
