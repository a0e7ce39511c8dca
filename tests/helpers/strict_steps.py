"""How often each step of a training reads values of the strict device, by the line that asked.

    python -m helpers.strict_steps RECIPE...

prints a line of JSON for each recipe: its name, and for every step of its training the reads, by line.
"""

import json
import sys
from collections import Counter
from typing import Any

import lightning_fabric
import pytest

from helpers.strict_device import reads, register
from helpers.strict_jobs import on_the_strict_device, train
from termwise.training import Trainer


def reads_of_steps(recipe: str) -> list[Counter[str]]:
    """Of every step of a short training of a recipe, the reads by line."""
    steps: list[Counter[str]] = []
    play = Trainer.play

    def counted(trainer: Trainer, batch: Any) -> None:
        with reads() as within:
            play(trainer, batch)
        steps.append(within.lines)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Trainer, "play", counted)
        train(recipe, epochs=3)
    return steps


def main(recipes: list[str]) -> None:
    register()
    lightning_fabric.Fabric = on_the_strict_device(lightning_fabric.Fabric)  # type: ignore[assignment, misc]
    for recipe in recipes:
        print(json.dumps({"recipe": recipe, "steps": reads_of_steps(recipe)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
