"""What a GPU gives: the numbers of a CPU, and how soon; one command of ten minutes.

    python benchmarks/gpu.py --data FOLDER_OF_MNIST [--device cuda] [--seconds 570] [--out gpu.json] [--sections ...]

Sections come in order of worth, and each has a share of the time; one that is not done by then stops, and says so. What
is found is printed as it comes and written to --out, with the device's name, after every line of it.

    terms        every reading of accounts on the device against float64 on the CPU, of the same noise
    training     images a second of the vae and of beta-TCVAE with a bank, against a hand-written loop, and one that is
                 a CUDA graph
    aggregate    log q(z) and log q(z_j) with their gradients, against the time of one product and of the exponentials
    adversarial  vae, avb and avb-ac on dynamically binarised MNIST, as far as their minutes allow (`mnist.py`)
    mig          the mutual information gap of beta-TCVAE on sprites, as far as its minutes allow
    vae-gan      VAE-GAN at the setting of Larsen et al. (2016), as far as its minutes allow

`--device cpu --seconds 60 --examples 500` runs all of it in small.
"""

import argparse
import json
import os
import platform
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import mnist
import numpy as np
import torch
from stepping import trainer_on_turns
from torch import Tensor, nn
from torch.nn import functional as F

import termwise as tw
from termwise.data import Dataset
from termwise.fast_paths import SWITCH
from termwise.models import VAE
from termwise.models.codes import Codes
from termwise.terms.aggregate.mixture import Gaussians, LogWeights, log_density, marginal_log_density
from termwise.terms.aggregate.triton_mixture import TRITON

Line = dict[str, Any]
LATENT, BATCH = 10, 128
PAPER_MIG = 0.50
"""Of beta-TCVAE on sprites (Chen et al., 2018)."""


class OutOfTime(Exception):
    """A section's share is over."""


def over(*_: object) -> None:
    raise OutOfTime


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise OutOfTime within once so many seconds are over; one may stand in another."""
    signal.signal(signal.SIGALRM, over)
    left, begun = signal.getitimer(signal.ITIMER_REAL)[0], time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, min(seconds, left or seconds))
    try:
        yield
    finally:
        rest = max(0.01, left - (time.perf_counter() - begun)) if left else 0.0
        signal.setitimer(signal.ITIMER_REAL, rest)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(ask: Callable[[], object], device: torch.device, budget: float) -> float:
    """The best of several turns within a budget, after one to warm up."""
    ask(), wait(device)
    best, end = float("inf"), time.perf_counter() + budget
    while True:
        begun = time.perf_counter()
        ask(), wait(device)
        best = min(best, time.perf_counter() - begun)
        if time.perf_counter() > end:
            return best


@contextmanager
def same_noise() -> Iterator[None]:
    """Within it normal noise is drawn in float64 on the CPU, whatever it is for."""
    draw = torch.randn

    def randn(*shape: Any, dtype: Any = None, device: Any = None, **options: Any) -> Tensor:
        return draw(*shape, dtype=torch.float64, **options).to(dtype=dtype or torch.float32, device=device)

    with patch("torch.randn", randn):
        yield


def terms(given: argparse.Namespace, seconds: float) -> Iterator[Line]:
    """Readings of a model that was trained a little, measured twice."""
    data = some(given, 2 * given.examples)
    for posterior in ("diagonal-normal", "full-normal"):
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(0)
            model = VAE.build(data.shape, LATENT, "mlp", posterior=posterior)
            settings = {"batch_size": BATCH, "epochs": 10**6, "evaluate_every": 10**6, "device": given.device}
            trainer_on_turns(model, tw.recipe("vae"), data, folder, **settings)[1](0.1 * seconds)
        for network in (model.encoder, model.decoder):  # x is float32, the weights are not always
            network.register_forward_pre_hook(lambda one, inputs: (inputs[0].to(next(one.parameters()).dtype),))
        x, accounts = data.test.tensor(limit=given.examples), []
        for device, dtype in ((torch.device("cpu"), torch.float64), (given.on, torch.float32)):
            with same_noise():
                begun = time.perf_counter()
                measured = tw.measure(model.to(device=device, dtype=dtype).eval(), x, device=device)
                accounts.append((measured, time.perf_counter() - begun))
        (exact, on_cpu), (ours, on_device) = accounts
        off = {
            name: float(np.abs(np.subtract(ours[name].value, one.value)).max())
            for name, one in exact.items()
            if name in ours and one.value is not None
        }
        worst = max(off, key=lambda name: off[name])
        yield {"posterior": posterior, "examples": len(x), "readings": len(off), "worst": worst, "off": off[worst],
               "cpu_float64_seconds": on_cpu, "device_seconds": on_device, "each": off}  # fmt: skip


def some(given: argparse.Namespace, count: int, **options: Any) -> Dataset:
    """The data, at most `count` of each part where they are tried in small."""
    data = tw.load_data(given.data, **options)
    if not given.small:
        return data
    return replace(data, splits={name: rows[:count] for name, rows in data.splits.items()})


def hand_written(x: Tensor, device: torch.device, graph: bool) -> Callable[[], None]:
    """An epoch of the ELBO, one Adam, and nothing else; the data lie on the device."""
    torch.manual_seed(0)
    model = VAE.build(tuple(x.shape[1:]), LATENT, "mlp").to(device)
    encoder, decoder, x = model.encoder, model.decoder, x.to(device)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.__class__ = nn.Linear  # torch's own products
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=not graph, capturable=graph)
    batch = x[:BATCH].clone()

    def step() -> None:
        mean, log_variance = encoder(batch).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        distortion = F.binary_cross_entropy_with_logits(decoder(z), batch, reduction="sum")
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        optimizer.zero_grad(set_to_none=not graph)
        ((distortion + rate) / BATCH).backward()
        optimizer.step()

    if graph:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(aside)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            step()
        step = captured.replay

    def epoch() -> None:
        order = torch.randperm(len(x), device=device)
        for start in range(0, len(x) - BATCH + 1, BATCH):
            torch.index_select(x, 0, order[start : start + BATCH], out=batch)
            step()

    return epoch


def training(given: argparse.Namespace, seconds: float) -> Iterator[Line]:
    """Images a second: contenders take turns, and what was handed to the device is waited for at the end of each."""
    data = some(given, 4 * given.examples)
    x = data.train.tensor()
    loops = {"hand-written loop": hand_written(x, given.on, graph=False)}
    if given.on.type == "cuda":
        loops["hand-written loop, CUDA graph"] = hand_written(x, given.on, graph=True)
    folder = tempfile.mkdtemp()
    settings = {"batch_size": BATCH, "epochs": 10**6, "evaluate_every": 10**6, "device": given.device}
    trainers = {}
    for name, recipe in (("termwise vae", "vae"), ("termwise beta-tcvae, default bank", "beta-tcvae")):
        torch.manual_seed(0)
        model = VAE.build(data.shape, LATENT, "mlp")
        trainers[name] = trainer_on_turns(model, tw.recipe(recipe), data, f"{folder}/{recipe}", **settings)
    rounds, rates = 3, {name: [] for name in (*loops, *trainers)}
    turn = 0.8 * seconds / ((rounds + 1) * len(rates))
    for k in range(rounds + 1):  # the first warms up
        for name in rates:
            begun = time.perf_counter()
            if name in loops:
                epochs = 0
                while time.perf_counter() < begun + turn:
                    loops[name](), wait(given.on)
                    epochs += 1
                images = epochs * (len(x) // BATCH) * BATCH
            else:
                trainer, of = trainers[name]
                before = trainer.step
                of(turn), wait(given.on)
                images = (trainer.step - before) * BATCH
            if k:
                rates[name].append(images / (time.perf_counter() - begun))
    plain = sorted(rates["hand-written loop"])[rounds // 2]
    for name, found in rates.items():
        middle = sorted(found)[rounds // 2]
        yield {"loop": name, "images_a_second": middle, "of_hand_written": middle / plain}


def aggregate(given: argparse.Namespace, seconds: float) -> Iterator[Line]:
    """log q(z) of a batch under a bank, and of many codes under all posteriors, with gradients."""
    sizes = [(256, 2048)] if given.small else [(128, 2**15), (2048, 60_000)]
    for codes, count in sizes:
        for full in (False, True):
            mean = torch.randn(count, LATENT, device=given.on)
            spread = 0.05 + 0.2 * torch.rand(count, LATENT, device=given.on)
            if full:
                spread = torch.diag_embed(spread) + 0.01 * torch.ones(LATENT, LATENT, device=given.on).tril(-1)
            components, weights = Gaussians(mean, spread), LogWeights.uniform(count)
            z = Codes(mean[:codes], 0.05 * torch.randn(codes, LATENT, device=given.on))
            budget = 0.8 * seconds / (10 * len(sizes))
            asks: dict[str, Callable[[], object]] = {
                "log q(z)": lambda z=z, c=components, w=weights: log_density(with_gradient(z), c, w),
                "log q(z_j)": lambda z=z, c=components, w=weights: marginal_log_density(with_gradient(z), c, w),
            }
            features, slope = (torch.randn(n, components.slope.shape[1], device=given.on) for n in (codes, count))
            pairs = features @ slope.T
            limits = {
                "product": seconds_of(lambda f=features, s=slope, p=pairs: torch.mm(f, s.T, out=p), given.on, budget),
                "exponentials": seconds_of(lambda p=pairs: torch.exp2(p, out=p), given.on, budget),
            }
            for name, ask in asks.items():
                line = {"what": name, "codes": codes, "components": count, "full": full}
                for switch in ("off", "auto") if given.on.type == "cuda" else ("auto",):
                    with patch.dict(os.environ, {SWITCH: switch}):
                        TRITON.anew()
                        line[f"seconds, fast paths {switch}"] = seconds_of(ask, given.on, budget)
                line |= {f"seconds, {name}": value for name, value in limits.items()}
                yield line | {"by_triton": given.on.type == "cuda" and TRITON.taken}


def with_gradient(z: Codes) -> Codes:
    return Codes(z.centre.detach().requires_grad_(), z.offset)


def speed(model: VAE, game: Any, data: Dataset, given: argparse.Namespace, seconds: float, **settings: Any) -> float:
    """Steps a second of a training, tried for a while."""
    with tempfile.TemporaryDirectory() as folder:
        settings |= {"epochs": 10**6, "evaluate_every": 10**6, "device": given.device}
        trainer, turn = trainer_on_turns(model, game, data, folder, **settings)
        turn(0.5), wait(given.on)
        begun, before = time.perf_counter(), trainer.step
        turn(seconds), wait(given.on)
        return (trainer.step - before) / (time.perf_counter() - begun)


def as_long_as(config: dict[str, Any], data: Dataset, given: argparse.Namespace, seconds: float) -> tuple[tw.Run, int]:
    """A training of as many epochs as fit into so many seconds, by a trial of its speed, and its steps."""
    batch = min(config["training"]["batch_size"], len(data.train))
    model = {"network": "mlp", "latent": LATENT} | config["model"]
    trial = VAE.build(data.shape, **model)
    objective = dict(config["objective"])
    game = tw.recipe(objective.pop("recipe"), **objective)
    a_second = speed(trial, game, data, given, 0.1 * seconds, batch_size=batch)
    steps = len(data.train) // batch
    epochs = max(1, int(0.85 * seconds * a_second / steps))
    config["training"] |= {"epochs": epochs, "evaluate_every": epochs, "held_out_limit": 1000, "audit": False,
                           "measure_limit": min(2000, len(data.test))}  # fmt: skip
    run = tw.train(config, data=data, out=tempfile.mkdtemp(), overwrite=True, progress=False)
    return run, epochs * steps


def adversarial(given: argparse.Namespace, seconds: float) -> Iterator[Line]:
    """The methods of `mnist.py`, with its settings; but for learning rates that do not fall."""
    data = some(given, given.examples, binarize="dynamic")
    methods = [(method, 8) for method in ("vae", "avb", "avb-ac")] + [("vae", 32), ("avb-ac", 32)]
    for method, latent in methods:
        share = 0.9 * seconds / len(methods)
        told = argparse.Namespace(folder=given.data, latent=latent, epochs=1, batch=BATCH, rate=5e-4, seed=0,
                                  device=given.device)  # fmt: skip
        config = mnist.configuration(method, told)
        config["training"]["optimizer"]["learning_rate"] = 5e-4  # it falls over epochs that are not known yet
        config["objective"].pop("critic_learning_rate", None)
        run, steps = as_long_as(config, data, given, 0.6 * share)
        line = {"method": method, "latent": latent, "steps": steps, "elbo": run.account["elbo"].value,
                "rate": run.account["rate"].value, "paper": mnist.PAPER[latent][method]}  # fmt: skip
        with suppress(OutOfTime), at_most(0.3 * share):
            limit = 8 if given.small else 100
            found = tw.log_likelihood(run, limit=limit, device=given.on)["log_likelihood"]
            line |= {"log_likelihood": found.value, "stderr": found.stderr, "images": limit}
        yield line


def mig(given: argparse.Namespace, seconds: float) -> Iterator[Line]:
    """beta-TCVAE, beta = 6, ten latents, its default bank; the paper's runs are of 50 epochs of all sprites."""
    data = tw.load_data("sprites", fraction=0.002 if given.small else 0.1)
    config = {
        "model": {"network": "mlp" if given.small else "conv", "latent": LATENT},
        "objective": {"recipe": "beta-tcvae"},
        "training": {"batch_size": BATCH if given.small else 1024, "device": given.device,
                     "optimizer": {"learning_rate": 1e-3}},
    }  # fmt: skip
    run, steps = as_long_as(config, data, given, 0.7 * seconds)
    yield {
        "steps": steps,
        "elbo": run.account["elbo"].value,
        "total_correlation": run.account["total_correlation"].value,
    }
    found = tw.disentanglement(run, metrics=["mig"], device=given.on)["mig"]
    yield {"mig": found.value, "stderr": found.stderr, "paper": PAPER_MIG, "steps": steps}


def vae_gan(given: argparse.Namespace, seconds: float) -> Iterator[Line]:
    """128 latents, batches of 64, RMSProp at 3e-4, channels of 64, 128, 256, pictures of 64 x 64."""
    channels = [8, 8, 8] if given.small else [64, 128, 256]
    data = tw.load_data(
        "sprites-colour", count=1200 if given.small else 20_000, size=32 if given.small else 64, in_memory=True
    )
    options = {"channels": channels, "hidden": 4 * channels[0], "bounded": True}
    config = {
        "model": {"network": "conv-bn", "latent": 128, "likelihood": "normal:optimal", "options": options},
        "objective": {"recipe": "vae-gan", "channels": [channels[0] // 2, *channels[1:], channels[-1]],
                      "hidden": 2 * channels[0], "equilibrium": True, "reconstructions": False},
        "training": {"batch_size": 64, "device": given.device},
    }  # fmt: skip
    run, steps = as_long_as(config, data, given, 0.7 * seconds)
    yield {"steps": steps, "elbo": run.account["elbo"].value, "rate": run.account["rate"].value}
    judged = tw.sample_quality(run, limit=200 if given.small else 2000, device=given.on)
    yield {name: one.value for name, one in judged.overall.items()} | {"steps": steps}


SECTIONS: dict[str, tuple[float, Callable[[argparse.Namespace, float], Iterator[Line]]]] = {
    "terms": (0.08, terms),
    "training": (0.15, training),
    "aggregate": (0.10, aggregate),
    "adversarial": (0.37, adversarial),
    "mig": (0.15, mig),
    "vae-gan": (0.15, vae_gan),
}
"""Of each its share of the time, and what it yields line by line."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with the four IDX files of MNIST, or a source's name")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=570.0, help="of all sections together")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--examples", type=int, help="so many of the data, and small networks: to try it")
    given = parser.parse_args()
    given.on, given.small = torch.device(given.device), given.examples is not None
    given.examples = given.examples or 2000
    name = torch.cuda.get_device_name(given.on) if given.on.type == "cuda" else platform.processor() or given.device
    report: dict[str, Any] = {"device": name, "torch": torch.__version__, "seconds": given.seconds, "sections": {}}

    def save() -> None:
        given.out.write_text(json.dumps(report, indent=2) + "\n")

    print(f"{name}, torch {torch.__version__}", flush=True)
    whole = sum(SECTIONS[one][0] for one in given.sections)
    for section in given.sections:
        share, lines = SECTIONS[section]
        seconds = given.seconds * share / whole
        found = report["sections"][section] = {"seconds_allowed": seconds, "lines": [], "ended": "done"}
        begun = time.perf_counter()
        print(f"\n{section}, {seconds:.0f} s at the most", flush=True)
        try:
            with at_most(seconds):
                for line in lines(given, seconds):
                    found["lines"].append(line)
                    save()
                    print(
                        "  " + "  ".join(shown(key, value) for key, value in line.items() if key != "each"), flush=True
                    )
        except OutOfTime:
            found["ended"] = "stopped: its time was over"
        except Exception as error:  # what one section lacks is no reason to lose the others
            found["ended"] = f"failed: {type(error).__name__}: {error}"
        found["seconds"] = time.perf_counter() - begun
        print(f"  {found['ended']}, after {found['seconds']:.1f} s", flush=True)
        save()


def shown(key: str, value: object) -> str:
    return f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"


if __name__ == "__main__":
    main()
