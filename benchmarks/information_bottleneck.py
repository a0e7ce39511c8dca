"""The information bottleneck of labels on MNIST, over betas, beside a plain classifier of the same body.

    python benchmarks/information_bottleneck.py MNIST [--examples 60000] [--epochs 10] [--betas 0 0.001 ...]

Alemi et al. (2017), table 1: an encoder 784-1024-1024 to a code of 256 numbers, a linear decoder; the plain classifier
is 784-1024-1024-10. Both have Adam, its rate falling from 1e-3 to 0 by a cosine, and batches of 100. Errors are of the
10,000 test images, of the average over 16 codes of each; the terms are of so many of them as are `measured`, I(x; z) at
most the log of that. A beta of 0 is the plain classifier.
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


def plain_logits(data: tw.Dataset, epochs: int, seed: int) -> torch.Tensor:
    """What a plain classifier gives for the test images, shape (N, 10)."""
    torch.manual_seed(seed)
    layers = [nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)]
    model = nn.Sequential(nn.Flatten(), *layers)
    x, labels = data.train.tensor(), data.train.labels
    assert labels is not None
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (len(x) // BATCH))
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            if len(rows) == BATCH:
                optimizer.zero_grad()
                F.cross_entropy(model(x[rows]), labels[rows]).backward()
                optimizer.step()
                schedule.step()
    with torch.no_grad():
        logits: torch.Tensor = model(data.test.tensor())
        return logits


def judged(logits: torch.Tensor, labels: torch.Tensor) -> list[str]:
    """The error in per cent, with its standard error, and the cross-entropy, nats."""
    wrong = (logits.argmax(1) != labels).double()
    error, stderr = 100 * wrong.mean(), 100 * wrong.std() / len(wrong) ** 0.5
    return [f"{error:.2f} ± {stderr:.2f}", f"{F.cross_entropy(logits, labels):.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--betas", type=float, nargs="+", default=[0.0, 1e-4, 1e-3, 1e-2, 1e-1])
    parser.add_argument("--measured", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("runs/information-bottleneck"))
    given = parser.parse_args()
    whole = tw.load_data(given.mnist)
    order = torch.randperm(len(whole.train), generator=torch.Generator().manual_seed(given.seed))[: given.examples]
    splits = {"train": whole.splits["train"][order], "test": whole.splits["test"]}
    data, rows = replace(whole, splits=splits, source=None), []
    assert data.test.labels is not None
    for beta in given.betas:
        began = time.process_time()
        if beta == 0:
            logits, numbers = plain_logits(data, given.epochs, given.seed), [""] * 4
        else:
            run = tw.train(
                {
                    "model": {"options": {"hidden": WIDTHS}, "latent": 256},
                    "training": {
                        "epochs": given.epochs, "seed": given.seed, "batch_size": BATCH, "audit": False,
                        "device": "cpu", "evaluate_every": given.epochs, "held_out_limit": 1000,
                        "measure_limit": given.measured,
                        "optimizer": {"learning_rate": {"schedule": "cosine", "start": RATE}},
                    },
                },
                data=data, recipe="vib", beta=beta, out=given.out / f"{beta:g}", progress=False, overwrite=True,
            )  # fmt: skip
            logits = run.model.predict(data.test.tensor()).logits
            names = ("rate", "index_code_mi", "side_information", "target_information")
            numbers = [f"{run.account[name].value:.2f}" for name in names]
        name = "plain" if beta == 0 else f"vib, beta {beta:g}"
        seconds = f"{time.process_time() - began:.0f}"
        rows.append([name, *judged(logits, data.test.labels), *numbers, seconds])
        print(rows[-1], flush=True)
    heads = ["model", "error, %", "cross-entropy", "rate", "I(x; z)", "I(z; t)", "target information", "CPU seconds"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
