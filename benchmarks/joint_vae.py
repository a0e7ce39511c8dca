"""Ten categories beside six numbers, without labels: which objective makes the category tell, and tell the digit?

    python benchmarks/joint_vae.py [--variants rate floor straight-through score-function] [--epochs 40] [--seeds 0]
                                   [--out runs/joint-vae]

On the bundled digits (1,438 images to train by, 359 held out). `rate` is as in the paper (Dupont, 2018), gamma 30, each
block's rate pinned to a C that rises over half of the run, to 2.2 and 6 nats; `floor` is the recipe joint-vae, a floor
of 2 nats under the index-code MI of each block, of relaxed codes, as the paper's are; the others are the same with
codes that learn in another way. Agreement is the share of held-out images whose label is their category's most
frequent one.
"""

import argparse
import time
from pathlib import Path

import torch
from sklearn.metrics import normalized_mutual_info_score
from stepping import table

import termwise as tw
from termwise.objectives.recipes import JOINT_MODEL


def rising(nats: float) -> dict[str, object]:
    return {"schedule": "linear", "end": nats, "share": 0.5}


CAPACITY = {
    "from": "posterior",
    "to": "prior",
    "estimator": {"name": "closed-form"},
    "weight": 30.0,
    "shape": {"name": "gap", "by": "block", "target": {"category": rising(2.2), "style": rising(6.0)}},
}
VARIANTS: dict[str, tuple[dict[str, object], str]] = {
    "rate": ({"links": [CAPACITY]}, "relaxed"),
    "floor": ({"recipe": "joint-vae"}, "relaxed"),
    "straight-through": ({"recipe": "joint-vae"}, "straight-through"),
    "score-function": ({"recipe": "joint-vae"}, "score-function"),
}
"""The objective of each, and how its categories learn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=Path("runs/joint-vae"))
    given = parser.parse_args()
    data, rows = tw.load_data("digits"), []
    category, style = JOINT_MODEL["code"]
    for name in given.variants:
        objective, gradient = VARIANTS[name]
        code = [category if gradient == "relaxed" else category | {"posterior_options": {"gradient": gradient}}, style]
        for seed in given.seeds:
            began = time.process_time()
            settings = {"epochs": given.epochs, "seed": seed, "audit": False, "evaluate_every": given.epochs}
            config = {
                "model": {"options": {"hidden": [256]}, "code": code},
                "objective": objective,
                "training": {**settings, "optimizer": {"learning_rate": 0.003}, "device": "cpu"},
            }
            run = tw.train(config, data=data, out=given.out / f"{name}-{seed}", progress=False, overwrite=True)
            seconds = time.process_time() - began
            held_out, labels = data.test.tensor(), data.test.labels
            assert labels is not None
            with torch.no_grad():
                chosen = run.model.encode(held_out).mean[:, :10]
            kind = chosen.argmax(1)
            right = sum(int(labels[kind == one].bincount().max()) for one in kind.unique())
            blocks = run.account.by_dimension
            told = [blocks[of].value for of in ("rate_by_block", "index_code_mi_by_block")]
            nats = [f"{one:.2f}" for block in zip(*told, strict=True) for one in block]
            agreement = [f"{right / len(labels):.3f}", f"{normalized_mutual_info_score(labels, kind):.3f}"]
            whole = [str(len(kind.unique())), f"{run.account['elbo'].value:.2f}", f"{seconds:.0f}"]
            rows.append([name, str(seed), *nats, *agreement, *whole])
            print(rows[-1], flush=True)
    head = ["objective or gradient", "seed", "category: rate", "its MI", "style: rate", "its MI", "agreement", "NMI"]
    print(table([*head, "used", "ELBO", "CPU seconds"], rows))


if __name__ == "__main__":
    main()
