"""Where the time of a training step and of an account goes, as shares.

    python benchmarks/time_shares.py --data FOLDER_OF_MNIST [--recipe beta-tcvae] [--threads 2]

A stage's clock runs from where its function is entered until it is left, less the stages within it. What no stage has
is the rest: of a step its bookkeeping, of an account its arithmetic. Each clock costs a microsecond or so a call.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from stepping import table, trainer_on_turns
from torch import nn

import termwise as tw
from termwise.data import Dataset
from termwise.measuring.elbo import code_densities, explicit_account
from termwise.measuring.elbo.split_aggregate import SplitAggregate
from termwise.models import VAE
from termwise.models.data_pass import DataPass
from termwise.objectives.objective import Objective
from termwise.objectives.recipes import recipe

LATENT, BATCH = 10, 128
REST = "the rest"


class Stages:
    """Seconds by stage, of functions that are watched; an inner stage's are not its outer one's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._within = [REST]
        self._since = time.perf_counter()

    def clear(self) -> None:
        """Begin anew."""
        self.seconds = {}
        self._since = time.perf_counter()

    def _pass_on(self) -> None:
        now = time.perf_counter()
        stage = self._within[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs within is this stage's."""
        self._pass_on()
        self._within.append(name)
        try:
            yield
        finally:
            self._pass_on()
            self._within.pop()

    def watch(self, owner: Any, function: str, name: str) -> None:
        """Whatever calls this function of a class, a module or an object from now on, it is this stage's."""
        plain: Callable[..., Any] = getattr(owner, function)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return plain(*args, **kwargs)

        setattr(owner, function, watched)

    def watch_generator(self, owner: Any, function: str, name: str) -> None:
        """The same of a function that yields: every item's making is this stage's."""
        plain: Callable[..., Iterator[Any]] = getattr(owner, function)

        def watched(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items, end = plain(*args, **kwargs), object()
            while True:
                with self.stage(name):
                    item = next(items, end)
                if item is end:
                    return
                yield item

        setattr(owner, function, watched)

    def watch_networks(self, model: VAE) -> None:
        """The forward passes of a model's encoder and decoder, each a stage; within a memory they are the memory's."""
        for name, network in (("encoder, forward", model.encoder), ("decoder, forward", model.decoder)):
            self._watch_forward(network, name)

    def _watch_forward(self, network: nn.Module, name: str) -> None:
        plain = network.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            inner = "memory: encoding again" if "memory: writing" in self._within else name
            with self.stage(inner):
                return plain(*args, **kwargs)

        network.forward = forward  # type: ignore[method-assign]

    def shares(self, units: int) -> list[tuple[str, str, str]]:
        """Rows of a table: the stage, its milliseconds a unit, its share; the dearest first."""
        self._pass_on()
        whole = sum(self.seconds.values())
        ordered = sorted(self.seconds.items(), key=lambda item: -item[1])
        rows = [(name, f"{1e3 * took / units:.3f}", f"{took / whole:.1%}") for name, took in ordered]
        return [*rows, ("all", f"{1e3 * whole / units:.3f}", "")]


def of_training(data: Dataset, network: str, name: str, seconds: float) -> list[tuple[str, str, str]]:
    """The stages of a recipe's steps, in milliseconds a step."""
    torch.manual_seed(0)
    model = VAE.build(data.shape, LATENT, network)
    many = 1_000_000  # epochs, so that the clock alone ends it
    with tempfile.TemporaryDirectory() as folder:
        settings = {"batch_size": BATCH, "epochs": many, "evaluate_every": many}
        trainer, turn = trainer_on_turns(model, recipe(name), data, f"{folder}/run", **settings)
        stages = Stages()
        stages.watch_generator(trainer, "rest_of_epoch", "batch")
        stages.watch_networks(model)
        stages.watch(Objective, "__call__", "terms")
        for memory in trainer.game.memories:
            stages.watch(memory, "observe", "memory: writing")
            stages.watch(memory, "log_density", "memory: log q(z)")
            stages.watch(memory, "marginal_log_density", "memory: log q(z_j)")
        stages.watch(trainer.engine, "backward", "backward")
        for optimizer in trainer.rounds.optimizers.values():
            stages.watch(optimizer, "step", "optimizer")
            stages.watch(optimizer, "zero_grad", "optimizer")
        turn(min(2.0, seconds))
        stages.clear()
        return stages.shares(len(turn(seconds)))


def of_account(data: Dataset, network: str) -> list[tuple[str, str, str]]:
    """The stages of an account of a trained model, in milliseconds of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        config = {"model": {"latent": LATENT, "network": network}, "training": {"epochs": 1, "measure_limit": 2}}
        model = tw.train(config, data=data, out=f"{folder}/run", progress=False).model
    stages = Stages()
    stages.watch_networks(model)
    stages.watch(explicit_account, "_aggregate", "posteriors")
    stages.watch(SplitAggregate, "joint", "joint: log q(z)")
    stages.watch(SplitAggregate, "by_dimension", "marginals: log q(z_j)")
    stages.watch(explicit_account, "_of_population", "population")
    stages.watch(explicit_account, "marginal_mmd2", "marginal MMD^2")
    stages.watch(explicit_account, "_link_values", "control variates")
    stages.watch(code_densities, "fitted_to", "fitted laws")
    stages.watch_generator(DataPass, "__call__", "passes over the data")
    stages.clear()
    tw.measure(model, data.train, limit=None)
    return stages.shares(1)


def main() -> None:
    """Print a table for every network: of the recipe's steps, and of an account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with the IDX files of MNIST")
    parser.add_argument("--recipe", action="append", help="vae and beta-tcvae where left out")
    parser.add_argument("--network", action="append", help="mlp and conv where left out")
    parser.add_argument("--seconds", type=float, default=8, help="of every training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-account", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = tw.load_data(arguments.data)
    for network in arguments.network or ["mlp", "conv"]:
        for name in arguments.recipe or ["vae", "beta-tcvae"]:
            rows = of_training(data, network, name, arguments.seconds)
            print(f"\nA step of {name}, {network}, batch {BATCH}, {arguments.threads} threads\n")
            print(table(("stage", "ms", "share"), rows), flush=True)
        if not arguments.no_account:
            rows = of_account(data, network)
            print(f"\nAn account of {len(data.train):,} examples, {network}, {arguments.threads} threads\n")
            print(table(("stage", "ms", "share"), rows), flush=True)


if __name__ == "__main__":
    main()
