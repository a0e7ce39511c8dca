"""How near do imputed cells come to the truth, beside means, scikit-learn's IterativeImputer and missForest?

    python benchmarks/imputation.py [--tables breast-cancer wine] [--share 0.5] [--seeds 0 1 2] [--steps 1200]
                                    [--codes 20] [--latent 10] [--hidden 128 128] [--samples 1000]
                                    [--methods METHOD ...] [--out runs/imputation]

Of scikit-learn's tables a half of all cells is hidden, completely at random, and filled again: the task of Mattei and
Frellsen (2019, section 5.3). Everyone sees the same gaps, which a seed makes, and columns in standard deviations; an
error is the mean squared one over all hidden cells, so that 1 is what means give. vae and miwae train on the table with
its gaps (two rows are set aside, since a training measures itself on some), at the defaults where nothing is said
here; their spread is judged, too: the root mean square of errors beside it, 1 where it is right. IterativeImputer is as
it comes, with 20 rounds, and as missForest with 50 trees and 5 rounds. The error beside a mean is over seeds.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from stepping import table

import termwise as tw
from termwise.measuring.imputation import Imputation

TABLES = {"breast-cancer": load_breast_cancer, "wine": load_wine, "diabetes": load_diabetes}
COLUMNS = ("table", "method", "squared error", "spread", "seconds")


def by_means(x: np.ndarray, seed: int) -> np.ndarray:
    return np.where(np.isnan(x), np.nanmean(x, 0), x)


def by_regression(x: np.ndarray, seed: int) -> np.ndarray:
    return IterativeImputer(max_iter=20, random_state=seed).fit_transform(x)


def by_forests(x: np.ndarray, seed: int) -> np.ndarray:
    forest = RandomForestRegressor(n_estimators=50, max_features="sqrt", random_state=seed)
    return IterativeImputer(forest, max_iter=5, random_state=seed).fit_transform(x)


FIXED: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "means": by_means,
    "IterativeImputer": by_regression,
    "missForest": by_forests,
}
METHODS = [*FIXED, "vae", "miwae"]


def by_codes(given: argparse.Namespace, recipe: str, x: np.ndarray, seed: int, name: str) -> Imputation:
    """What a VAE of the table with its gaps fills in."""
    frame = pd.DataFrame(x, columns=[f"column {place}" for place in range(x.shape[1])])
    data = tw.load_data(frame, missing="mask", labels=False, test=2 / len(x), name=name)
    epochs = max(1, given.steps * 64 // len(x))
    config = {
        "model": {"options": {"hidden": given.hidden}},
        "training": {"audit": False, "evaluate_every": epochs},
    }
    options = {"codes": given.codes} if recipe == "miwae" else {}
    run = tw.train(
        config,
        data=data,
        recipe=recipe,
        latent=given.latent,
        epochs=epochs,
        batch_size=64,
        seed=seed,
        measure_limit=2,
        out=given.out / f"{name}-{recipe}-seed{seed}",
        overwrite=True,
        progress=False,
        **options,
    )
    return tw.impute(run.model, data, samples=given.samples, seed=seed)


def said(values: list[float]) -> str:
    """A mean over seeds, and its error."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{np.mean(values):.3f} ± {error:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=["breast-cancer", "wine"])
    parser.add_argument("--share", type=float, default=0.5, help="of cells that are hidden")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1200, help="of a training, of 64 rows each")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--codes", type=int, default=20, help="of every example, in training")
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 128])
    parser.add_argument("--samples", type=int, default=1000, help="codes of every example, to impute")
    parser.add_argument("--out", type=Path, default=Path("runs/imputation"))
    given = parser.parse_args()
    warnings.filterwarnings("ignore")  # rounds of the imputers that do not settle
    rows = []
    for name in given.tables:
        x = TABLES[name]().data
        x = (x - x.mean(0)) / x.std(0)
        errors: dict[str, list[float]] = {}
        spreads: dict[str, list[float]] = {}
        seconds: dict[str, list[float]] = {}
        for seed in given.seeds:
            gone = np.random.default_rng(seed).random(x.shape) < given.share
            gaps = np.where(gone, np.nan, x)
            for method in given.methods:
                began = time.process_time()
                if method in FIXED:
                    filled = FIXED[method](gaps, seed)
                else:
                    found = by_codes(given, method, gaps, seed, name)
                    filled = found.filled.double().numpy()
                    beside = (filled - x)[gone] / found.stddev.double().numpy()[gone]
                    spreads.setdefault(method, []).append(float(np.sqrt((beside**2).mean())))
                seconds.setdefault(method, []).append(time.process_time() - began)
                errors.setdefault(method, []).append(float(((filled - x)[gone] ** 2).mean()))
                told = *errors[method][-1:], *spreads.get(method, [])[-1:], *seconds[method][-1:]
                print(f"{name}, seed {seed}, {method}:", *(f"{one:.3f}" for one in told), flush=True)
        for method, values in errors.items():
            spread = said(spreads[method]) if method in spreads else "-"
            rows.append([name, method, said(values), spread, f"{np.mean(seconds[method]):.0f}"])
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    main()
