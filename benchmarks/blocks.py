"""What do mixtures, joint codes and ladders learn of MNIST without labels, and what does each block cost and tell?

    python benchmarks/blocks.py FOLDER [--models flat ladder mixture] [--epochs 15] [--images 12000]
                                [--seeds 0] [--out runs/blocks]

FOLDER holds the IDX files. Of so many training images, black and white, a sixth is held out. All models have the same
bodies and budget. `agreement` is the share of held-out images whose category is most often of their label, and NMI the
normalised mutual information of category and label; neither is trained on. A ladder's rate is warmed up over half of
the run (Sonderby et al., 2016), and so is the flat model's beside it, "flat-warm".

A run that is there already is not trained again.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from stepping import table

import termwise as tw
from termwise.models.block_law import blocks_of

KIND = {"name": "kind", "latent": 10, "posterior": "categorical"}
LEVELS = {"top": 4, "middle": 8, "low": 16}


def _levels(posterior: str) -> list[dict[str, object]]:
    """Three levels, each given the one above it."""
    names = list(LEVELS)
    first = {"name": names[0], "latent": LEVELS[names[0]], "posterior": posterior}
    return [
        first,
        *(
            {"name": low, "latent": LEVELS[low], "posterior": posterior, "prior": "conditional", "given": [above]}
            for above, low in pairwise(names)
        ),
    ]


WARM_UP = {"schedule": "linear", "start": 0.0, "end": 1.0, "share": 0.5}
MIXTURE = [
    {**KIND, "decoded": False},
    {"name": "style", "latent": 10, "given": ["kind"], "prior": "conditional"},
]
MODELS: dict[str, dict[str, object]] = {
    "flat": {"model": {"latent": 28}},
    "flat-warm": {"model": {"latent": 28}, "objective": {"recipe": "beta-vae", "beta": WARM_UP}},
    "hierarchy": {"model": {"code": _levels("diagonal-normal")}, "objective": {"recipe": "ladder-vae"}},
    "ladder": {"model": {"code": _levels("ladder")}, "objective": {"recipe": "ladder-vae"}},
    "joint": {"model": {"code": [KIND, {"name": "style", "latent": 10}]}},
    "m2": {"model": {"code": [KIND, {"name": "style", "latent": 10, "given": ["kind"]}]}},
    "mixture": {"model": {"code": MIXTURE}},
    "joint-floor": {"objective": {"recipe": "joint-vae"}},
}
"""What each model is beside a vae of normals."""


def _of_labels(run: tw.Run, data: tw.Dataset) -> tuple[str, str]:
    """Agreement and NMI of the first block's categories with the labels of held-out images; of categories alone."""
    first = blocks_of(run.model.encode(data.tensor(limit=1)))[0]
    if not hasattr(first, "probs"):
        return "-", "-"
    labels = data.labels.numpy()
    law = run.model.encode(data.tensor())
    kinds = blocks_of(law)[0].probs.squeeze(1).argmax(1).numpy()
    common = sum(np.bincount(labels[kinds == kind]).max() for kind in set(kinds))
    return f"{common / len(labels):.2f}", f"{normalized_mutual_info_score(labels, kinds):.2f}"


def _by_block(run: tw.Run, name: str) -> str:
    reading = run.account.by_dimension.get(name)
    if reading is None:
        return "-"
    return ", ".join(
        f"{block} {value:.2f}" for block, value in zip(run.account.data["blocks"], reading.value, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("runs/blocks"))
    given = parser.parse_args()
    whole = tw.load_data(given.folder).train
    kept = whole.subset(range(given.images))
    images = (kept.tensor() > 0.5).float()
    data = tw.load_data(images, labels=kept.labels, test=1 / 6, name="mnist")
    rows = []
    for name in given.models:
        for seed in given.seeds:
            folder = given.out / f"{name}-{given.images}-{given.epochs}-seed{seed}"
            began = time.perf_counter()
            if not (folder / "account.json").exists():
                part = MODELS[name]
                config = {**part, "training": {"audit": False}}
                config["model"] = {"options": {"hidden": [256]}, "likelihood": "bernoulli", **part.get("model", {})}
                tw.train(config, data=data, epochs=given.epochs, seed=seed, out=folder, overwrite=True, progress=False)
            seconds = time.perf_counter() - began
            run = tw.load_run(folder, data=data)
            readings = [str(run.account[of]).split(" nats")[0].split("= ")[1] for of in ("elbo", "rate")]
            active = f"{run.account['active_units'].value:.0f}"
            blocks = [_by_block(run, of) for of in ("rate_by_block", "index_code_mi_by_block")]
            rows.append([name, str(seed), *readings, *blocks, active, *_of_labels(run, data.test), f"{seconds:.0f}"])
            print(rows[-1], flush=True)
    heads = ["model", "seed", "ELBO", "rate", "rate by block", "MI by block", "active", "agreement", "NMI", "seconds"]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
