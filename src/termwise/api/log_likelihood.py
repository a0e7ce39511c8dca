"""log p(x) of anything that can be measured, by annealing or by importance weights."""

from typing import Any

import torch

import termwise.measuring.log_likelihood as estimators
from termwise.account import Account
from termwise.api.model_and_data import Data, Measurable, model_and_data
from termwise.api.on_device import on_device
from termwise.models.user_function import Trust
from termwise.values import Seed, checked


@checked
def log_likelihood(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str | None = None,
    seed: Seed = 0,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    **options: Any,
) -> Account:
    """log p(x), and the inference gap: equation (1), as an Account.

    Args:
        model, data, split, seed, device, trust: As `measure` takes them.
        **options: As `termwise.measuring.log_likelihood.log_likelihood` takes them: `method` ("ais", certified by BDMC,
            or "iwae"), `limit` (how many examples), `split_gap` (into approximation and amortisation), `chains`,
            `temperatures`, `tolerance` and others.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2, mutual_information=1.0)
        >>> account = log_likelihood(world, world.data(20, seed=0), method="iwae")
        >>> account["log_likelihood"].value > account["elbo"].value
        True
    """
    measured = model_and_data(model, data, split, seed, trust)
    with on_device(measured.model, device):
        account = estimators.log_likelihood(measured.model, measured.data, seed=seed, device=device, **options)
    return measured.noted(account)
