"""The information bottleneck of labels on MNIST, over betas, beside a plain classifier of the same body.

    python benchmarks/information_bottleneck.py MNIST [--examples 60000] [--epochs 10] [--betas 0 0.001 ...]

Alemi et al. (2017), table 1: an encoder 784-1024-1024 to a code of 256 numbers, a linear decoder; the plain classifier
is 784-1024-1024-10. Both have Adam, its rate falling from 1e-3 to 0 by a cosine, and batches of 100. Errors are of the
test images, of the average over 16 codes of each; I(x; z) and I(z; t) are of the same images, and at most log N.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from stepping import table
from torch import nn
from torch.nn import functional as F

import termwise as tw

WIDTHS = [1024, 1024]
BATCH, RATE = 100, 1e-3


def plain_error(data: tw.Dataset, epochs: int, seed: int) -> tuple[float, float]:
    """The test error of a plain classifier, and its cross-entropy, nats."""
    torch.manual_seed(seed)
    layers = [nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)]
    model = nn.Sequential(nn.Flatten(), *layers)
    x, labels = data.train.tensor(), data.train.labels
    steps = epochs * (len(x) // BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    assert labels is not None and data.test.labels is not None
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            if len(rows) == BATCH:
                optimizer.zero_grad()
                F.cross_entropy(model(x[rows]), labels[rows]).backward()
                optimizer.step()
                schedule.step()
    with torch.no_grad():
        logits = model(data.test.tensor())
        wrong = (logits.argmax(1) != data.test.labels).double().mean()
        return float(wrong), float(F.cross_entropy(logits, data.test.labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--betas", type=float, nargs="+", default=[1e-4, 1e-3, 1e-2, 1e-1])
    parser.add_argument("--out", type=Path, default=Path("runs/information-bottleneck"))
    given = parser.parse_args()
    whole = tw.load_data(given.mnist)
    order = torch.randperm(len(whole.train), generator=torch.Generator().manual_seed(given.seed))[: given.examples]
    splits = {"train": whole.splits["train"][order], "test": whole.splits["test"]}
    data = replace(whole, splits=splits, source=None)
    began = time.process_time()
    error, nats = plain_error(data, given.epochs, given.seed)
    rows = [["plain", f"{100 * error:.2f}", f"{nats:.3f}", "", "", "", "", f"{time.process_time() - began:.0f}"]]
    print(rows[-1], flush=True)
    for beta in given.betas:
        began = time.process_time()
        config = {
            "model": {"options": {"hidden": WIDTHS}, "latent": 256},
            "training": {
                "epochs": given.epochs, "seed": given.seed, "batch_size": BATCH, "audit": False, "device": "cpu",
                "evaluate_every": given.epochs, "held_out_limit": 1000,
                "optimizer": {"learning_rate": {"schedule": "cosine", "start": RATE, "end": 0.0, "share": 1.0}},
            },
        }  # fmt: skip
        out = given.out / f"beta-{beta:g}"
        run = tw.train(config, data=data, recipe="vib", beta=beta, out=out, progress=False, overwrite=True)
        account = run.account
        accuracy, nats = account["prediction_accuracy"], account["prediction_cross_entropy"]
        told = account["target_information"]
        numbers = [f"{account[of].value:.2f}" for of in ("rate", "index_code_mi", "side_information")]
        rows.append([
            f"vib, beta {beta:g}", f"{100 * (1 - accuracy.value):.2f} ± {100 * (accuracy.stderr or 0):.2f}",
            f"{nats.value:.3f}", *numbers, f"{told.value:.3f}", f"{time.process_time() - began:.0f}",
        ])  # fmt: skip
        print(rows[-1], flush=True)
    heads = ["model", "error, %", "cross-entropy", "rate", "I(x; z)", "I(z; t)", "target information", "CPU seconds"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
