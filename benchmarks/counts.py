"""Counts of real cells: does a negative binomial of ours tell held-out cells as well as scvi-tools' SCVI?

    python benchmarks/counts.py [--epochs 400] [--patience 45] [--latent 10] [--hidden 128] [--codes 200]
                                [--seeds 0 1 2] [--out runs/counts]

Needs `pip install scvi-tools scanpy`. The cells are 700 peripheral blood mononuclear cells by 765 genes (Zheng et al.,
2017) that are in scanpy's wheel, as log(1 + s n), rounded, with a factor s for every cell; the counts n are recovered,
as s is the least step of a cell. A fifth of them is held out, and a tenth validates. Both models have one hidden layer
of the same width, as many latent dimensions, a dispersion of each gene, means that are shares of a cell's observed
total, and the same batch size and learning rate; they warm the KL up over the first eighth of `epochs`, are stopped
after `patience` epochs without a better ELBO of the cells that validate, and keep their best weights. SCVI keeps its
own batch normalisation and dropout. log p(x) given the total is by importance weights of `codes` codes on every
held-out cell, of both by the same estimator, less the first-order bias; differences are paired over cells.
"""

import argparse
import time
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import anndata
import numpy as np
import scvi
from lightning.pytorch import Callback, LightningModule, Trainer
from stepping import table

import termwise as tw
from termwise.models.ready.scvi import counts as rows_of

LOG_P = "log_likelihood_jackknife"
BATCH = 128


class Best(Callback):
    """SCVI's weights at the epoch of the best validation ELBO, which are loaded again at the end."""

    def __init__(self) -> None:
        self.loss, self.weights = np.inf, {}

    def on_validation_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Keep the weights where they are the best so far."""
        loss = float(trainer.callback_metrics.get("elbo_validation", np.inf))
        if not trainer.sanity_checking and loss < self.loss:
            self.loss, self.weights = loss, deepcopy(module.state_dict())

    def on_train_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Go back to them."""
        module.load_state_dict(self.weights)


def scvi_of(data: tw.Dataset, given: argparse.Namespace, seed: int) -> tuple[scvi.model.SCVI, int]:
    """SCVI of the parts of the data that train and that validate, and how many epochs it took."""
    parts = [part.tensor().numpy() for part in (data.train, data.validation)]
    scvi.settings.seed = seed
    cells = anndata.AnnData(np.concatenate(parts))
    scvi.model.SCVI.setup_anndata(cells)
    model = scvi.model.SCVI(
        cells, n_hidden=given.hidden, n_latent=given.latent, gene_likelihood="nb", dispersion="gene"
    )
    train, validation = np.arange(len(parts[0])), len(parts[0]) + np.arange(len(parts[1]))
    model.train(
        given.epochs,
        accelerator="cpu",
        batch_size=BATCH,
        plan_kwargs={"lr": 1e-3, "n_epochs_kl_warmup": given.epochs // 8},
        datasplitter_kwargs={"external_indexing": [train, validation]},
        check_val_every_n_epoch=1,
        early_stopping=True,
        early_stopping_monitor="elbo_validation",
        early_stopping_patience=given.patience,
        early_stopping_min_delta=0.0,
        early_stopping_warmup_epochs=given.epochs // 8,
        callbacks=[Best()],
        enable_progress_bar=False,
    )
    return model, len(model.history["elbo_validation"])


def ours_of(data: tw.Dataset, given: argparse.Namespace, seed: int) -> tuple[tw.Run, int]:
    """A negative binomial vae of the same parts, and how many epochs it took."""
    run = tw.train(
        {"model": {"options": {"hidden": [given.hidden]}}, "training": {"audit": False, "patience": given.patience}},
        data=data, likelihood="negative-binomial:observed", latent=given.latent, epochs=given.epochs, seed=seed,
        recipe="beta-vae", beta={"schedule": "warm-up", "share": 1 / 8}, batch_size=BATCH, device="cpu",
        out=given.out / f"seed{seed}", progress=False, overwrite=True,
    )  # fmt: skip
    return run, max(int(row["epoch"]) for row in run.metrics())


def cells() -> np.ndarray:
    """The counts, shape (700, 765)."""
    scanpy = find_spec("scanpy")
    if scanpy is None or scanpy.origin is None:
        raise SystemExit("The cells are in scanpy's wheel: pip install scanpy.")
    stored = anndata.read_h5ad(Path(scanpy.origin).parent / "datasets" / "10x_pbmc68k_reduced.h5ad")
    stepped = np.expm1(stored.raw.X.toarray().astype(np.float64))
    return (stepped / np.where(stepped > 0, stepped, np.inf).min(1, keepdims=True)).round().astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--patience", type=int, default=45)
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--codes", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/counts"))
    given = parser.parse_args()
    data = tw.load_data(cells(), name="pbmc", test=0.2, validation=0.125)
    held_out = anndata.AnnData(data.test.tensor().numpy())
    rows = []
    for seed in given.seeds:
        began = time.perf_counter()
        theirs, their_epoch = scvi_of(data, given, seed)
        trained = time.perf_counter()
        ours, our_epoch = ours_of(data, given, seed)
        epochs = {"scvi": their_epoch, "termwise": our_epoch}
        seconds = {"scvi": trained - began, "termwise": time.perf_counter() - trained}
        models = {"scvi": (tw.adapt(theirs), rows_of(theirs, held_out)),
                  "termwise": (ours.model, data.test)}  # fmt: skip
        evidence = {
            name: tw.log_likelihood(model, of, method="iwae", samples=given.codes, seed=seed)
            for name, (model, of) in models.items()
        }
        accounts = {name: tw.measure(model, of) for name, (model, of) in models.items()}
        for name in models:
            log_p, rate = evidence[name][LOG_P], accounts[name]["rate"]
            elbo = accounts[name]["elbo"]
            row = [str(seed), name, *(f"{of.value:.2f} ± {of.stderr:.2f}" for of in (log_p, elbo, rate))]
            rows.append([*row, str(epochs[name]), f"{seconds[name]:.0f}"])
        ahead = evidence["termwise"].per_example[LOG_P] - evidence["scvi"].per_example[LOG_P]
        rows[-1].insert(3, f"{float(ahead.mean()):+.2f} ± {float(ahead.std()) / len(ahead) ** 0.5:.2f}")
        rows[-2].insert(3, "")
        print(*rows[-2:], sep="\n", flush=True)
    print(table(["seed", "model", "log p(x)", "ahead, paired", "ELBO", "rate", "epochs", "seconds"], rows))


if __name__ == "__main__":
    main()
