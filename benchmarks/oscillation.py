"""Does an adversarial game oscillate, and what calms it? Four points on a line, the ELBO by quadrature all along.

    python benchmarks/oscillation.py [--seeds 3] [--rounds 1000] [--figure oscillation.svg]

With the critic's T fixed, the autoencoder's objective E_q[T - log p(x|z)] is LINEAR in q: its best answer is a point
mass where T - log p(x|z) is lowest. So q runs to where a critic that lags behind has not been, the critic follows, and
q runs on.

x is one of the four one-hot vectors of {0, 1}^4, z in R, pixels are independent Bernoulli; the ELBO is at most
-log 4 = -1.386. Posteriors end in a Gaussian layer of width sigma: K codes f(x, eps), shared out among the nodes and
blurred there, are a posterior in their own right, whose ELBO is below q's by about L / (4 sqrt(pi) sigma K) where q
covers a length L: 0.002 nats at L = 4.

Three games, each with the weights as they are and with their exponential averages, which do not change the play:
`swing` is the standard deviation of the true ELBO over the last third of training, `range` the distance of its
extremes, `ELBO` its mean there, `claim` the mean of what the objective says; each the median over seeds. Ends with
status 1 where a cure's swing is not below half of the uncured game's, one critic's move and no averages.
"""

import argparse
import math
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from stepping import table
from torch.nn.functional import conv1d

from termwise.data import Dataset
from termwise.data.examples import InMemory
from termwise.models import VAE
from termwise.models.data_pass import evaluating
from termwise.models.randomness import own_randomness
from termwise.objectives import recipe
from termwise.training import RunFolder, Trainer, config_from
from termwise.training.watchers import Silent

POINTS = torch.eye(4)
SIGMA = 0.05
STEP = SIGMA / 5
AXIS = torch.arange(-1000, 1001, dtype=torch.float64) * STEP
LOG_PRIOR = -0.5 * AXIS.square() - 0.5 * math.log(2 * math.pi)
CODES = 5000
BATCH, LOOK = 128, 20  # examples a round; rounds from look to look
RATE = 2e-3  # of both players
DECAY = 0.995
CURED = 0.5

GAMES = {
    "one critic's move": ("avb", 1),
    "five critic's moves": ("avb", 5),
    "adaptive contrast, one move": ("avb-ac", 1),
}
WEIGHTS = ("as they are", "averaged")
UNCURED = ("one critic's move", "as they are")


@dataclass(frozen=True)
class Look:
    """ELBOs in nats, after so many rounds."""

    step: int
    truth: float
    claim: float


@torch.no_grad()
def true_elbo(model: VAE) -> float:
    """The mean over the four points, by quadrature."""
    codes = model.encode(POINTS).centres(CODES).squeeze(-1).double().T  # (4, K)
    place = ((codes - AXIS[0]) / STEP).clamp(0, len(AXIS) - 1.001)
    corner = place.long()
    beyond = place - corner
    mass = torch.zeros(4, len(AXIS), dtype=torch.float64)
    mass.scatter_add_(1, corner, 1 - beyond).scatter_add_(1, corner + 1, beyond)
    reach = torch.arange(-40, 41, dtype=torch.float64) * STEP
    variance = SIGMA**2 - STEP**2 / 6  # sharing a code out among two nodes has blurred it by so much
    kernel = torch.exp(-0.5 * reach.square() / variance) / math.sqrt(2 * math.pi * variance)
    density = conv1d(mass.unsqueeze(1) / CODES, kernel.view(1, 1, -1), padding=40).squeeze(1)
    decoded = model.decode(AXIS.float().unsqueeze(1))
    log_joint = torch.stack([decoded.log_prob(x) for x in POINTS]).double() + LOG_PRIOR
    return float((density * (log_joint - density.clamp(min=1e-300).log())).sum(1).mean() * STEP)


class Witness(Silent):
    """Looks at a training now and then, at its weights as they are and averaged."""

    def __init__(self) -> None:
        self.trainer: Trainer
        self.seen: dict[str, list[Look]] = {weights: [] for weights in WEIGHTS}

    def wants(self) -> bool:
        """Look, where it is time; want nothing."""
        step = self.trainer.step
        if step % LOOK == 0:
            for weights, model in zip(WEIGHTS, (self.trainer.model, self.trainer.evaluated_model), strict=True):
                with own_randomness(step), evaluating(model):
                    claim = -float(
                        self.trainer.game.players[0].objective(model.draw(POINTS.repeat(128, 1)), step).total
                    )
                    self.seen[weights].append(Look(step, true_elbo(model), claim))
        return False


def trained(game: str, seed: int, rounds: int, folder: str) -> dict[str, list[Look]]:
    torch.manual_seed(seed)
    posterior = {"noise": 4, "hidden": [32, 32], "sigma": SIGMA, "start": 0.3}
    model = VAE.build((4,), 1, posterior="noise-input+normal", posterior_options=posterior, options={"hidden": [32]})
    settings = {
        "batch_size": BATCH,
        "epochs": 1,
        "audit": False,
        "optimizer": {"learning_rate": RATE, "betas": (0.5, 0.99)},
        "average": {"decay": DECAY},
        "seed": seed,
        "device": "cpu",
    }
    config = config_from({"training": settings})
    x = InMemory(POINTS.repeat(rounds * BATCH // 4, 1))
    run = RunFolder(folder)
    run.create(config)
    name, moves = GAMES[game]
    players = recipe(name, hidden=(32, 32), moves=moves, critic_learning_rate=RATE)
    watch = Witness()
    data = Dataset("four points", x, splits={"test": torch.arange(BATCH)})
    trainer = watch.trainer = Trainer(model, players, data, config.training, run, watch)
    trainer.start()
    trainer.run()
    return watch.seen


def last_third(looks: list[Look]) -> list[Look]:
    return looks[-(len(looks) // 3) :]


def swing(looks: list[Look]) -> float:
    return statistics.stdev(look.truth for look in last_third(looks))


def row(looks_by_seed: list[list[Look]]) -> tuple[float, ...]:
    """Swing, range, ELBO and claim, each the median over seeds."""
    ends = [last_third(looks) for looks in looks_by_seed]
    found = [
        (
            swing(looks),
            max(look.truth for look in end) - min(look.truth for look in end),
            statistics.mean(look.truth for look in end),
            statistics.mean(look.claim for look in end),
        )
        for looks, end in zip(looks_by_seed, ends, strict=True)
    ]
    return tuple(map(statistics.median, zip(*found, strict=True)))


def draw_figure(path: Path, seen: dict[tuple[str, str], list[list[Look]]]) -> None:
    """A panel for each game: the truth of every seed, as it is and averaged, and the first seed's claim."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "oscillation"
    figure, axes = pyplot.subplots(1, len(GAMES), figsize=(3.8 * len(GAMES), 3.2), sharey=True)
    for game, panel in zip(GAMES, axes, strict=True):
        for weights, style in zip(WEIGHTS, ({"color": "#c2452d", "linewidth": 0.9}, {"color": "#2b6cb0"}), strict=True):
            for seed, looks in enumerate(seen[game, weights]):
                label = f"true, weights {weights}" if seed == 0 else None
                panel.plot([look.step for look in looks], [look.truth for look in looks], label=label, **style)
        claims = seen[game, WEIGHTS[0]][0]
        panel.plot([one.step for one in claims], [one.claim for one in claims], ":", color="grey", label="claimed")
        panel.axhline(-math.log(4), color="grey", linewidth=0.8)
        panel.set(title=game, xlabel="rounds", ylim=(-5, -1.2))
    axes[0].set_ylabel("ELBO, nats")
    axes[-1].legend(frameon=False, loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--figure", type=Path, help="an SVG of the ELBOs over training (needs matplotlib)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seen: dict[tuple[str, str], list[list[Look]]] = {(game, weights): [] for game in GAMES for weights in WEIGHTS}
    with tempfile.TemporaryDirectory() as folder:
        for game in GAMES:
            for seed in range(arguments.seeds):
                looks = trained(game, seed, arguments.rounds, f"{folder}/{game}-{seed}")
                for weights in WEIGHTS:
                    seen[game, weights].append(looks[weights])
                said = ", ".join(f"{weights} {swing(looks[weights]):.3f}" for weights in WEIGHTS)
                print(f"{game}, seed {seed}: swing {said}", flush=True)
    rows = {key: row(looks) for key, looks in seen.items()}
    calmer = {key: rows[UNCURED][0] / numbers[0] for key, numbers in rows.items()}
    print()
    head = ("game", "weights", "swing", "range", "ELBO", "claim", "times calmer")
    cells = [(*key, *(f"{n:.3f}" for n in numbers), f"{calmer[key]:.1f}") for key, numbers in rows.items()]
    print(table(head, cells))
    if arguments.figure is not None:
        draw_figure(arguments.figure, seen)
    missed = [key for key in rows if key != UNCURED and calmer[key] <= 1 / CURED]
    for key in missed:
        print(f"{', '.join(key)}: {calmer[key]:.1f} times calmer than the uncured game; the bar is {1 / CURED:g}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
