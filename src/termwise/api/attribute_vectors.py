"""Vectors to edit codes with, one an attribute, of a trained model."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from termwise.api.model_and_data import Data, Measurable, model_and_data
from termwise.api.on_device import on_device
from termwise.data import Dataset
from termwise.errors import Refused, UnknownName
from termwise.measuring.attributes import METHODS, AttributeVectors, vectors_of, with_attributes
from termwise.models import Drawable
from termwise.models.user_function import Trust
from termwise.values import Count, Seed, checked

LIMIT = 1000
"""The number of held-out examples that are edited, where nothing is said."""

MOST_CODES = 20_000
"""The number of training examples of which vectors are found, at most."""


@checked
def attribute_vectors(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    names: Sequence[str] | None = None,
    method: str = "mean-difference",
    seed: Seed = 0,
    batch_size: Count = 512,
    device: torch.device | str = "cpu",
    trust: Trust = (),
) -> AttributeVectors:
    """The vectors alone, to edit codes with: `vectors.edit(z, "smile", 0.5)`; arguments as `attributes` takes them.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> vectors = attribute_vectors(untrained, "digits", names=["0", "1"])
        >>> z = torch.zeros(3, 2)
        >>> torch.allclose(vectors.edit(z, "1", 0.5), 0.5 * vectors["1"].expand(3, 2))
        True
    """
    vae, parts = prepared_parts(model, data, split, names, (method,), LIMIT, seed, trust)
    with on_device(vae, device):
        return vectors_of(vae, parts.few, (method,), seed, batch_size, device)[method]


@dataclass(frozen=True, eq=False)
class AttributeData:
    """What a classifier learns from, the few of it that vectors are found of, what is edited, and what to say.

    `part` is what is edited of all data, `of` so many examples.
    """

    train: Dataset
    few: Dataset
    held_out: Dataset
    sentences: tuple[str, ...]
    part: str
    of: int


def prepared_parts(
    model: Measurable,
    data: Data | None,
    split: str,
    names: Sequence[str] | None,
    methods: Sequence[str],
    limit: int | None,
    seed: Seed,
    trust: Trust = (),
) -> tuple[Drawable, AttributeData]:
    """The model, and the parts of the data, of arguments that `attributes` and `attribute_vectors` take."""
    if not methods:
        raise Refused(f"Expected a way to find attribute vectors, of {', '.join(METHODS)}; got none.")
    for method in methods:
        if method not in METHODS:
            raise UnknownName("way to find attribute vectors", method, METHODS)
    if limit is not None and limit < 2:
        raise Refused(f"Expected two examples or more to edit; got limit={limit}.")
    vae, held_out, train, part, of = model_and_data(model, data, split, seed, trust)
    if train is None:
        raise Refused(
            "Attribute vectors are found in a training part and judged on another. Give data with splits, such as "
            "load_data(..., test=0.2), and split='test' or 'validation'."
        )
    train, held_out, sentences = with_attributes(train, held_out.random_subset(limit, seed), names)
    return vae, AttributeData(train, train.random_subset(MOST_CODES, seed), held_out, tuple(sentences), part, of)
