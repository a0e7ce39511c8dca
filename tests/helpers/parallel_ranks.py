"""Trainings and networks in several processes of one machine; a module of its own, for processes import it by name."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing, nn

import termwise as tw
from termwise.errors import Refused
from termwise.models.data_parallel import SharedRows, average_gradients

SIDE = {"cvae": "labels", "vfae": "labels", "fader": "labels", "m2": "labels:5-each"}
BROUGHT = ("m2", "vae-gan", "ladder-vae", "joint-vae", "vq-vae", "fsq")
"""Recipes that bring a code or networks of their own."""


def trained(recipe: str, out: Path, **training: Any) -> dict[str, Any]:
    """The weights and the metrics of a training of 120 digits in float64, as this process has them."""
    digits = tw.load_data("digits")
    data = tw.load_data(digits.tensor(150), labels=digits.labels[:150], validation=0.2 if "patience" in training else 0)
    data = data.with_side(SIDE[recipe]) if recipe in SIDE else data
    model = {} if recipe in BROUGHT else {"latent": 3, "options": {"hidden": [16]}}
    training = {"epochs": 1, "batch_size": 31, "precision": "64-true", "device": "cpu", "audit": False} | training
    settings = {"model": model, "training": training | {"measure_limit": 20, "held_out_limit": 20}}
    run = tw.train(settings, data=data, recipe=recipe, out=out, progress=False)
    state = torch.load(run.folder.checkpoint_file, weights_only=False)
    return {"weights": state["model"], "game": state["game"]["networks"], "metrics": run.metrics()}


def train_in_rank(rank: int, folder: str, ranks: int, recipes: list[str], training: dict[str, Any]) -> None:
    """Train every recipe beside the others, and write what this one has; the first one's folder is `run-...`."""
    _meet(rank, folder, ranks)
    for recipe in recipes:
        found = trained(recipe, Path(folder) / f"run-{recipe}", **training)
        torch.save(found, Path(folder) / f"{recipe}-{rank}.pt")
    distributed.destroy_process_group()


def networks() -> dict[str, nn.Module]:
    """Networks of 3 numbers a row, each made anew from one seed; the last draws noise by itself."""
    torch.manual_seed(0)
    made = {
        "plain": nn.Sequential(nn.Linear(3, 5), nn.Softplus(), nn.Linear(5, 2)),
        "normalised": nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)),
        "noisy": nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5)),
    }
    return {name: network.double() for name, network in made.items()}


def looked_at(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What a network makes of rows, its gradients, and those of a penalty on its slope, which are of second order."""
    network.zero_grad()
    x = x.clone().requires_grad_()
    y = network(x)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    loss = y.sin().mean() + (slope.norm(dim=1) - 1).square().mean() + (y * y.roll(1, 0)).sum()
    loss.backward()
    assert x.grad is not None
    found = {"y": y.detach(), "slope": slope.detach(), "to x": x.grad}
    return found | {f"kept {name}": buffer.clone() for name, buffer in network.named_buffers()}


def look_in_rank(rank: int, folder: str, ranks: int, rows: list[int]) -> None:
    """Look at every network beside the other processes, given so many rows each time; and at what is refused."""
    _meet(rank, folder, ranks)
    found: dict[Any, Any] = {}
    for name, network in networks().items():
        with SharedRows([network], ranks):
            for count in rows[: 2 if name == "normalised" else None]:  # which takes no single row
                torch.manual_seed(1)
                mine = looked_at(network, torch.randn(count, 3, dtype=torch.float64))
                average_gradients(network.parameters(), ranks)
                mine["again"] = network(torch.ones(count, 3, dtype=torch.float64)).detach()
                mine["drawn after"] = torch.rand(3)
                mine |= {f"to {name}": p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
                found[name, count] = mine
    mean = nn.Sequential(nn.Linear(3, 2), nn.Flatten(0)).double()
    with SharedRows([mean], ranks):
        try:
            mean(torch.ones(6, 3, dtype=torch.float64))
        except Refused as error:
            found["refused"] = str(error)
    torch.save(found, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


def in_ranks(function: Any, folder: Path, ranks: int, *given: Any) -> None:
    """Call a function of this module in so many processes."""
    multiprocessing.spawn(function, (str(folder), ranks, *given), nprocs=ranks)


def end_the_second(**given: Any) -> None:
    """Train, and in the second process end without a word at the third step."""
    import os
    import signal

    from termwise.training.rounds import Rounds

    plain = Rounds.play

    def play(self: Rounds, batch: Any, step: int) -> None:
        if distributed.get_rank() == 1 and step == given["at"]:
            os.kill(os.getpid(), signal.SIGKILL)
        plain(self, batch, step)

    Rounds.play = play  # type: ignore[method-assign]
    tw.train(**{name: value for name, value in given.items() if name != "at"})


def _meet(rank: int, folder: str, ranks: int) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks)
