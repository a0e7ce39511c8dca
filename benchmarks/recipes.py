"""Do recipes do what their names say, at their defaults? Every one, on pictures and on tables, beside the vae.

    python benchmarks/recipes.py [--data digits breast-cancer diamonds] [--mnist FOLDER] [--table FILE] [--epochs 60]
                                 [--recipes ...] [--seed 0]

No option of a recipe is touched; the likelihood is the one that suits the data. `diamonds` is made here: prices and
sizes that nearly follow from one another, as in the table of that name; `--table` takes a real one. What a recipe
promises stands beside what the account says of it, and the first sentence of the diagnosis. vae-gan is of images alone.

Ends with status 1 where something is not finite, or where a code has collapsed and the diagnosis does not say so.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from stepping import table

import termwise as tw

IMPLICIT = ("avb", "avb-ac")
IMAGES = ("digits", "mnist")
LARGE = ("mnist", "table")
PROMISES: Mapping[str, tuple[str, Callable[[tw.Account, tw.Account], str]]] = {
    "vae": ("the ELBO", lambda own, vae: f"{_of(own, 'elbo')}, {_of(own, 'marginal_mmd2')}"),
    "beta-vae": ("a lower rate", lambda own, vae: _beside(own, vae, "rate")),
    "capacity": ("a rate of 25 nats", lambda own, vae: _of(own, "rate")),
    "mi-floor": ("MI of 3 nats or more", lambda own, vae: _of(own, "index_code_mi")),
    "beta-tcvae": ("a lower total correlation", lambda own, vae: _beside(own, vae, "total_correlation")),
    "info-vae": ("a lower MMD^2", lambda own, vae: _beside(own, vae, "marginal_mmd2")),
    "wae-mmd": ("a lower MMD^2", lambda own, vae: _beside(own, vae, "marginal_mmd2")),
    "factor-vae": ("a lower total correlation", lambda own, vae: _beside(own, vae, "total_correlation")),
    "vae-gan": ("likeness in features", lambda own, vae: f"{_of(own, 'rate')}, {_beside(own, vae, 'elbo')}"),
    "free-bits": ("dimensions that cost 0.25 nats or more", lambda own, vae: _beside(own, vae, "rate")),
    "hfvae": ("a lower total correlation", lambda own, vae: _beside(own, vae, "total_correlation")),
    "hsic-vae": ("a lower total correlation", lambda own, vae: _beside(own, vae, "total_correlation")),
    "dip-vae-i": ("a lower total correlation", lambda own, vae: _beside(own, vae, "total_correlation")),
    "dip-vae-ii": ("a lower total correlation", lambda own, vae: _beside(own, vae, "total_correlation")),
    "iwae": ("log p(x) of the vae or more, whatever the ELBO", lambda own, vae: _beside(own, vae, "elbo")),
    "ali": ("codes like the prior", lambda own, vae: _beside(own, vae, "marginal_mmd2")),
    "aae": ("codes like the prior", lambda own, vae: _beside(own, vae, "marginal_mmd2")),
    "f-vae": ("codes like the prior", lambda own, vae: _beside(own, vae, "marginal_mmd2")),
    "avb": ("the vae's ELBO or more", lambda own, vae: _beside(own, vae, "elbo")),
    "avb-ac": ("the vae's ELBO or more", lambda own, vae: _beside(own, vae, "elbo")),
}
"""Of every recipe what it promises, and that of an account, beside the vae's."""


def _of(account: tw.Account, name: str) -> str:
    if name not in account:
        return f"{name} withheld"
    bounds = account[name].bounds
    ends = f" ({bounds[0]:.4g} to {bounds[1]:.4g})" if bounds and None not in bounds else ""
    return f"{name} {account[name].value:.3g}{ends}"


def _beside(own: tw.Account, vae: tw.Account, name: str) -> str:
    return f"{_of(own, name)}, vae {vae[name].value:.3g}" if name in vae else _of(own, name)


def standardised(x: torch.Tensor) -> torch.Tensor:
    return ((x - x.mean(0)) / x.std(0)).float()


def breast_cancer() -> torch.Tensor:
    from sklearn.datasets import load_breast_cancer

    return standardised(torch.from_numpy(load_breast_cancer().data))


def diamonds(count: int = 4000) -> torch.Tensor:
    """Carat, depth, table, price and three lengths of `count` stones."""
    generator = torch.Generator().manual_seed(0)

    def noise(size: float) -> torch.Tensor:
        return size * torch.randn(count, generator=generator)

    carat = (noise(0.58) - 0.4).exp()
    side = 6.4 * carat ** (1 / 3)
    lengths = [side + noise(0.03), side + noise(0.03), 0.617 * side + noise(0.03)]
    price = 4000 * carat**1.7 * noise(0.2).exp()
    return standardised(torch.stack([carat, 61.7 + noise(1.4), 57.5 + noise(2.2), price, *lengths], 1))


DATA: Mapping[str, Callable[[], object]] = {
    "digits": lambda: "digits",
    "breast-cancer": breast_cancer,
    "diamonds": diamonds,
}


def finite(account: tw.Account) -> bool:
    numbers = [account[name].value for name in account.overall]
    return all(map(math.isfinite, numbers)) and not account.withheld


def unsaid(account: tw.Account) -> bool:
    """Whether the code has collapsed, and no sentence says so."""
    return account["rate"].value < 0.5 and "collapsed" not in " ".join(account.diagnosis)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=[*DATA, "none"], default=list(DATA))
    parser.add_argument("--recipes", nargs="+", choices=PROMISES, default=list(PROMISES))
    parser.add_argument("--mnist", type=Path, help="a folder with the four IDX files; a thirtieth of the epochs")
    parser.add_argument("--table", type=Path, help="a large table of your own; a thirtieth of the epochs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--latent", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    sources = {name: DATA[name]() for name in given.data if name in DATA}
    sources |= {name: str(path) for name, path in (("mnist", given.mnist), ("table", given.table)) if path}
    rows, faults = [], []
    with tempfile.TemporaryDirectory() as folder:
        for source, data in sources.items():
            epochs = max(1, given.epochs // 30) if source in LARGE else given.epochs
            accounts: dict[str, tw.Account] = {}
            for name in ["vae", *(one for one in given.recipes if one != "vae")]:
                if name == "vae-gan" and source not in IMAGES:
                    continue
                began = time.perf_counter()
                run = tw.train(
                    {"training": {"evaluate_every": epochs, "audit": False}},
                    data=data,
                    recipe=name,
                    posterior="noise-input+normal" if name in IMPLICIT else "diagonal-normal",
                    likelihood="bernoulli" if source == "mnist" and name != "vae-gan" else "normal:optimal",
                    latent=given.latent,
                    epochs=epochs,
                    measure_limit=1000,
                    seed=given.seed,
                    out=Path(folder) / f"{source}-{name}",
                    progress=False,
                )
                own = accounts[name] = run.account
                promise, found = PROMISES[name]
                rows.append((source, name, promise, found(own, accounts["vae"]), own.diagnosis[0].split(". ")[0][:110]))
                print(*rows[-1], f"{time.perf_counter() - began:.0f} s", sep=" | ", flush=True)
                faults += [f"{source}, {name}: not finite: {dict(own.withheld)}"] if not finite(own) else []
                faults += [f"{source}, {name}: collapsed, and not said"] if unsaid(own) else []
    print()
    print(table(("data", "recipe", "promise", "account", "the diagnosis begins"), rows))
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
