"""From anything that can be measured to an account: a model, a run, a function of the user's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from termwise.account import Account
from termwise.api.resolve import Data, Measurable, placed, resolved, to_measure
from termwise.errors import NoDensity, Refused
from termwise.measuring import measure as decomposed
from termwise.measuring.critic_bounds.critic_bounds import critic_readings
from termwise.measuring.disentanglement import disentanglement as scored
from termwise.measuring.log_likelihood import log_likelihood as estimated
from termwise.measuring.quality import sample_quality as judged
from termwise.models.passes import Progress
from termwise.training import RunFolder


def measure(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    samples: int = 1,
    noises: int = 256,
    critic: bool | str | Sequence[str] = False,
    critic_steps: int = 3000,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """Every term of a model's ELBO, with its error: an Account.

    Args:
        model: A VAE, what `adapt` made, a Run, the path of a run folder, or "module:function", a function of yours
            that returns a model or what `adapt` takes. Its networks are left on the device that they were on.
        data: A Dataset, a tensor, or a source's name or path; a run's own where left out. Where it has splits, the
            one called `split` is measured.
        split: "train", "validation" or "test".
        samples: Codes for every example; more make the errors smaller.
        noises: Where the posterior has no density: more bring the bounds that take its place together.
        critic: Whether to read the rate with a critic trained anew, too, for a bound over the ELBO that asks for
            samples alone; or the names of links to read so: "rate", "index_code_mi", "marginal_kl",
            "total_correlation". The critic learns on the data's training part where another is measured, and else on
            either half for the other.
        critic_steps: How many moves a critic makes; more may bring its bounds nearer to the truth.
        seed: Of the codes.
        batch_size: Examples at a time.
        device: Where to measure.
        progress: Told how far it is.
    """
    vae, dataset, train = resolved(model, data, split, seed)
    where: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "device": device, "progress": progress}
    with placed(vae, device):
        if not critic:
            return decomposed(vae, dataset, samples=samples, noises=noises, **where)
        links = ("rate",) if critic is True else (critic,) if isinstance(critic, str) else critic
        bounds = critic_readings(vae, dataset, train, links=links, steps=critic_steps, **where)
        try:
            return decomposed(vae, dataset, samples=samples, noises=noises, **where).and_also(bounds)
        except NoDensity as refusal:
            return replace(bounds, diagnosis=(*bounds.diagnosis, str(refusal)))


def log_likelihood(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    seed: int = 0,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Account:
    """log p(x), and the inference gap: equation (1), as an Account.

    Args:
        model, data, split, seed, device: As `measure` takes them.
        **options: As `termwise.measuring.log_likelihood.log_likelihood` takes them: `method` ("ais", certified by BDMC,
            or "iwae"), `limit` (how many examples), `split_gap` (into approximation and amortisation), `chains`,
            `temperatures`, `tolerance` and others.
    """
    vae, dataset, _ = resolved(model, data, split, seed)
    with placed(vae, device):
        return estimated(vae, dataset, seed=seed, device=device, **options)


def disentanglement(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    seed: int = 0,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Account:
    """How far the code's dimensions and the data's factors stand for one another, as an Account.

    Args:
        model, data, split, seed, device: As `measure` takes them.
        **options: As `termwise.measuring.disentanglement.disentanglement` takes them: `metrics` (names; all where left
            out), `limit` (how many examples), `repeats` and others.
    """
    vae, dataset, _ = resolved(model, data, split, seed)
    with placed(vae, device):
        return scored(vae, dataset, seed=seed, device=device, **options)


def sample_quality(
    samples: Tensor | Measurable,
    data: Data | None = None,
    *,
    split: str = "test",
    folder: str | Path | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Account:
    """How good samples are beside real data, by features of a network: Fréchet and kernel distances, and overlap.

    Args:
        samples: Examples, shape (M, *shape); or a model or run, which is sampled from its prior.
        data: Real examples, as `measure` takes them; a run's own where left out.
        split: Which part of data with splits; the features are learned from the training part.
        folder: Where to write quality.json (of reconstructions, quality-reconstructions.json), which a run's report
            shows; nothing is written where left out.
        seed: Of the samples, of what features learn, and of the errors.
        device: Where to measure.
        **options: As `termwise.measuring.quality.sample_quality` takes them: `features` (any network of yours),
            `reconstructions`, `count`, `limit`, `neighbours` and others.
    """
    if isinstance(samples, Tensor):
        if data is None:
            raise Refused("Samples are judged beside real data: pass a Dataset, a tensor, or a source's name or path.")
        dataset, train = to_measure(data, split)
        account = judged(samples, dataset, train=train, seed=seed, device=device, **options)
    else:
        model, dataset, train = resolved(samples, data, split, seed)
        with placed(model, device):
            account = judged(model, dataset, train=train, seed=seed, device=device, **options)
    if folder is not None:
        account.save(RunFolder(folder).quality_files[account.data["made"] == "reconstructions"])
    return account
