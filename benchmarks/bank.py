"""What a bank of posteriors costs, and how far off it is, by its size and by how it is kept up to date.

    python benchmarks/bank.py --data FOLDER_OF_MNIST --figure bank.svg

First where the posteriors are frozen, in two worlds whose truth is known: a collapsed posterior, and a linear-Gaussian
world with 7.53 nats of mutual information; batches of 64, N = 60,000, 10 latent dimensions. Every memory sees the same
codes, of one epoch's batches, so that its difference from the exact aggregate of the N points is its own error.

Then in a real training on MNIST, where the posteriors move: the trainings take turns, and the trainer's own audit at
the end of every epoch holds each memory against the exact aggregate.

Ends with status 1 where the default bank is off by more than 0.05 nats in a world.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import torch
from stepping import table, trainer_on_turns

from termwise import load_data
from termwise.models import VAE, Draw
from termwise.models.data_pass import DataPass
from termwise.objectives.recipes import recipe
from termwise.terms.aggregate.bank import ANCHORS, SIZE, Bank
from termwise.terms.aggregate.full import Full
from termwise.terms.aggregate.memory import Memory
from termwise.terms.aggregate.minibatch import MinibatchStratified, MinibatchWeighted
from termwise.terms.link import Link, by_example
from termwise.terms.monte_carlo import MonteCarlo
from termwise.worlds import LinearGaussian

TERMS = {
    "index_code_mi": ("posterior", "aggregate"),
    "total_correlation": ("aggregate", "marginals"),
    "dimension_wise_kl": ("marginals", "prior"),
}
SHORT = ("MI", "TC", "DW")
SIZES = (512, 2048, 8192, 32768, None)
BANKS = (
    *((SIZE, 0, 0.0), (SIZE, 0, 5.0), (SIZE, ANCHORS, 0.0), (SIZE, ANCHORS, None)),
    *((8192, ANCHORS, None), (None, ANCHORS, None)),
)
"""Size, followed examples and refresh, None where what was held of a batch decides it, where posteriors move."""
TOLERANCE = 0.05  # nats
LEAST = 1e-4  # nats: errors below are drawn here
COUNT, BATCH = 60_000, 64


@dataclass
class Outcome:
    """What one memory gave: the mean of each term, its error, and the milliseconds that it cost a step."""

    means: list[float]
    errors: list[float] = field(default_factory=list)
    milliseconds: float | None = None

    def row(self, name: str) -> tuple[str, ...]:
        """As a row of the table."""
        errors = [f"{error:+.3f}" for error in self.errors] or [""] * len(TERMS)
        cost = "" if self.milliseconds is None else f"{self.milliseconds:.1f}"
        return (name, *(f"{value:.3f}" for value in self.means), *errors, cost)


HEAD = ("", *SHORT, *(f"{name} error" for name in SHORT), "ms a step")


def name_of(size: int | None, anchors: int = 0, refresh: float | None = 0.0) -> str:
    name = "bank of all" if size is None else f"bank of {size:,}"
    kept = (
        f"{anchors} followed" if anchors else "",
        "refreshed as needed" if refresh is None else f"refresh {refresh:g}",
    )
    return ", ".join([name, *(one for one in kept if one and one != "refresh 0")])


def worlds() -> dict[str, LinearGaussian]:
    linear = LinearGaussian.random(seed=3, latent=10, dimension=20, mutual_information=7.53)
    collapsed = replace(
        linear,
        encoder=torch.zeros_like(linear.encoder),
        offset=torch.zeros_like(linear.offset),
        posterior_covariance=torch.eye(10, dtype=torch.float64),
    )
    return {"collapsed posterior": collapsed, "linear-Gaussian world": linear}


def frozen(world: LinearGaussian, batches: int) -> dict[str, Outcome]:
    """Every memory over `batches` batches of one epoch, in random order."""
    data = load_data(world.data(COUNT))
    data = data.subset(torch.arange(len(data)))  # all of them, undivided
    memories: dict[str, Memory] = {
        "exact aggregate": Full(),
        "minibatch weighted": MinibatchWeighted(),
        "minibatch stratified": MinibatchStratified(),
        **{name_of(size): Bank(size, refresh=0.0, anchors=0) for size in SIZES},  # the posteriors stand still
    }
    for memory in memories.values():
        memory.prepare(DataPass(world, data))
    links = {name: [Link(*ends, MonteCarlo(memory)) for ends in TERMS.values()] for name, memory in memories.items()}
    values: dict[str, list[list[float]]] = {name: [] for name in memories}
    seconds: dict[str, list[float]] = {name: [] for name in memories}
    torch.manual_seed(0)
    order = torch.randperm(len(data))[: batches * BATCH]
    for batch in data.batches(BATCH, order, drop_last=True):
        draw = Draw(world, batch.x, batch.index, len(data))
        draw.z.requires_grad_()  # as in training: the gradient is part of the cost
        for name, memory in memories.items():
            began = time.perf_counter()
            if not isinstance(memory, Full):  # the posteriors stand still: one pass was enough
                memory.observe(draw)
            values[name].append([float(by_example(link(draw)).detach().mean()) for link in links[name]])
            seconds[name].append(time.perf_counter() - began)
    means = {name: torch.tensor(of).mean(0).tolist() for name, of in values.items()}
    exact = means["exact aggregate"]
    outcomes = {
        name: Outcome(mean, [a - b for a, b in zip(mean, exact, strict=True)], 1e3 * median(seconds[name]))
        for name, mean in means.items()
    }
    outcomes["exact aggregate"].errors = []
    truth = world.truth()
    return {**outcomes, "truth of the population": Outcome([truth[name] for name in TERMS])}


def moving(path: str, epochs: int, network: str, rate: float, folder: str) -> dict[str, Outcome]:
    """A beta-TCVAE on MNIST with every memory; the last epoch's audit, and the median step."""
    data = load_data(path)
    aggregates = {"minibatch stratified": "minibatch-stratified"} | {
        name_of(*bank): {"name": "bank", "size": bank[0] or "all", "anchors": bank[1]}
        | ({} if bank[2] is None else {"refresh": bank[2]})
        for bank in BANKS
    }
    running, times = {}, {name: [] for name in aggregates}
    for name, aggregate in aggregates.items():
        torch.manual_seed(0)
        model, game = VAE.build(data.shape, 10, network), recipe("beta-tcvae", aggregate=aggregate)
        settings = {"epochs": epochs, "held_out_limit": 1000, "optimizer": {"learning_rate": rate}}
        running[name] = trainer_on_turns(model, game, data, f"{folder}/{name}", **settings)
    while not all(trainer.finished for trainer, _ in running.values()):
        for name, (trainer, turn) in running.items():
            if not trainer.finished:
                times[name] += turn(2.0)
    outcomes = {}
    for name, (trainer, _) in running.items():
        audits = [line for line in trainer.folder.metrics() if line["split"] == "audit"]
        for line in audits[:-1]:
            print(f"{name}, epoch {line['epoch']}: " + in_short(line["terms"]))
        last = audits[-1]["terms"]
        means, errors = ([last[term][what] for term in TERMS] for what in ("estimate", "difference"))
        outcomes[name] = Outcome(means, errors, 1e3 * median(times[name]))
    return outcomes


def in_short(audit: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{short} {audit[term]['difference']:+.3f}" for short, term in zip(SHORT, TERMS, strict=True))


def draw_figure(panels: dict[str, dict[str, Outcome]], path: Path) -> None:
    """Cost against error, a panel an experiment, a line a term, a point a size of the bank."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.6), sharey=True, squeeze=False)
    for axis, (title, outcomes) in zip(axes[0], panels.items(), strict=True):
        banks = {name: outcome for name, outcome in outcomes.items() if name.startswith("bank")}
        for i, short in enumerate(SHORT):
            errors = [max(abs(outcome.errors[i]), LEAST) for outcome in banks.values()]
            cost = [outcome.milliseconds for outcome in banks.values()]
            axis.plot(cost, errors, marker="os^"[i], linestyle=("-", "--", ":")[i], label=short)
        for name, outcome in banks.items():
            worst = max(abs(error) for error in outcome.errors)
            axis.annotate(name.removeprefix("bank of "), (outcome.milliseconds, max(worst, LEAST)), fontsize=8)
        axis.axhline(TOLERANCE, color="grey", linewidth=0.8, linestyle="--")
        axis.set(title=title, xlabel="milliseconds a step", yscale="log")
    axes[0, 0].set_ylabel("|bank - exact aggregate|, nats")
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder with the IDX files of MNIST; the worlds alone where left out")
    parser.add_argument("--epochs", type=int, default=2, help="of every training on MNIST")
    parser.add_argument("--network", default="conv", choices=("conv", "mlp"), help="of those trainings")
    parser.add_argument("--rate", type=float, default=1e-3, help="their learning rate")
    parser.add_argument("--batches", type=int, default=300, help="of the worlds' epoch, which has 937")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--figure", type=Path, help="an SVG of cost against error (needs matplotlib)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    panels, within = {}, True
    for title, world in worlds().items():
        panels[title] = frozen(world, arguments.batches)
        print(f"\n{title}, {arguments.batches} batches of {BATCH}, nats; error: less the exact aggregate\n")
        print(table(HEAD, [outcome.row(name) for name, outcome in panels[title].items()]), flush=True)
        within &= all(abs(error) <= TOLERANCE for error in panels[title][name_of(SIZE)].errors)
    verdict = "yes" if within else "NO"
    print(f"\nThe default, a bank of {SIZE:,}, is within {TOLERANCE} nats of the exact aggregate: {verdict}")
    if arguments.data is not None:
        with tempfile.TemporaryDirectory() as folder:
            how = f"{arguments.network}, learning rate {arguments.rate:g}, batch 128"
            print(f"\nMNIST, beta-TCVAE, {how}: staleness at the end of every epoch\n", flush=True)
            panels["MNIST"] = moving(arguments.data, arguments.epochs, arguments.network, arguments.rate, folder)
        print("\n" + table(HEAD, [outcome.row(name) for name, outcome in panels["MNIST"].items()]))
    if arguments.figure is not None:
        draw_figure({title: panels[title] for title in panels if title != "collapsed posterior"}, arguments.figure)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
