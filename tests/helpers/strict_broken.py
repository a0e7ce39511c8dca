"""Trainings that something breaks after a few steps, on the CPU and on the strict device, in a process of their own.

    python -m helpers.strict_broken

prints a line of JSON for each, with what was said of it on either device, whether the weights moved after it broke, and
of which step the last checkpoint is.
"""

import json
import math
from collections.abc import Callable
from typing import Any

import lightning_fabric
import pytest
import torch
from torch import nn

from helpers.strict_device import NAME, register
from helpers.strict_jobs import on_the_strict_device, train
from termwise.errors import NonFiniteLoss
from termwise.terms.link import Distortion
from termwise.training import Trainer
from termwise.training.checkpoint import TrainerState

STEPS = 3
"""The steps that are made before something breaks; every step has its checkpoint."""


def spoil_distortion(trainer: Trainer, patched: pytest.MonkeyPatch) -> None:
    """The distortion is nan from now on."""
    patched.setattr(Distortion, "__call__", lambda self, draw: draw.z.sum(1) * math.nan)


def spoil_encoder(trainer: Trainer, patched: pytest.MonkeyPatch) -> None:
    """A weight of the encoder is nan."""
    _spoil(trainer.model)


def spoil_critic(trainer: Trainer, patched: pytest.MonkeyPatch) -> None:
    """A weight of the critic is nan."""
    _spoil(next(iter(trainer.game.networks.values())))


def _spoil(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = math.nan


BROKEN: dict[str, Callable[[Trainer, pytest.MonkeyPatch], None]] = {
    "vae": spoil_distortion,
    "beta-tcvae": spoil_encoder,
    "avb": spoil_critic,
    "vae-gan": spoil_critic,
}
"""What breaks, by the recipe in whose training it does."""


def end_of(recipe: str, device: str) -> dict[str, Any]:
    """How a training on a device ends in which something breaks."""
    seen: dict[str, Any] = {}
    play = Trainer.play

    def counted(trainer: Trainer, batch: Any) -> None:
        if trainer.step == STEPS:
            BROKEN[recipe](trainer, patched)
        before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
        try:
            play(trainer, batch)
        except NonFiniteLoss as error:
            now = list(trainer.model.parameters())
            seen["said"] = str(error).replace(str(trainer.folder.checkpoint_file), "FILE")
            seen["moved"] = not all(
                torch.equal(one.nan_to_num(), other.nan_to_num()) for one, other in zip(now, before, strict=True)
            )
            seen["checkpoint"] = TrainerState.load(trainer.folder.checkpoint_file).step
            raise

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Trainer, "play", counted)
        try:
            train(recipe, epochs=4, checkpoint_steps=1, device=device)
        except NonFiniteLoss:
            return seen
    return seen | {"said": "nothing"}


def main() -> None:
    register()
    lightning_fabric.Fabric = on_the_strict_device(lightning_fabric.Fabric)  # type: ignore[assignment, misc]
    for recipe in BROKEN:
        print(json.dumps({"recipe": recipe, "ends": [end_of(recipe, "cpu"), end_of(recipe, NAME)]}), flush=True)


if __name__ == "__main__":
    main()
