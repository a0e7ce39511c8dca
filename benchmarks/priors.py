"""Does a learned prior, or a posterior that is no normal, raise the ELBO and log p(x) on MNIST, as the papers say?

    python benchmarks/priors.py FOLDER [--models standard mixture vamp flow flow-posterior] [--latent 20] [--epochs 12]
                                [--images 12000] [--examples 300] [--codes 500] [--seed 0] [--out runs/priors]

FOLDER holds the IDX files. Of so many training images, black and white, a sixth is held out. All models have the same
bodies, budget and seed; the first is the yardstick. log p(x) is by importance weights of `codes` codes, less their
first-order bias, on `examples` held-out images. Differences are paired over images.
In their papers mixture and VampPrior (Tomczak and Welling, 2018) and flows gain over N(0, I).

A run that is there already is not trained again.
"""

import argparse
import time
from pathlib import Path

from stepping import table

import termwise as tw

MODELS: dict[str, dict[str, str]] = {
    "standard": {},
    "mixture": {"prior": "mixture:10"},
    "vamp": {"prior": "vamp:100"},
    "flow": {"prior": "flow:4"},
    "flow-posterior": {"posterior": "flow:2"},
}
"""The parts in which each model is another than a vae of normals."""


def _said(account: tw.Account, name: str) -> str:
    return f"{account[name].value:.2f} ± {account[name].stderr:.2f}" if name in account else "-"


def _beside(yardstick: tw.Account, account: tw.Account, name: str) -> tuple[str, str]:
    """A reading, and what it is above the yardstick's, paired over images."""
    row = next(row for row in tw.compare(yardstick, account) if row.name == name)
    return _said(account, name), "" if account is yardstick else f"{row.difference:+.2f} ± {row.difference_stderr:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--latent", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--examples", type=int, default=300, help="held-out images for log p(x)")
    parser.add_argument("--codes", type=int, default=500, help="for each of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/priors"))
    given = parser.parse_args()
    images = tw.load_data(given.folder).train.tensor(limit=given.images)
    data = tw.load_data((images > 0.5).float(), test=1 / 6, name="mnist")
    rows, first = [], None
    for name in given.models:
        folder = given.out / f"{name}-{given.latent}-{given.images}-{given.epochs}-seed{given.seed}"
        began = time.perf_counter()
        config = {
            "model": {"options": {"hidden": [256]}, **MODELS[name]},
            "training": {"audit": False, "evaluate_every": given.epochs},
        }
        if not (folder / "account.json").exists():
            settings = {"latent": given.latent, "epochs": given.epochs, "seed": given.seed, "overwrite": True}
            tw.train(config, data=data, likelihood="bernoulli", out=folder, progress=False, **settings)
        seconds = time.perf_counter() - began
        run = tw.load_run(folder, data=data)
        evidence = tw.log_likelihood(
            run.model, data.test, method="iwae", samples=given.codes, limit=given.examples, seed=given.seed
        )
        accounts = (run.account, evidence)
        first = first or accounts
        elbo, log_p = (
            _beside(one, other, reading)
            for one, other, reading in zip(first, accounts, ("elbo", "log_likelihood_jackknife"), strict=True)
        )
        rows.append(
            [name, *elbo, *log_p, *(_said(run.account, of) for of in ("rate", "marginal_kl")), f"{seconds:.0f}"]
        )
        print(rows[-1], flush=True)
    print(table(["model", "ELBO", "gain", "log p(x)", "gain", "rate", "marginal KL", "seconds"], rows))


if __name__ == "__main__":
    main()
