"""What an autoencoder's codes are worth to a model that is trained on them, of anything that can be measured."""

from dataclasses import replace
from typing import Any

import torch

from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, model_and_data
from termwise.api.on_device import on_device
from termwise.errors import Refused
from termwise.measuring import tokenizer
from termwise.models.user_function import Trust
from termwise.values import Count, Seed, checked


@checked
def tokenizer_report(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str | None = None,
    limit: Count | None = 5000,
    seed: Seed = 0,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    **options: Any,
) -> Account:
    """What codes of channels and places cost and say, how they are scaled, and what reconstructions keep: an Account.

    Of an autoencoder whose codes a generative model is trained on afterwards: the rate by channel and by position, in
    nats and bits; dead channels; marginal KL and total correlation over channels, of codes at places; means, deviations
    and the scaling factor; squared error, PSNR and SSIM; and, by features of your own, distances of reconstructions and
    of samples. Of codewords what `measure` reads of them.

    Args:
        model: As `measure` takes it: what `adapt` made of a diffusers autoencoder, say.
        data: The examples, as `measure` takes them, of the size and range that the model was trained on.
        split: Which part of them, as `measure` takes it.
        limit: At most so many examples, drawn at random; None for all.
        seed: Of codes, of places that stand for all, and of the examples that are drawn.
        device: Where to measure.
        trust: As `measure` takes it.
        **options: As `termwise.measuring.tokenizer.tokenizer_report` takes them: `channels` ("last" of codes (places,
            C)), `features` (any network of yours), `samples` (what a generator made), `batch_size` and others.

    Example:
        >>> import termwise as tw
        >>> encoder = torch.nn.Conv2d(1, 4, 2, 2)  # two channels, mean and log variance, of 4 x 4 places
        >>> account = tokenizer_report(tw.adapt(lambda x: encoder(x).chunk(2, 1)), "digits")
        >>> len(account.by_dimension["rate_by_channel"].value), len(account.by_dimension["bits_by_position"].value)
        (2, 16)
    """
    if limit is not None and limit < 2:
        raise Refused(f"A standard error needs two examples or more; got limit={limit}.")
    measured = model_and_data(model, data, split, seed, trust)
    examples = measured.data.random_subset(limit, seed)
    with on_device(measured.model, device):
        account = tokenizer.tokenizer_report(measured.model, examples, seed=seed, device=device, **options)
    account = measured.noted(account)
    if len(examples) == len(measured.data):
        return account
    return replace(account, data={**account.data, "drawn_from": len(measured.data)})
