"""Total correlation by a critic, against the truth: one critic, and a telescope of five.

    python benchmarks/total_correlation.py [--nats 1 2.5 5 10 15 20] [--seeds 3] [--figure total_correlation.svg]

q(z) is normal, ten pairs of dimensions that are correlated alike, so that TC = -5 log(1 - rho^2) is known. Each critic
has two layers of 256, and learns from 50,000 codes' worth of examples for 1,500 steps; what it says is read on 20,000
others (FactorVAE's estimate is the plug-in). NWJ and DV are the bounds that the same critic gives.

Ends with status 1 where, at 1 nat, the plug-in of the single critic is off by 0.1 nats or more.
"""

import argparse
import math
import statistics
import sys
import time
from pathlib import Path

import torch
from stepping import table

from termwise.data import load_data
from termwise.measuring.critic_bounds.train_critics import train_critics
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.randomness import own_randomness
from termwise.objectives import Objective, OptimizerSettings, Weighted, solo
from termwise.schedules import Cosine
from termwise.terms import Critic, DensityRatio, Link, Telescoping
from termwise.terms.adversarial.ratio_bounds import donsker_varadhan, nwj
from termwise.worlds import LinearGaussian

PAIRS = 10
STEPS = 1500
ALLOWED = 0.1
HIDDEN = (256, 256)
METHODS = {
    "one critic": lambda: DensityRatio("kl", Critic(HIDDEN, "silu")),
    "telescope": lambda: Telescoping(4, critic=Critic(HIDDEN, "silu", heads=5)),
}


def correlated(nats: float) -> LinearGaussian:
    """A world whose aggregate has standard marginals and this total correlation."""
    size, rho = 2 * PAIRS, math.sqrt(1 - math.exp(-2 * nats / PAIRS))
    eye = torch.eye(size, dtype=torch.float64)
    covariance = eye.clone()
    even = torch.arange(0, size, 2)
    covariance[even, even + 1] = covariance[even + 1, even] = rho
    own = 0.5 * (1 - rho) * eye  # the posterior's covariance: any part of the aggregate's would do
    zero = torch.zeros(size, dtype=torch.float64)
    return LinearGaussian(zero, covariance - own, eye, zero, own, eye, zero, 0.5)


def read(nats: float, method: str, seed: int) -> dict[str, float]:
    world = correlated(nats)
    known, fresh = (
        load_data(world.data(count, seed=2 * seed + i), test=0.0) for i, count in enumerate((50_000, 20_000))
    )
    link = Link("aggregate", "marginals", METHODS[method]())
    rate = Cosine(start=2e-3, end=1e-5, steps=STEPS)
    began = time.perf_counter()
    game = solo(Objective((Weighted(link),)))
    train_critics(game, world, known, steps=STEPS, optimizer=OptimizerSettings(learning_rate=rate), seed=seed)
    seconds = time.perf_counter() - began
    ratio = link.estimator
    with own_randomness(seed), evaluating(torch.nn.ModuleList([ratio.critic])), torch.no_grad():
        pairs = [ratio.logits(link.left, link.right, draw) for draw in DataPass(world, fresh, 512)()]
    left, right = (torch.cat(side).double() for side in zip(*pairs, strict=True))
    values = {"plug-in": left, "NWJ": nwj(left, right), "DV": donsker_varadhan(left, right)}
    return {name: float(value.mean()) for name, value in values.items()} | {"seconds": seconds}


def draw_figure(path: Path, found: dict[tuple[str, float], list[dict[str, float]]], nats: list[float]) -> None:
    import matplotlib
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "total correlation"
    figure, axes = pyplot.subplots(figsize=(5, 4.4))
    axes.plot([0, max(nats)], [0, max(nats)], color="grey", linewidth=0.8, label="truth")
    for method, colour in zip(METHODS, ("tab:red", "tab:blue"), strict=True):
        for name, style in (("plug-in", "o-"), ("NWJ", "^:")):
            means = [statistics.mean(one[name] for one in found[method, x]) for x in nats]
            axes.plot(nats, means, style, color=colour, markersize=4, label=f"{method}, {name}")
    axes.set(xlabel="true total correlation, nats", ylabel="by critic, nats", ylim=(-2, 1.3 * max(nats)))
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", type=float, nargs="+", default=[1, 2.5, 5, 10, 15, 20])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--figure", type=Path, help="an SVG (needs matplotlib)")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found, rows = {}, []
    for nats in given.nats:
        assert abs(correlated(nats).truth()["total_correlation"] - nats) < 1e-9
        for method in METHODS:
            seen = found[method, nats] = [read(nats, method, seed) for seed in range(given.seeds)]
            spread = [f"{min(one['plug-in'] for one in seen):.2f} to {max(one['plug-in'] for one in seen):.2f}"]
            means = [
                f"{statistics.mean(one[name] for one in seen):.2f}" for name in ("plug-in", "NWJ", "DV", "seconds")
            ]
            rows.append((f"{nats:g}", method, means[0], *spread, *means[1:]))
            print(*rows[-1], flush=True)
    print()
    print(table(("TC", "", "plug-in", "seeds", "NWJ", "DV", "seconds"), rows))
    if given.figure is not None:
        draw_figure(given.figure, found, given.nats)
    worst = max((abs(one["plug-in"] - 1) for one in found.get(("one critic", 1.0), [])), default=0.0)
    if worst >= ALLOWED:
        print(f"\nAt 1 nat the single critic is off by {worst:.3f} nats; {ALLOWED} are allowed.")
    return 1 if worst >= ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
