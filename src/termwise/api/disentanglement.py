"""Disentanglement of anything that can be measured, where the data's factors are known."""

from typing import Any

import torch

import termwise.measuring.disentanglement as metrics
from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, model_and_data
from termwise.api.on_device import on_device
from termwise.models.user_function import Trust
from termwise.values import Seed, checked


@checked
def disentanglement(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str | None = None,
    seed: Seed = 0,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    **options: Any,
) -> Account:
    """How far the code's dimensions and the data's factors stand for one another, as an Account.

    Args:
        model, data, split, seed, device, trust: As `measure` takes them.
        **options: As `termwise.measuring.disentanglement.disentanglement` takes them: `metrics` (names; all where left
            out), `limit` (how many examples), `repeats` and others.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> account = disentanglement(untrained, "digits", metrics=["mig"], limit=200)
        >>> 0 <= account["mig"].value < 0.1
        True
    """
    measured = model_and_data(model, data, split, seed, trust)
    with on_device(measured.model, device):
        account = metrics.disentanglement(measured.model, measured.data, seed=seed, device=device, **options)
    return measured.noted(account)
