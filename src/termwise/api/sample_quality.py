"""How good samples, or what a model or a run generates, are beside real data."""

from os import PathLike
from typing import Any

import torch
from torch import Tensor

from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, examples_of, model_and_data, with_part
from termwise.api.on_device import on_device
from termwise.errors import Refused
from termwise.measuring import quality
from termwise.models.user_function import Trust
from termwise.training import RunFolder
from termwise.values import Seed, checked


@checked
def sample_quality(
    samples: Tensor | Measurable,
    data: Data | None = None,
    *,
    split: str | None = None,
    folder: str | PathLike[str] | None = None,
    seed: Seed = 0,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    **options: Any,
) -> Account:
    """How good samples are beside real data, by features of a network: Fréchet and kernel distances, and overlap.

    Args:
        samples: Examples, shape (M, *shape); or a model or run, which is sampled from its prior.
        data: Real examples, as `measure` takes them; a run's own where left out.
        split: Which part of it, as `measure` takes it; features are learned from the training part, or else from half.
        folder: Where to write quality.json (of reconstructions, quality-reconstructions.json), which a run's report
            shows; nothing is written where left out.
        seed: Of the samples, of what features learn, and of the errors.
        device: Where to measure.
        trust: As `measure` takes it.
        **options: As `termwise.measuring.quality.sample_quality` takes them: `features` (any network of yours),
            `reconstructions`, `count`, `limit`, `neighbours` and others.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> account = sample_quality(untrained, "digits", features=torch.nn.Flatten(), limit=200)
        >>> account["frechet_distance"].value > account["frechet_distance_of_real"].value
        True
    """
    if folder is not None:
        with RunFolder(folder).locked():
            account = sample_quality(samples, data, split=split, seed=seed, device=device, trust=trust, **options)
            account.save(RunFolder(folder).quality_files[account.data["made"] == "reconstructions"])
            return account
    if isinstance(samples, Tensor):
        if data is None:
            raise Refused("Samples are judged beside real data: pass a Dataset, a tensor, or a source's name or path.")
        real, train, part, of = examples_of(data, split)
        account = quality.sample_quality(samples, real, train=train, seed=seed, device=device, **options)
        return with_part(account, part, of)
    measured = model_and_data(samples, data, split, seed, trust)
    with on_device(measured.model, device):
        real, train = measured.data, measured.train
        account = quality.sample_quality(measured.model, real, train=train, seed=seed, device=device, **options)
    return measured.noted(account)
