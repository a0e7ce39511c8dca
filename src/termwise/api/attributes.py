"""Attribute vectors of a trained model, and an account of what editing and generating by them does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from termwise.account import Account
from termwise.api.resolve import Data, Measurable, placed, resolved
from termwise.data import Dataset
from termwise.errors import Refused, UnknownName
from termwise.measuring.attributes import (
    METHODS,
    AttributeVectors,
    Judge,
    attribute_account,
    check_strengths,
    joined,
    vectors_of,
    with_attributes,
)
from termwise.measuring.classifier.classifier import train_classifier
from termwise.models import Drawable
from termwise.models.passes import Progress
from termwise.report.attribute_figure import STRENGTHS, attribute_sheet, edited_images
from termwise.report.pictures import can_be_drawn, is_image
from termwise.training import RunFolder

LIMIT = 1000
MOST_CODES = 20_000
"""From how many training examples vectors are found at most."""


def attributes(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    names: Sequence[str] | None = None,
    methods: Sequence[str] = tuple(METHODS),
    strength: float = 1.0,
    strengths: Sequence[float] = STRENGTHS,
    limit: int | None = LIMIT,
    classifier: Judge | None = None,
    classifier_steps: int = 1000,
    folder: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """How well attributes are edited and generated, as a classifier judges that learned from real examples alone.

    Vectors are found in the codes of the training part, the classifier learns from the same part, and both are judged
    on another. The readings are those of `measuring.attributes.attribute_account`.

    Args:
        model: As `measure` takes it.
        data: A Dataset with splits, or a source's name or path; a run's own where left out. Its attributes are zeros
            and ones; where it has none, each of its labels is one.
        split: What edits are judged on: "test" or "validation".
        names: Which attributes; all that differ among the examples where left out.
        methods: "mean-difference", "regression", or both.
        strength: Of the edits that are judged, in units of the vectors.
        strengths: Of the edits in the figures, which show the first 12 attributes.
        limit: How many held-out examples to edit at most, drawn at random; None for all.
        classifier: One of your own, with `names`, `features`, `logits`, `accuracy` and `majority`, on `device`; trained
            here where left out, which is sure to have seen no other examples than the training part's.
        classifier_steps: How many moves it makes.
        folder: Where to write attributes.json, attributes.npz and, of images, a figure attributes-METHOD.png a method;
            nothing is written where left out.
        seed: Of the examples, the classifier and the codes of the prior.
        batch_size: Examples at a time.
        device: Where to measure.
        progress: Told how far it is.

    Raises:
        Refused: Nothing to learn from beside what is judged; a model whose codes have no mean.
        BadData: No attributes, or none that differs.
    """
    check_strengths(strength)
    check_strengths(*strengths)
    vae, parts = _prepared(model, data, split, names, methods, limit, seed)
    with placed(vae, device):
        vectors = vectors_of(vae, parts.few, methods, seed, batch_size, device)
        judge = classifier
        if judge is None:
            both = joined(parts.train, parts.held_out)
            steps: dict[str, Any] = {"steps": classifier_steps, "seed": seed, "device": device, "progress": progress}
            judge = train_classifier(both, target="attributes", **steps)
        account = attribute_account(
            vae,
            parts.held_out,
            vectors,
            judge,
            strength=strength,
            seed=seed,
            batch_size=batch_size,
            device=device,
            progress=progress,
        )
        account = Account(account.readings, (*parts.said, *account.diagnosis), account.per_example, account.data)
        if folder is not None:
            written = RunFolder(folder)
            account.save(written.attributes_file, written.edits_file)
            if can_be_drawn(parts.held_out.shape) and is_image(parts.held_out.shape):
                for method, found in vectors.items():
                    images = edited_images(vae, parts.held_out, found, strengths, device=device)
                    attribute_sheet(images).save(written.edits_figure(method))
    return account


def attribute_vectors(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    names: Sequence[str] | None = None,
    method: str = "mean-difference",
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
) -> AttributeVectors:
    """The vectors alone, to edit codes with: `vectors.edit(z, "smile", 0.5)`; arguments as `attributes` takes them."""
    vae, parts = _prepared(model, data, split, names, (method,), LIMIT, seed)
    with placed(vae, device):
        return vectors_of(vae, parts.few, (method,), seed, batch_size, device)[method]


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a classifier learns from, the few of it that vectors are found of, what is edited, and what to say."""

    train: Dataset
    few: Dataset
    held_out: Dataset
    said: tuple[str, ...]


def _prepared(
    model: Measurable,
    data: Data | None,
    split: str,
    names: Sequence[str] | None,
    methods: Sequence[str],
    limit: int | None,
    seed: int,
) -> tuple[Drawable, _Parts]:
    if not methods:
        raise Refused(f"Expected a way to find attribute vectors, of {', '.join(METHODS)}; got none.")
    for method in methods:
        if method not in METHODS:
            raise UnknownName("way to find attribute vectors", method, METHODS)
    if limit is not None and limit < 2:
        raise Refused(f"Expected two examples or more to edit; got limit={limit}.")
    vae, held_out, train = resolved(model, data, split, seed)
    if train is None:
        raise Refused(
            "Attribute vectors are found in a training part and judged on another. Give data with splits, such as "
            "load_data(..., test=0.2), and split='test' or 'validation'."
        )
    train, held_out, said = with_attributes(train, held_out.random_subset(limit, seed), names)
    return vae, _Parts(train, train.random_subset(MOST_CODES, seed), held_out, tuple(said))
