"""The walk of the tokens: what codewords tell of an image, how they depend on each other, and how the codebook is used.

    python benchmarks/quantized.py FOLDER [--models vq-vae vq-vae-gradient fsq] [--images 3000] [--epochs 5] [--seed 0]
                                          [--out runs/quantized]
    python benchmarks/quantized.py sprites-colour ...
    python benchmarks/quantized.py digits --models vq-vae vq-vae-in-order --epochs 20

FOLDER holds IDX files of images. Of so many a sixth is held out. All models have the same bodies (`conv`, which keeps
the places of the code), so that a position is 4 x 4 pixels, and about as many codewords: 128 of 8 numbers, learned by
moving averages or by gradient (van den Oord et al., 2017), or the 125 of three numbers of five levels each (Mentzer et
al., 2024). The prior is uniform, or, "in order", autoregressive, and learns beside them. Readings are of held-out
images. With a joint code of many positions every image has its own: index-code MI is then log N, and what is sure of
the population is its bracket. The rest of the walk is of positions one by one, and in sight.

A run that is there already is not trained again.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from stepping import table

import termwise as tw

QUICK = {"audit": False, "batch_size": 32}
LEARNED = {"posterior": "vector-quantized", "width": 8, "posterior_options": {"codewords": 128}}
MODELS: dict[str, dict[str, Any]] = {
    "vq-vae": LEARNED,
    "vq-vae-gradient": {**LEARNED, "posterior_options": {"codewords": 128, "codebook": "gradient"}},
    "vq-vae-in-order": {**LEARNED, "prior": "autoregressive"},
    "fsq-in-order": {
        "posterior": "finite-scalar",
        "width": 3,
        "posterior_options": {"levels": [5, 5, 5]},
        "prior": "autoregressive",
    },
    "fsq": {"posterior": "finite-scalar", "width": 3, "posterior_options": {"levels": [5, 5, 5]}},
}
"""The posterior of each model, and its prior, and how many numbers a codeword has."""
USUAL = ("vq-vae", "vq-vae-gradient", "fsq")


def _data(source: str, images: int) -> tw.Dataset:
    if source == "sprites-colour":
        return tw.load_data(source, count=images, size=32, test=1 / 6)
    return tw.load_data(tw.load_data(source).train.tensor(limit=images), test=1 / 6, name=Path(source).name)


def _model(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    parts = dict(MODELS[name])
    places, width = [shape[1] // 4, shape[2] // 4], parts.pop("width")
    network = {"network": "conv", "options": {"channels": 16}, "shape": places}
    return {**network, "latent": places[0] * places[1] * width, "prior": "uniform", **parts}


def _said(account: tw.Account, name: str) -> str:
    if name not in account:
        return "none"
    reading = account[name]
    if reading.stderr is not None:
        return f"{reading.value:.2f} ± {reading.stderr:.2f}"
    low, high = reading.interval or (reading.lower, reading.upper)
    return f"{reading.value:.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(USUAL))
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/quantized"))
    given = parser.parse_args()
    data = _data(given.source, given.images)
    columns: dict[str, list[str]] = {}
    for name in given.models:
        folder = given.out / f"{data.name}-{name}-{given.images}-{given.epochs}-seed{given.seed}"
        config = {
            "model": _model(name, data.shape),
            "training": {**QUICK, "evaluate_every": given.epochs, "epochs": given.epochs, "seed": given.seed},
        }
        began = time.perf_counter()
        if not (folder / "account.json").exists():
            tw.train(
                config, data=data, recipe="fsq" if name.startswith("fsq") else "vq-vae", likelihood="normal:optimal",
                out=folder, overwrite=True, progress=False,
            )  # fmt: skip
        seconds = time.perf_counter() - began
        run = tw.load_run(folder, data=data)
        account, x = run.account, data.test.tensor()
        off = torch.cat([(run.model.reconstruct(part) - part).square().flatten(1).mean(1) for part in x.split(256)])
        links = ("elbo", "rate", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")
        population = ("population_mi", "population_total_correlation", "population_dimension_wise_kl")
        use = ("perplexity", "codes_used", "dead_codes")
        rows = {"squared error a pixel": f"{float(off.mean()):.5f} ± {float(off.std()) / len(off) ** 0.5:.5f}"}
        rows |= {one.replace("_", " "): _said(account, one) for one in ("distortion", *links, *population, *use)}
        columns[name] = [*rows.values(), f"{seconds:.0f}"]
        print(name, *columns[name], *account.diagnosis, sep="\n", flush=True)
    print(table(["", *columns], [list(row) for row in zip([*rows, "seconds"], *columns.values(), strict=True)]))


if __name__ == "__main__":
    main()
