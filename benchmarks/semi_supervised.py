"""How many digits are told wrong, where few labels are known?

    python benchmarks/semi_supervised.py MNIST [--images 60000] [--each 10] [--epochs-m1 10] [--epochs-m2 5] [...]
    python benchmarks/semi_supervised.py digits --each 1 3 10

MNIST is the folder of the four IDX files, of which so many images train. Three models see the same labels, so many of
each class: a plain classifier of one hidden layer, which sees nothing else; m2 (Kingma et al., 2014), which has all
images; and m2 of the codes of a vae, M1+M2, in two steps, as in the paper: the vae's codes are written to a file, which
is the data of m2. The error is that of the likeliest class, of test images, with its standard error. Codes that
are there already are taken as they are. Beside them, with
100 labels of MNIST, the paper's: M2 alone 11.97 % +- 1.71, M1+M2 3.33 % +- 0.14, of 50,000 images, in thousands of
epochs.
"""

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stepping import table
from torch import Tensor, nn

import termwise as tw

PAPER = {("m2", 10): "11.97", ("M1+M2", 10): "3.33"}


def code(style: int) -> list[dict[str, Any]]:
    """A category that is observed where it is known and summed over where it is not, and numbers given it."""
    summed = {"gradient": "sum"}
    label = {"name": "label", "posterior": "categorical", "posterior_options": summed, "observes": "labels"}
    return [label, {"name": "style", "latent": style, "given": ["label"], "hidden": 256}]


def training(given: argparse.Namespace, epochs: int, seed: int) -> dict[str, Any]:
    rate = {"schedule": "cosine", "start": given.rate, "end": 0.05 * given.rate, "share": 1.0}
    return {
        "epochs": epochs,
        "batch_size": given.batch,
        "seed": seed,
        "device": "cpu",
        "audit": False,
        "evaluate_every": epochs,
        "held_out_limit": 200,
        "measure_limit": 200,
        "optimizer": {"learning_rate": rate},
    }


def data(given: argparse.Namespace, each: int, seed: int, source: str) -> dict[str, Any]:
    return {"source": source, "side": [f"labels:{each}-each"], "seed": seed}


def m2(given: argparse.Namespace, source: str, epochs: int, each: int, seed: int, out: Path) -> tw.Run:
    config = {
        "data": data(given, each, seed, source),
        "model": {"code": code(given.style), "options": {"hidden": [given.hidden]}},
        "objective": {"recipe": "m2", "alpha": given.alpha},
        "training": training(given, epochs, seed),
    }
    return tw.train(config, out=out, overwrite=True, progress=False)


def m1(given: argparse.Namespace, seed: int, out: Path) -> tw.Run:
    config = {
        "data": {"source": given.source, "seed": seed},
        "model": {"latent": given.latent, "options": {"hidden": [given.hidden, given.hidden]}},
        "training": training(given, given.epochs_m1, seed),
    }
    return tw.train(config, out=out, overwrite=True, progress=False)


def classifier(dataset: tw.Dataset, hidden: int, seed: int) -> nn.Module:
    """A network of one hidden layer, of the labelled images alone: 500 steps of all of them, with dropout."""
    torch.manual_seed(seed)
    train = dataset.train
    assert train.side is not None
    known = ~train.side.values[:, 0].isnan()
    x, y = train.subset(known).tensor().flatten(1), train.side.values[known, 0].long()
    network = nn.Sequential(
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(x.shape[1], hidden), nn.ReLU(), nn.Dropout(0.5), nn.Linear(hidden, 10)
    )
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(500):
        loss = nn.functional.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


@torch.no_grad()
def errors(says: Any, test: tw.Dataset) -> Tensor:
    """Whether each test image is told wrong, shape (N,)."""
    return torch.cat([says(batch.x).argmax(1) != test.labels[batch.index] for batch in test.batches(1000)]).double()


def of_model(model: tw.VAE) -> Any:
    """q(y|x): the first ten numbers of the code's mean."""
    return lambda x: model.encode(x).mean[:, :10]


def fewer(source: str, images: int, path: Path) -> str:
    """A file of so many images that train, chosen at random, and of all that test."""
    whole = tw.load_data(source)
    parts = {"train": whole.train.random_subset(images, seed=0), "test": whole.test}
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = {f"x_{name}": (255 * part.tensor()).round().byte().numpy() for name, part in parts.items()}
    np.savez(path, **pixels, **{f"y_{name}": part.labels.numpy() for name, part in parts.items()})
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--images", type=int, help="that train, chosen at random; all where left out")
    parser.add_argument("--each", type=int, nargs="+", default=[10])
    parser.add_argument("--methods", nargs="+", default=["classifier", "M1+M2", "m2"])
    parser.add_argument("--epochs-m1", type=int, default=10)
    parser.add_argument("--epochs-stacked", type=int, default=20)
    parser.add_argument("--epochs-m2", type=int, default=5)
    parser.add_argument("--latent", type=int, default=50, help="of M1")
    parser.add_argument("--style", type=int, default=50, help="numbers beside the class, of m2")
    parser.add_argument("--hidden", type=int, default=600)
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/semi"))
    given = parser.parse_args()
    if given.images is not None:
        given.source = fewer(given.source, given.images, given.out / "images.npz")
    rows = []
    for seed in range(given.seeds):
        codes = given.out / f"codes-{seed}.npz"
        if "M1+M2" in given.methods:
            began = time.perf_counter()
            if not codes.exists():
                run = m1(given, seed, given.out / f"m1-{seed}")
                tw.export_latents(run.model, run.data, codes)
            m1_minutes = (time.perf_counter() - began) / 60
        for each in given.each:
            for method in given.methods:
                began = time.perf_counter()
                dataset = tw.load_data(**data(given, each, seed, given.source))
                out = given.out / f"{method}-{each}-{seed}"
                if method == "classifier":
                    wrong = errors(classifier(dataset, given.hidden, seed), dataset.test)
                elif method == "m2":
                    run = m2(given, given.source, given.epochs_m2, each, seed, out)
                    wrong = errors(of_model(run.model), run.data.test)
                else:
                    run = m2(given, str(codes), given.epochs_stacked, each, seed, out)
                    wrong = errors(of_model(run.model), run.data.test)
                minutes = (time.perf_counter() - began) / 60 + (m1_minutes if method == "M1+M2" else 0.0)
                rate, n = float(wrong.mean()), len(wrong)
                said = f"{100 * rate:.2f} ± {100 * math.sqrt(rate * (1 - rate) / n):.2f}"
                rows.append((method, str(10 * each), str(seed), said, PAPER.get((method, each), ""), f"{minutes:.1f}"))
                print(" ".join(rows[-1]), flush=True)
    print(table(("", "labels", "seed", "wrong, %", "paper", "minutes"), rows))


if __name__ == "__main__":
    main()
