"""Trainings in several processes of one machine; a module of its own, for processes import it by name."""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from torch import distributed

import termwise as tw

SIDE = {"cvae": "labels", "vfae": "labels", "fader": "labels", "m2": "labels:5-each"}
BROUGHT = ("m2", "vae-gan", "ladder-vae", "joint-vae", "vq-vae", "fsq")
"""Recipes that bring a code or networks of their own."""


def trained(recipe: str, epochs: int = 1, batch: int = 30, **options: Any) -> dict[str, Any]:
    """The weights and the metrics of a training of 120 digits in float64, as every process has them."""
    digits = tw.load_data("digits")
    data = tw.load_data(digits.tensor(150), labels=digits.labels[:150])
    data = data.with_side(SIDE[recipe]) if recipe in SIDE else data
    model = {} if recipe in BROUGHT else {"latent": 3, "options": {"hidden": [16]}}
    training = {"epochs": epochs, "batch_size": batch, "precision": "64-true", "device": "cpu"}
    settings = {"model": model, "training": training | {"measure_limit": 20, "held_out_limit": 20, "audit": False}}
    run = tw.train(settings, data=data, recipe=recipe, out=mkdtemp(), progress=False, overwrite=True, **options)
    return {"weights": run.model.state_dict(), "metrics": run.metrics()}


def process(rank: int, folder: str, ranks: int, recipes: list[str]) -> None:
    """Train every recipe beside the other processes, and write what this one has."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks)
    for recipe in recipes:
        try:
            found = trained(recipe)
        except Exception as error:
            import traceback

            found = {"error": traceback.format_exc()[-1500:]}
        torch.save(found, Path(folder) / f"{recipe}-{rank}.pt")
        distributed.barrier()
    distributed.destroy_process_group()
