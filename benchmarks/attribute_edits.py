"""Edits of attributes by what stands beside x, against edits along vectors in the code, on creatures in colour.

    python benchmarks/attribute_edits.py [--count 4000] [--epochs 60] [--seed 0] [--only vae cvae ...]

`vae` is told nothing, and edited along vectors in its code; `cvae`, `vfae` and `fader` are told five attributes, and
edited along vectors, too, and by encoding with the values that an image has and decoding with one of them changed. One
classifier, which learned the attributes from real training images alone, judges all on held-out images: how many edits
show, and show without an edit; how many of the other four attributes are judged as before; how far the edit moves its
features, as a share of how far apart two images are; and how many made images have the attribute that is asked for.
"""

import argparse
import time
from pathlib import Path

from stepping import table

import termwise as tw
from termwise.measuring.classifier.classifier import train_classifier

ATTRIBUTES = ["large", "warm", "day", "hat", "stripes"]
TOLD: dict[str, list[str]] = {
    "vae": [],
    "cvae": ["encoder", "decoder"],
    "vfae": ["encoder", "decoder"],
    "fader": ["decoder"],
}
"""The recipes, and what of each is told the attributes."""

COLUMNS = ("attribute_success", "attribute_others_kept", "identity_distance", "attribute_generated")


def row(name: str, method: str, edits: tw.Account) -> list[str]:
    """How one model's edits by one method were judged."""
    ending = {"mean-difference": "", "regression": "_by_regression", "side": "_by_side"}[method]
    scale, cells = edits["identity_scale"].value, []
    for column in COLUMNS:
        reading, unit = edits[f"{column}{ending}"], scale if column == "identity_distance" else 1.0
        cells.append(f"{reading.value / unit:.3f} ± {(reading.stderr or 0.0) / unit:.3f}")
    return [name, method, *cells, f"{edits['attribute_success_before'].value:.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(TOLD), default=list(TOLD))
    parser.add_argument("--out", type=Path, default=Path("runs/attribute-edits"))
    given = parser.parse_args()
    data = tw.load_data("sprites-colour", count=given.count, size=given.size, in_memory=True)
    judge = train_classifier(data, target="attributes", steps=600, seed=given.seed)
    rows = []
    for name in given.only:
        began = time.process_time()
        config = {
            "model": {
                "options": {"hidden": [400]}, "latent": 20, "likelihood": "normal:optimal",
                **({"side_to": TOLD[name]} if TOLD[name] else {}),
            },
            "objective": {"recipe": name},
            "training": {
                "epochs": given.epochs, "seed": given.seed, "audit": False, "evaluate_every": given.epochs,
                "measure_limit": 1000, "device": "cpu",
            },
        }  # fmt: skip
        source = data.with_side(ATTRIBUTES) if TOLD[name] else data
        run = tw.train(config, data=source, out=given.out / name, progress=False, overwrite=True)
        edits = tw.attributes(run, source, names=ATTRIBUTES, classifier=judge, limit=800, folder=run.folder.path)
        elbo, took = run.account["elbo"].value, time.process_time() - began
        rows += [[*row(name, method, edits), f"{elbo:.0f}", f"{took:.0f}"] for method in edits.data["methods"]]
        print(*rows, sep="\n", flush=True)
    titles = ["edits show", "others kept", "moved, of two images", "made as asked", "unedited", "ELBO", "CPU seconds"]
    print(table(["model", "edited by", *titles], rows))


if __name__ == "__main__":
    main()
