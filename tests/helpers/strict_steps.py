"""How often each step of a training reads values of the strict device, by the line that asked.

    python -m helpers.strict_steps RECIPE...

prints a line of JSON for each recipe: its name, how many moves a step has, and for every step of its training the
reads, by line and by function, and what was sent with a wait. With --without-float64 first, the device has no float64,
and a training goes so far as it can.
"""

import json
import sys
from contextlib import suppress
from typing import Any

import lightning_fabric
import pytest

from helpers.strict_device import NoFloat64, reads, register, without_float64
from helpers.strict_jobs import on_the_strict_device, train
from termwise.terms import Bank
from termwise.training import Trainer


def steps_of(recipe: str) -> dict[str, Any]:
    """Of every step of a short training of a recipe, what was read and sent."""
    steps: list[dict[str, dict[str, int]]] = []
    moves = 0
    play = Trainer.play

    def counted(trainer: Trainer, batch: Any) -> None:
        nonlocal moves
        moves = sum(player.moves for player in trainer.game.players)
        with reads() as within:
            play(trainer, batch)
        steps.append({"lines": within.lines, "functions": within.functions, "sent": within.sent})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Trainer, "play", counted)
        patched.setattr(Bank, "LATTICE_FROM", 64)
        train(recipe, epochs=3, gradient_clip=1.0, average={"decay": 0.9})
    return {"recipe": recipe, "moves": moves, "steps": steps}


def steps_without_float64(recipe: str) -> dict[str, Any]:
    """How many steps a training makes on a device without float64, before something needs it."""
    made = 0
    play = Trainer.play

    def counted(trainer: Trainer, batch: Any) -> None:
        nonlocal made
        play(trainer, batch)
        made += 1

    with pytest.MonkeyPatch.context() as patched, without_float64(), suppress(NoFloat64):
        patched.setattr(Trainer, "play", counted)
        train(recipe)
    return {"recipe": recipe, "made": made}


def main(recipes: list[str]) -> None:
    register()
    lightning_fabric.Fabric = on_the_strict_device(lightning_fabric.Fabric)  # type: ignore[assignment, misc]
    narrow = recipes[0] == "--without-float64"
    for recipe in recipes[narrow:]:
        print(json.dumps(steps_without_float64(recipe) if narrow else steps_of(recipe)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
