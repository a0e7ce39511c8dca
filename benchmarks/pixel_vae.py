"""Does a decoder that sees the pixels before ignore the code, is it said, and does a floor on the information cure it?

    python benchmarks/pixel_vae.py FOLDER [--side 8] [--images 3600] [--epochs 8] [--latent 8] [--floor 4]
                                   [--seed 0] [--out runs/pixel-vae]

FOLDER holds the IDX files. Images are averaged down to `side` pixels, black and white; a sixth is held out. Three
models of the same bodies, budget and seed: a Bernoulli decoder, an autoregressive one (Gulrajani et al., 2017), both
under the recipe vae, and the autoregressive one under mi-floor. Its ELBO is paired with the second's over images.

A run that is there already is not trained again.
"""

import argparse
import time
from pathlib import Path

from stepping import table
from torch.nn.functional import adaptive_avg_pool2d

import termwise as tw

READINGS = ("distortion", "rate", "index_code_mi", "code_use", "active_units")


def _said(account: tw.Account, name: str) -> str:
    error = account[name].stderr
    return f"{account[name].value:.2f}" + ("" if error is None else f" ± {error:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--side", type=int, default=8)
    parser.add_argument("--images", type=int, default=3600)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--floor", type=float, default=4.0, help="nats of index-code MI")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/pixel-vae"))
    given = parser.parse_args()
    images = adaptive_avg_pool2d(tw.load_data(given.folder).train.tensor(limit=given.images), given.side)
    data = tw.load_data((images > 0.4).float(), test=1 / 6, name="mnist")
    floor = {"recipe": "mi-floor", "target": given.floor}
    models = {
        "bernoulli": ("bernoulli", {"recipe": "vae"}),
        "autoregressive": ("autoregressive", {"recipe": "vae"}),
        "autoregressive, floor": ("autoregressive", floor),
    }
    accounts, rows = {}, []
    for name, (likelihood, objective) in models.items():
        began = time.perf_counter()
        folder = given.out / f"{name.replace(', ', '-')}-{given.side}-{given.images}-{given.epochs}-seed{given.seed}"
        config = {
            "model": {"options": {"hidden": [256]}, "likelihood": likelihood, "latent": given.latent},
            "objective": objective,
            "training": {"audit": False, "epochs": given.epochs, "batch_size": 64, "seed": given.seed, "device": "cpu"},
        }
        if not (folder / "account.json").exists():
            tw.train(config, data=data, out=folder, progress=False, overwrite=True)
        accounts[name] = tw.load_run(folder, data=data).account
        rows.append(
            [name, *(_said(accounts[name], of) for of in ("elbo", *READINGS)), f"{time.perf_counter() - began:.0f}"]
        )
        print(rows[-1], *accounts[name].diagnosis, sep="\n", flush=True)
    print(table(["model", "ELBO", *READINGS, "seconds"], rows))
    changes = tw.compare(accounts["autoregressive"], accounts["autoregressive, floor"])
    row = next(row for row in changes if row.name == "elbo")
    print(f"ELBO with the floor less without: {row.difference:+.2f} ± {row.difference_stderr:.2f}")


if __name__ == "__main__":
    main()
