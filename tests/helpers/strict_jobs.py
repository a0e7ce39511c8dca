"""What is run on the strict device, in a process of its own, for torch then knows one device more.

    python -m helpers.strict_jobs JOB...

prints a line of JSON for each job: its name, what went wrong (null where nothing did), and how often values were read
by the CPU, by the line that asked.
"""

import json
import sys
import traceback
from collections.abc import Callable
from tempfile import mkdtemp
from typing import Any

import lightning_fabric
import torch
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.strategies import SingleDeviceStrategy

import termwise as tw
from helpers.strict_device import NAME, reads, register

SIDE = {"cvae": "labels", "vfae": "labels", "fader": "labels", "m2": "labels:5-each"}
BROUGHT = ("m2", "vae-gan", "ladder-vae", "joint-vae", "vq-vae", "fsq")
"""Recipes that bring a code or networks of their own."""
TRAINING = {"epochs": 1, "batch_size": 60, "device": NAME, "audit": False, "measure_limit": 60, "held_out_limit": 60}


def small() -> tw.Dataset:
    digits = tw.load_data("digits")
    return tw.load_data(digits.tensor(150), labels=digits.labels[:150])


def train(recipe: str, model: dict[str, Any] | None = None, **settings: Any) -> tw.Run:
    data = small()
    if recipe in SIDE:
        data = data.with_side(SIDE[recipe])
    own = {} if recipe in BROUGHT else {"latent": 3, "options": {"hidden": [16]}}
    return tw.train(
        {"model": own | (model or {}), "training": TRAINING | settings}, data=data, recipe=recipe, out=mkdtemp(),
        progress=False, overwrite=True,
    )  # fmt: skip


def small_vae(**build: Any) -> tw.VAE:
    torch.manual_seed(0)
    return tw.VAE.build((1, 8, 8), **{"latent": 3, "options": {"hidden": [16]}} | build)


def measure(data: tw.Dataset | None = None, **build: Any) -> None:
    tw.measure(small_vae(**build), data or small(), device=NAME)


CODEWORDS = {"posterior": "vector-quantized", "latent": 8, "options": {"hidden": [16]}}
WITH: dict[str, dict[str, Any]] = {
    "posterior categorical": {"prior": "uniform"},
    "posterior vector-quantized": CODEWORDS | {"prior": "uniform"},
    "posterior finite-scalar": {"prior": "uniform", "latent": 4},
    "prior uniform": {"posterior": "categorical"},
    "prior learned-categories": {"posterior": "categorical"},
    "prior autoregressive": CODEWORDS,
}
"""What a part needs beside it."""

SIXTEENTHS = ("discretized-logistic:17", "categorical:17", "autoregressive:17")
OF_OTHER_DECODERS = ("bernoulli-probabilities", "poisson-means")
OF_DATA = ("columns", "categorical", "autoregressive", "discretized-logistic")
"""Likelihoods that must be told how many classes or which columns there are."""


def data_for(likelihood: str) -> tw.Dataset:
    """The digits as numbers that a likelihood takes: as they are, as their counts, or moved off the ends."""
    x = small().tensor()
    if any(word in likelihood for word in ("poisson", "binomial", "categorical")):
        x = (16 * x).round()
    elif likelihood == "beta":
        x = 0.98 * x + 0.01
    return tw.load_data(x)


def measurements() -> dict[str, Callable[[], Any]]:
    """Every public measurement that takes a device, each of one small model."""
    model, data = small_vae(), small()
    assert data.labels is not None
    digit, odd = data.labels.numpy(), (data.labels[:, None] % 2).numpy()
    attributed = tw.load_data(data.tensor(), attributes=odd, attribute_names=["odd"])
    with_factors = tw.load_data(data.tensor(), factors=digit[:, None], factor_names=["digit"])
    return {
        "measure, by groups and side": lambda: tw.measure(
            model, data.with_side("labels"), side="labels", groups=[[0, 1], [2]], samples=2, device=NAME
        ),
        "measure, by critics": lambda: tw.measure(model, data, critic=True, critic_steps=20, device=NAME),
        "log_likelihood": lambda: tw.log_likelihood(model, data, limit=6, device=NAME),
        "sample_quality": lambda: tw.sample_quality(model, tw.load_data("digits"), device=NAME),
        "attributes": lambda: tw.attributes(model, attributed, classifier_steps=20, device=NAME),
        "disentanglement": lambda: tw.disentanglement(model, with_factors, device=NAME),
        "group_aggregates": lambda: tw.group_aggregates(model, data, side="labels", device=NAME),
    }


def jobs() -> dict[str, Callable[[], Any]]:
    """By name: every recipe's training and account, every part's account, and all that is measured."""
    of: dict[str, Callable[[], Any]] = {f"train {name}": lambda name=name: train(name) for name in tw.RECIPES}
    for kind, table in (("posterior", tw.POSTERIORS), ("prior", tw.PRIORS)):
        for name in table:
            build = {kind: name} | WITH.get(f"{kind} {name}", {})
            of[f"{kind} {name}"] = lambda build=build: measure(**build)
    for name in (*(tw.LIKELIHOODS.keys() - {*OF_DATA, *OF_OTHER_DECODERS}), *SIXTEENTHS):
        of[f"likelihood {name}"] = lambda name=name: measure(data_for(name), likelihood=name)
    return of | measurements()


def on_the_strict_device(run: Callable[..., Any]) -> Callable[..., Any]:
    """Fabric, which takes a device of a name that it does not know for the CPU."""

    def make(accelerator: str = "auto", devices: Any = 1, **options: Any) -> Any:
        if accelerator != NAME:
            return run(accelerator=accelerator, devices=devices, **options)
        device = torch.device(NAME, 0)
        return run(strategy=SingleDeviceStrategy(device=device, accelerator=CPUAccelerator()), **options)

    return make


def main(names: list[str]) -> None:
    register()
    lightning_fabric.Fabric = on_the_strict_device(lightning_fabric.Fabric)  # type: ignore[assignment, misc]
    known = jobs()
    for name in names:
        fault = None
        with reads() as counted:
            try:
                known[name]()
            except Exception:
                fault = traceback.format_exc()
        print(json.dumps({"job": name, "fault": fault, "reads": dict(counted.lines.most_common())}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
