"""What the code knows of the label beside x: of models that are not told it, that are, and that are kept from it.

    python benchmarks/side_information.py [MNIST] [--examples 6000] [--epochs 60] [--seeds 0] [--only vae cvae ...]

On the bundled digits, or on so many of MNIST's images. `vae` is not told the label; `cvae` is, in both networks, and
in the prior, too, where it says so; `vfae` is, and groups are drawn together by an MMD of weight gamma; `fader`'s
decoder is, and a classifier plays against its code; `weighed` is, and I(z; s) itself costs so much a nat, from a
bank. I(z; s) is read for endless data, held out. A classifier that learns the label from codes of the training part
has, on held-out codes, a cross-entropy that is at least H(s) - I(z; s): H(s) less it is the last column, and a lower
bound on I(z; s) from outside.
"""

import argparse
import time
from pathlib import Path

import torch
from sklearn.neural_network import MLPClassifier
from stepping import table

import termwise as tw

RATE = {"from": "posterior", "to": "prior", "estimator": {"name": "closed-or-sampled"}}


def weighed(weight: float) -> dict[str, object]:
    """The rate, and I(z; s) at so much a nat."""
    side = {"from": "conditional", "to": "aggregate", "estimator": {"name": "monte-carlo"}, "weight": weight}
    return {"links": [RATE, side]}


TOLD = ["encoder", "decoder"]
MODELS: dict[str, tuple[dict[str, object], list[str]]] = {
    "vae": ({"recipe": "vae"}, []),
    "cvae": ({"recipe": "cvae"}, TOLD),
    "cvae, prior told": ({"recipe": "cvae"}, [*TOLD, "prior"]),
    **{f"vfae, gamma {gamma}": ({"recipe": "vfae", "gamma": float(gamma)}, TOLD) for gamma in (30, 100, 300, 1000)},
    **{f"fader, gamma {gamma}": ({"recipe": "fader", "gamma": float(gamma)}, ["decoder"]) for gamma in (1, 3, 10, 30)},
    **{f"weighed {weight}": (weighed(float(weight)), TOLD) for weight in (1, 3, 10, 30)},
}
"""The objective of each, and what is told the label."""


def codes(model: tw.VAE, data: tw.Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """A code of every example, and its label."""
    assert data.side is not None
    told = model.side is not None and "encoder" in model.side.parts
    with torch.no_grad():
        law = model.encode(data.tensor(), side=data.side) if told else model.encode(data.tensor())
        return law.sample(), data.side.values[:, 0].long()


def classified(model: tw.VAE, train: tw.Dataset, held_out: tw.Dataset) -> float:
    """H(s) of the held-out examples less a classifier's cross-entropy, nats: a lower bound on I(z; s)."""
    z, label = codes(model, train)
    judge = MLPClassifier((64,), alpha=1e-2, early_stopping=True, random_state=0, max_iter=300).fit(z, label)
    z, label = codes(model, held_out)
    cross_entropy = -judge.predict_log_proba(z)[range(len(label)), label].mean()
    share = label.bincount().double() / len(label)
    return float(torch.special.entr(share).sum()) - float(cross_entropy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mnist", type=Path, nargs="?")
    parser.add_argument("--examples", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--out", type=Path, default=Path("runs/side-information"))
    given = parser.parse_args()
    data = tw.load_data("digits" if given.mnist is None else given.mnist)
    if given.mnist is not None:
        some = data.train.random_subset(given.examples, 0)
        data = tw.load_data(some.tensor(), labels=some.labels)
    data, rows = data.with_side("labels"), []
    for name in given.only:
        objective, told = MODELS[name]
        for seed in given.seeds:
            began = time.process_time()
            model = {"options": {"hidden": [256]}, "latent": 10}
            model |= {"side_to": told} if told else {}
            model |= {"prior": "conditional"} if "prior" in told else {}
            config = {
                "model": model,
                "objective": objective,
                "training": {
                    "epochs": given.epochs, "seed": seed, "audit": False, "evaluate_every": given.epochs,
                    "optimizer": {"learning_rate": 0.003}, "device": "cpu",
                },
            }  # fmt: skip
            folder = given.out / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
            run = tw.train(config, data=data, out=folder, progress=False, overwrite=True)
            account, bound = run.account, classified(run.model, data.train, data.test)
            read = [account[of] for of in ("elbo", "rate", "index_code_mi", "population_side_information")]
            numbers = [f"{one.value:.2f}" for one in read[:3]]
            low, high = read[3].interval or (0.0, 0.0)
            known = f"{read[3].value:.3f} ({low:.2f} to {high:.2f})"
            rows.append([name, str(seed), *numbers, known, f"{bound:.3f}", f"{time.process_time() - began:.0f}"])
            print(rows[-1], flush=True)
    print(table(["model", "seed", "ELBO", "rate", "MI", "I(z; s)", "by classifier", "CPU seconds"], rows))


if __name__ == "__main__":
    main()
