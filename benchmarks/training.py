"""How fast termwise trains, against a plain loop, the best loops that we know, and pythae where it is installed.

    python benchmarks/training.py --data FOLDER_OF_MNIST

Every contender has the same networks, batch size, data and number of threads. They take turns, round after round; a
rate is the median over rounds, a ratio the median of the rounds' own ratios. Ends with status 1 where one is missed.
"""

import argparse
import contextlib
import importlib.util
import io
import logging
import sys
import tempfile
from statistics import median

import torch
from best_loops import by_jax, by_onednn
from stepping import Clock, Turn, in_rounds, table, trainer_on_turns
from torch import Tensor, nn
from torch.nn import functional as F

from termwise import load_data
from termwise.data import Dataset
from termwise.models import VAE
from termwise.objectives.recipes import recipe

LATENT, BATCH = 10, 128
HAND = "hand-written loop"
TARGETS = {
    "mlp": {
        "termwise vae": 1.3,
        "termwise beta-tcvae, stratified": 1.0,
        "termwise beta-tcvae, default bank": 0.5,
    },
    "conv": {"termwise vae": 1.0, "termwise beta-tcvae, default bank": 0.8},
}
RECIPES = {
    "termwise vae": ("vae", {}),
    "termwise beta-tcvae, stratified": ("beta-tcvae", {"aggregate": "minibatch-stratified"}),
    "termwise beta-tcvae, default bank": ("beta-tcvae", {"aggregate": "bank"}),
    "termwise beta-tcvae, bank of all, no refresh": (
        "beta-tcvae",
        {"aggregate": {"name": "bank", "size": "all", "refresh": 0.0}},
    ),
}
PEERS = {"termwise vae": "pythae VAE", "termwise beta-tcvae, stratified": "pythae BetaTCVAE"}


def bodies(network: str, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    model = VAE.build(shape, LATENT, network)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.__class__ = nn.Linear  # torch's own products, as everybody else's loop has them
    model.to(memory_format=torch.contiguous_format)  # and torch's own layout of convolutions
    return model.encoder, model.decoder


def hand_written(network: str, x: Tensor) -> Turn:
    """The ELBO, one Adam, and nothing else."""
    encoder, decoder = bodies(network, tuple(x.shape[1:]))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3, fused=True)
    clock, epoch = Clock(), 0

    def train() -> None:
        nonlocal epoch
        while True:
            order = torch.randperm(len(x))
            for start in range(0, len(x) - BATCH + 1, BATCH):
                batch = x[order[start : start + BATCH]]
                mean, log_variance = encoder(batch).chunk(2, dim=1)
                z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
                distortion = F.binary_cross_entropy_with_logits(decoder(z), batch, reduction="sum")
                rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
                optimizer.zero_grad()
                ((distortion + rate) / BATCH).backward()
                optimizer.step()
                clock.step(epoch)
            epoch += 1

    return lambda seconds: clock.turn(train, seconds)


def best_loops(x: Tensor) -> dict[str, Turn]:
    """The loops of `best_loops.py`, of fully connected networks; JAX's where it is installed."""
    onednn, clock = by_onednn(bodies("mlp", tuple(x.shape[1:])), x, BATCH), Clock()

    def train() -> None:
        while True:
            onednn()
            clock.step(0)

    loops: dict[str, Turn] = {"the same by oneDNN": lambda seconds: clock.turn(train, seconds)}
    if importlib.util.find_spec("jax") is not None:
        some_steps = by_jax(bodies("mlp", tuple(x.shape[1:])), x, BATCH)

        def by_scan(seconds: float) -> list[float]:
            taken: list[float] = []
            while sum(taken) < seconds:
                taken += some_steps()
            return taken

        loops["the same by JAX, lax.scan"] = by_scan
    return loops


def termwise(network: str, name: str, data: Dataset, folder: str) -> Turn:
    """The trainer itself, as `termwise.train` runs it."""
    objective, options = RECIPES[name]
    torch.manual_seed(0)
    model = VAE.build(data.shape, LATENT, network)
    many = 1_000_000  # epochs, so that the clock alone ends it, and evaluates nothing
    settings = {"batch_size": BATCH, "epochs": many, "evaluate_every": many}
    return trainer_on_turns(model, recipe(objective, **options), data, f"{folder}/{network}-{name}", **settings)[1]


def pythae(name: str, x: Tensor, folder: str) -> Turn:
    """pythae's BaseTrainer, with its defaults but the architecture, the batch size and the cross-entropy."""
    from pythae import models
    from pythae.data.datasets import BaseDataset
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    inward, outward = bodies("mlp", tuple(x.shape[1:]))

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = inward

        def forward(self, x: Tensor) -> ModelOutput:
            mean, log_variance = self.body(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = outward

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z).sigmoid())

    clock, epoch = Clock(), 0
    logging.disable(logging.INFO)  # it tells of its folders

    class Told(TrainingCallback):
        def on_train_step_end(self, *args: object, **kwargs: object) -> None:
            clock.step(epoch)

    given = {"input_dim": tuple(x.shape[1:]), "latent_dim": LATENT, "reconstruction_loss": "bce"}
    if name == "pythae VAE":
        model = models.VAE(models.VAEConfig(**given), Encoder(), Decoder())
    else:
        model = models.BetaTCVAE(models.BetaTCVAEConfig(**given, beta=6.0), Encoder(), Decoder())
    config = BaseTrainerConfig(output_dir=f"{folder}/{name}", per_device_train_batch_size=BATCH, no_cuda=True)
    trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=config, callbacks=[Told()])
    trainer.prepare_training()

    def train() -> None:
        nonlocal epoch
        while True:
            trainer.train_step(epoch)
            epoch += 1

    def turn(seconds: float) -> list[float]:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            return clock.turn(train, seconds)

    return turn


def contest(network: str, data: Dataset, rounds: int, seconds: float, with_pythae: bool, folder: str) -> bool:
    """Print one network's table; whether every target was reached."""
    x, targets = data.train.tensor(), TARGETS[network]
    contenders = {HAND: hand_written(network, x)} | (best_loops(x) if network == "mlp" else {})
    contenders |= {name: termwise(network, name, data, folder) for name in RECIPES}
    peers = PEERS if with_pythae and network == "mlp" else {}
    contenders |= {peer: pythae(peer, x, folder) for peer in peers.values()}
    taken = in_rounds(contenders, rounds, seconds)

    def ratio(name: str, reference: str) -> float:
        return median(theirs / ours for ours, theirs in zip(taken[name], taken[reference], strict=True))

    rows = [
        (name, f"{BATCH / median(times):,.0f}", f"{1e3 * median(times):.2f}", f"{ratio(name, HAND):.2f}")
        + (
            (f">= {targets[name]}", "reached" if ratio(name, HAND) >= targets[name] else "MISSED")
            if name in targets
            else ("", "")
        )
        for name, times in taken.items()
    ]
    print(f"\n{network}: {data.name}, {len(data.train)} examples, batch {BATCH}, {LATENT} latent dimensions\n")
    print(table(("contender", "images/s", "ms a step", "of hand-written", "target", ""), rows))
    for ours, theirs in peers.items():
        print(f"\n{ours} against {theirs}: {ratio(ours, theirs):.1f} times as fast")
    return all(ratio(name, HAND) >= target for name, target in targets.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with the IDX files of MNIST")
    parser.add_argument("--seconds", type=float, default=10, help="of every turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--network", choices=tuple(TARGETS), action="append", help="both where left out")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = load_data(arguments.data)
    with_pythae = importlib.util.find_spec("pythae") is not None
    print(
        f"{arguments.rounds} rounds, {arguments.seconds:g} s a turn, {arguments.threads} threads, torch "
        f"{torch.__version__}. termwise: the trainer's own steps, with batching and bookkeeping; without evaluation "
        "and checkpoints. pythae: its trainer's steps, likewise."
    )
    if not with_pythae:
        print("pythae is not installed; its rows are left out.")
    with tempfile.TemporaryDirectory() as folder:
        networks = arguments.network or list(TARGETS)
        reached = [contest(n, data, arguments.rounds, arguments.seconds, with_pythae, folder) for n in networks]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
