"""Does adversarial variational Bayes beat a normal posterior on dynamically binarised MNIST?

    python benchmarks/mnist.py FOLDER [--latent 8] [--methods vae avb avb-ac] [--epochs 500] [--device auto]
                               [--out runs/mnist] [--examples 1000]

FOLDER holds the four IDX files. The three methods share the bodies of encoder and decoder, the data and the number of
epochs; an adversary's encoder ends in a small network that noise is injected into, and in a Gaussian layer. log p(x) is
by AIS on test images, with its standard error over images, beside the paper's (Mescheder, Nowozin and Geiger, 2017,
table 1: with 8 latent dimensions vae -90.9, avb -91.2, avb-ac -89.6; with 32, vae -81.9, avb-ac -80.2). The ELBO is the
account's, which of an implicit posterior is the bound below, never a critic's claim.

A run that is there already is taken up where it was left: the same command again goes on.
"""

import argparse
import time
from pathlib import Path

from stepping import table

import termwise as tw

PAPER = {8: {"vae": -90.9, "avb": -91.2, "avb-ac": -89.6}, 32: {"vae": -81.9, "avb-ac": -80.2}}
NOISY = {"posterior": "noise-input+normal", "posterior_options": {"noise": 32, "hidden": [256, 128], "start": 0.3}}
CRITIC = {"hidden": [512, 512], "moves": 2}


def falling(rate: float, steps: int) -> dict[str, object]:
    return {"schedule": "cosine", "start": rate, "end": 0.05 * rate, "steps": steps}


def configuration(method: str, given: argparse.Namespace) -> dict[str, object]:
    """All of a run, as a TOML file would have it."""
    steps = given.epochs * (60_000 // given.batch)
    adversary = method != "vae"
    objective: dict[str, object] = {"recipe": method}
    if adversary:
        objective |= {**CRITIC, "critic_learning_rate": falling(2 * given.rate, steps)}
    if method == "avb-ac":
        objective["reference"] = "moments"  # as in the paper
    return {
        "data": {"source": given.folder, "binarize": "dynamic"},
        "model": {"network": "conv", "latent": given.latent, **(NOISY if adversary else {})},
        "objective": objective,
        "training": {
            "epochs": given.epochs,
            "batch_size": given.batch,
            "device": given.device,
            "seed": given.seed,
            "average": {"decay": 0.999},
            "evaluate_every": max(1, given.epochs // 20),
            "held_out_limit": 2000,
            "audit": False,
            "optimizer": {
                "learning_rate": falling(given.rate, steps),
                "betas": [0.5, 0.99] if adversary else [0.9, 0.999],
            },
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--methods", nargs="+", choices=("vae", "avb", "avb-ac"), default=["vae", "avb", "avb-ac"])
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=5e-4, help="the autoencoder's; a critic's is twice as high")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("runs/mnist"))
    parser.add_argument("--examples", type=int, default=1000, help="test images for AIS")
    given = parser.parse_args()
    rows = []
    for method in given.methods:
        folder = given.out / f"{method}-{given.latent}-{given.epochs}-seed{given.seed}"
        began = time.perf_counter()
        run = tw.train(configuration(method, given), out=folder, resume=(folder / "config.toml").exists())
        trained = time.perf_counter()
        device = next(run.model.parameters()).device
        found = tw.log_likelihood(run, limit=given.examples, device=device)["log_likelihood"]
        elbo = run.account["elbo"]
        rows.append(
            (
                method,
                f"{elbo.value:.2f} ± {elbo.stderr:.2f}",
                f"{run.account['rate'].value:.2f}",
                f"{found.value:.2f} ± {found.stderr:.2f}",
                found.bias,
                f"{PAPER.get(given.latent, {}).get(method, '')}",
                f"{trained - began:.0f}",
                f"{time.perf_counter() - trained:.0f}",
            )
        )
        print(" ".join(rows[-1]), flush=True)
    print(f"\n{given.latent} latent dimensions, {given.epochs} epochs, nats on the test images\n")
    print(table(("", "ELBO", "rate", "log p(x)", "its bias", "paper", "training s", "AIS s"), rows))


if __name__ == "__main__":
    main()
