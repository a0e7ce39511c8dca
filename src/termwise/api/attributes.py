"""An account of what editing and generating by attributes does, as a classifier judges it."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from typing import Any

import torch

from termwise.account import Account
from termwise.api.attribute_vectors import LIMIT, prepared_parts
from termwise.api.model_and_data import Data, Measurable, with_part
from termwise.api.on_device import on_device
from termwise.errors import Refused
from termwise.files import write_whole
from termwise.measuring.attributes import (
    BY_SIDE,
    METHODS,
    Edits,
    Judge,
    attribute_account,
    attributes_beside,
    check_strengths,
    joined,
    vectors_of,
)
from termwise.measuring.attributes.vectors import STANDARD_METHOD
from termwise.measuring.classifier.classifier import train_classifier
from termwise.models.data_pass import Progress
from termwise.models.target import check_makes_examples
from termwise.models.user_function import Trust
from termwise.report.attribute_figure import STRENGTHS, attribute_figure, edited_images
from termwise.report.pictures import can_be_drawn, is_image
from termwise.training import RunFolder
from termwise.values import Count, Finite, Seed, checked


@checked
def attributes(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    names: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    strength: Finite = 1.0,
    strengths: Sequence[Finite] = STRENGTHS,
    limit: Count | None = LIMIT,
    classifier: Judge | None = None,
    classifier_steps: Count = 1000,
    folder: str | PathLike[str] | None = None,
    seed: Seed = 0,
    batch_size: Count = 256,
    device: torch.device | str = "cpu",
    trust: Trust = (),
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
        methods: "mean-difference" and "regression", vectors both; and "side", by the value that the decoder takes
            beside x, of a model that takes every attribute so. All that there are where left out.
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
        trust: As `measure` takes it.
        progress: Called with the name of what is being done, and how much of it is done, 0 to 1.

    Raises:
        Refused: Nothing to learn from beside what is judged; a model whose codes have no mean.
        BadData: No attributes, or none that differs.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> account = attributes(untrained, "digits", names=["0", "1"], limit=20, classifier_steps=2)
        >>> account["attribute_success"].n
        20
    """
    check_strengths(*strengths)
    asked = tuple(METHODS) if methods is None else tuple(methods)
    by_vectors = tuple(method for method in asked if method != BY_SIDE)
    checked_methods = (STANDARD_METHOD,) if asked and not by_vectors else by_vectors
    vae, parts = prepared_parts(model, data, split, names, checked_methods, limit, seed, trust)
    check_makes_examples(vae)
    told = attributes_beside(vae, parts.train) if methods is None or BY_SIDE in asked else None
    if told is None and BY_SIDE in asked:
        raise Refused(
            "Edits by 'side' are of a model whose decoder takes every attribute beside x, and this one's does not. "
            "Train one, such as --side attributes --recipe cvae (of labels, --side labels); or take --method "
            "regression."
        )
    files = None if folder is None else RunFolder(folder)
    with nullcontext() if files is None else files.locked(), on_device(vae, device):
        vectors: dict[str, Edits] = {**vectors_of(vae, parts.few, by_vectors, seed, batch_size, device)}
        if told is not None:
            vectors[BY_SIDE] = told
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
        account = with_part(account, parts.part, parts.of)
        account = replace(account, diagnosis=(*parts.sentences, *account.diagnosis))
        if files is not None:
            account.save(files.attributes_file, files.edits_file)
            if can_be_drawn(parts.held_out.shape) and is_image(parts.held_out.shape):
                for method, one in vectors.items():
                    images = edited_images(vae, parts.held_out, one, strengths, device=device)
                    png = io.BytesIO()
                    attribute_figure(images).save(png, "PNG")
                    write_whole(files.edits_figure(method), png.getvalue())
    return account
