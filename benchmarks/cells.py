"""What the code knows of a batch, of real cells: of models that are not told it, that are, and that are kept from it.

    python benchmarks/cells.py CELLS.h5ad [--batch chemistry] [--types type] [--epochs 100] [--seeds 0 1 2]
                               [--latent 10] [--hidden 128] [--only vae cvae ...]

`made_cells.py` writes two such files. Every model has a negative binomial of each gene given a cell's total, one hidden
layer and as many latent dimensions, learns from three quarters of the cells, and is read on the fifth held out: `vae`
is not told the batch; of `decoder` the decoder is, of `cvae` both networks; `vfae` is, and draws the batches together
by an MMD of weight gamma; `weighed` pays so much a nat for I(z; batch) itself. `scvi` is scvi-tools' SCVI, where it is
installed, measured through the adapter before and after it is told its batch key.

I(z; s) is that of endless cells, of the batch and of the types of cells. Beside each, on held-out codes, is how often a
network that learned s from training codes is right, and H(s) less its cross-entropy: a lower bound on I(z; s) from
outside.
"""

import argparse
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from side_information import weighed
from sklearn.neural_network import MLPClassifier
from stepping import table
from torch import Tensor

import termwise as tw
from termwise.models.data_pass import DataPass, evaluating

BATCH_SIZE = 128
TOLD = ["encoder", "decoder"]
MODELS: dict[str, tuple[dict[str, object], list[str]]] = {
    "vae": ({"recipe": "vae"}, []),
    "decoder": ({"recipe": "vae"}, ["decoder"]),
    "cvae": ({"recipe": "cvae"}, TOLD),
    **{f"vfae, gamma {gamma}": ({"recipe": "vfae", "gamma": float(gamma)}, TOLD) for gamma in (10, 30, 100, 300)},
    **{f"weighed {weight}": (weighed(float(weight)), TOLD) for weight in (1, 3, 10, 30)},
}
"""The objective of each, and what is told the batch."""
SCVI = {"scvi, not told": None, "scvi, batch key": "batch"}


def ours(name: str, data: tw.Dataset, given: argparse.Namespace, seed: int) -> tuple[Any, tw.Dataset, tw.Dataset]:
    """A model of ours, and the examples that it learned from and those held out."""
    objective, told = MODELS[name]
    config = {
        "model": {
            "options": {"hidden": [given.hidden]}, "latent": given.latent, "likelihood": "negative-binomial:observed",
            **({"side_to": told} if told else {}),
        },
        "objective": objective,
        "training": {
            "epochs": given.epochs, "seed": seed, "audit": False, "evaluate_every": given.epochs, "device": "cpu",
            "batch_size": BATCH_SIZE,
        },
    }  # fmt: skip
    out = given.out / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
    run = tw.train(config, data=data, out=out, progress=False, overwrite=True)
    return run.model, data.train, data.test


def theirs(name: str, data: tw.Dataset, given: argparse.Namespace, seed: int) -> tuple[Any, tw.Dataset, tw.Dataset]:
    """scvi-tools' SCVI, told the batch or not, and the same examples for it."""
    import anndata
    import scvi

    key = given.batch if SCVI[name] else None
    stored = anndata.read_h5ad(given.cells)
    parts = [stored[part.positions.numpy()].copy() for part in (data.train, data.test)]
    scvi.settings.seed = seed
    scvi.model.SCVI.setup_anndata(parts[0], batch_key=key)
    model = scvi.model.SCVI(
        parts[0], n_hidden=given.hidden, n_latent=given.latent, gene_likelihood="nb", dispersion="gene"
    )
    model.train(
        given.epochs, accelerator="cpu", batch_size=BATCH_SIZE, train_size=1.0, enable_progress_bar=False,
        plan_kwargs={"lr": 1e-3},
    )  # fmt: skip
    adapted = tw.adapt(model)
    return adapted, *(adapted.dataset(part) for part in parts)


def codes(model: Any, data: tw.Dataset) -> Tensor:
    """A code of every example, shape (N, D)."""
    with evaluating(model):
        return torch.cat([draw.posterior.sample() for draw in DataPass(model, data, 512, "cpu")()])


def classified(z: Mapping[str, Tensor], s: Mapping[str, Tensor]) -> tuple[float, float]:
    """How often a classifier of s from held-out codes is right, and H(s) less its cross-entropy, nats."""
    judge = MLPClassifier((64,), alpha=1e-2, early_stopping=True, random_state=0, max_iter=300)
    judge.fit(z["train"], s["train"])
    share = s["test"].bincount().double() / len(s["test"])
    surprise = -judge.predict_log_proba(z["test"])[range(len(s["test"])), s["test"]].mean()
    return float(judge.score(z["test"], s["test"])), float(torch.special.entr(share).sum()) - float(surprise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--batch", default="chemistry")
    parser.add_argument("--types", default="type")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=128)
    every = [*MODELS, *(SCVI if find_spec("scvi") else ())]
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--out", type=Path, default=Path("runs/cells"))
    given = parser.parse_args()
    data = tw.load_data(given.cells, side=given.batch, test=0.2, validation=0.05)
    known = data.with_side([given.batch, given.types])
    s = {
        name: {part: known.split(part).side.values[:, place].long() for part in ("train", "test")}
        for place, name in enumerate((given.batch, given.types))
    }
    rows = []
    for name in given.only:
        for seed in given.seeds:
            began = time.process_time()
            model, *parts = (ours if name in MODELS else theirs)(name, data, given, seed)
            z = {part: codes(model, of) for part, of in zip(("train", "test"), parts, strict=True)}
            row = [name, str(seed)]
            for column in (given.batch, given.types):
                account = tw.measure(model, parts[1], side=column, samples=4)
                if column == given.batch:
                    row += [f"{account[of].value:.2f} ± {account[of].stderr:.2f}" for of in ("elbo", "rate")]
                read = account["population_side_information"]
                right, bound = classified(z, s[column])
                low, high = read.interval or (0.0, 0.0)
                row += [f"{read.value:.3f} ({low:.2f} to {high:.2f})", f"{bound:.3f}", f"{right:.2f}"]
            rows.append([*row, f"{time.process_time() - began:.0f}"])
            print(rows[-1], flush=True)
    entropies = {name: torch.special.entr(of["test"].bincount() / len(of["test"])).sum() for name, of in s.items()}
    print(", ".join(f"H({name}) {float(nats):.3f}" for name, nats in entropies.items()))
    each = [
        f"{head} {name}" for name in (given.batch, given.types) for head in ("I(z; s),", "by classifier,", "right,")
    ]
    print(table(["model", "seed", "ELBO", "rate", *each, "CPU seconds"], rows))


if __name__ == "__main__":
    main()
