"""Trainings of a second: a small data set, a small network, and watchers who interfere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import termwise as tw
from termwise.training import Config, RunFolder, Trainer
from termwise.training.config import TrainingSection
from termwise.training.watchers import Silent


def examples(count: int = 160, size: int = 6, **splitting: float) -> tw.Dataset:
    """Random binary vectors, a quarter of whose entries say the same as another."""
    x = (torch.rand(count, size, generator=torch.Generator().manual_seed(5)) > 0.5).float()
    x[:, 1] = x[:, 0]
    return tw.load_data(x, **splitting)


def small(size: int = 6, **build: Any) -> tw.VAE:
    return tw.VAE.build((size,), 2, options={"hidden": [8]}, **build)


def trainer(
    path: Path,
    game: tw.objectives.Game | None = None,
    data: tw.Dataset | None = None,
    model: tw.VAE | None = None,
    watcher: Silent | None = None,
    build: dict[str, Any] | None = None,
    **settings: object,
) -> Trainer:
    """A trainer in a folder, which is begun where it is not there; audits only where asked."""
    section = TrainingSection.model_validate({"epochs": 2, "batch_size": 16, "audit": False} | settings)
    torch.manual_seed(section.seed)
    folder = RunFolder(path)
    if not folder.exists:
        folder.create(Config())
    model = model or small(**(build or {}))
    return Trainer(model, game or tw.recipe("vae"), data or examples(), section, folder, watcher)


def trained(path: Path, game: tw.objectives.Game | None = None, **settings: object) -> tw.VAE:
    one = trainer(path, game, **settings)
    one.start()
    return one.run()


class Stopped(Exception):
    pass


class StopAt(Silent):
    """Stops the training once it has made `step` steps, or, below zero, at its next look at held-out data."""

    def __init__(self, step: int) -> None:
        self.step = step

    def wants(self) -> bool:
        return True

    def stepped(self, epoch: int, step: int, terms: object) -> None:
        if 0 <= self.step <= step:
            raise Stopped

    def evaluated(self, epoch: int, split: str, terms: object) -> None:
        if self.step < 0:
            raise Stopped


class EachStep(Silent):
    """Calls a function after every step, with its number from 1."""

    def __init__(self, look: Callable[[int], None]) -> None:
        self.look = look

    def wants(self) -> bool:
        return True

    def stepped(self, epoch: int, step: int, terms: object) -> None:
        self.look(step)


def weights(model: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]
