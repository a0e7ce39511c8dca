"""Every disentanglement metric of a run, with its error and the seconds it took; and of codes whose score is known.

    python benchmarks/disentanglement.py RUN

The codes are of the sprites' own factors: a perfect code, the same with noise, two factors mixed by 45 degrees, and
one that knows nothing; 5 dimensions that carry the factors, and 5 collapsed ones. Without a run, these alone.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from stepping import table
from torch import Tensor

import termwise as tw
from termwise.account import Account
from termwise.api import load_run
from termwise.data import Dataset
from termwise.data.annotations import Annotations
from termwise.data.examples import InMemory
from termwise.data.sprites import GRID_SIZE, load_sprites
from termwise.measuring.disentanglement import METRICS, disentanglement
from termwise.models import Drawable
from termwise.models.data_pass import Progress

DIMENSIONS = 10
SIGMA = 0.05


def known_codes(count: int) -> dict[str, Dataset]:
    """Data sets whose x are codes of sprites, with the factors that made them."""
    sprites = load_sprites(fraction=count / GRID_SIZE)
    factors = sprites.factors
    assert factors is not None
    v = (factors - factors.float().mean(0)) / factors.float().std(0)
    noise = torch.randn(len(v), DIMENSIONS, generator=torch.Generator().manual_seed(0))
    mixed = v.clone()
    mixed[:, 3], mixed[:, 4] = (v[:, 3] + v[:, 4]) / 2**0.5, (v[:, 3] - v[:, 4]) / 2**0.5
    codes = {"perfect": v, "noisy": v + 0.1 * noise[:, :5], "two factors mixed": mixed, "random": noise[:, :5]}
    annotations = Annotations(factors=factors, factor_names=sprites.factor_names)
    return {name: Dataset(name, InMemory(x.float()), annotations) for name, x in codes.items()}


def reader() -> Drawable:
    """A model that takes x for the mean of its code, with collapsed dimensions beside."""

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        scale = torch.full_like(x, SIGMA).log()
        collapsed = x.new_zeros(len(x), DIMENSIONS - x.shape[1])
        return torch.cat([x, collapsed], 1), torch.cat([2 * scale, collapsed], 1)

    return tw.adapt(encode=encode)


def timed(measure: Callable[[Progress], Account]) -> tuple[Account, dict[str, float]]:
    """The account, and the seconds of every metric."""
    began: list[tuple[str, float]] = []
    account = measure(lambda name, part: began.append((name, time.perf_counter())))
    began.append(("", time.perf_counter()))
    return account, {name: after - start for (name, start), (_, after) in pairwise(began)}


def scalars(account: Account) -> dict[str, str]:
    return {
        name: f"{reading.value:.4f}" + ("" if reading.stderr is None else f" ± {reading.stderr:.4f}")
        for name, reading in account.overall.items()
    }


def metric_of(reading: str) -> str:
    """The metric that gives a reading."""
    return next(name for name, metric in METRICS.items() if reading in metric.scales)


def print_run(account: Account, seconds: Mapping[str, float]) -> None:
    rows = [(name, said, f"{seconds[metric_of(name)]:.1f}") for name, said in scalars(account).items()]
    print(table(("", "score", "seconds"), rows))
    for name, reading in account.by_dimension.items():
        print(f"{name}: {', '.join(f'{value:.3f}' for value in reading.value)}")
    print("\n".join(account.diagnosis))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, help="a run folder whose data has known factors")
    parser.add_argument("--split", default="test", help="of the run's data: train, validation or test")
    parser.add_argument("--limit", type=int, default=30_000, help="examples at most; 0 for all")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    chosen = {"limit": arguments.limit or None, "repeats": arguments.repeats, "seed": arguments.seed}
    if arguments.run is not None:
        run = load_run(arguments.run)
        data = run.data.split(arguments.split)
        print(f"{arguments.run.name}, {arguments.split}: {len(data):,} examples\n", flush=True)
        print_run(*timed(lambda told: disentanglement(run.model, data, progress=told, **chosen)))
    print(f"\nKnown codes of {arguments.limit or 30_000:,} sprites, {DIMENSIONS} dimensions\n", flush=True)
    accounts, seconds = {}, {}
    for name, data in known_codes(arguments.limit or 30_000).items():
        measure = partial(disentanglement, reader(), data, **chosen)
        accounts[name], seconds = timed(lambda told, measure=measure: measure(progress=told))
    columns = [scalars(account) for account in accounts.values()]
    rows = [
        (name, *(column.get(name, "") for column in columns), f"{seconds[metric_of(name)]:.1f}") for name in columns[0]
    ]
    print(table(("", *accounts, "seconds"), rows))
    print("\n".join(dict.fromkeys(sentence for account in accounts.values() for sentence in account.diagnosis)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
