"""From anything that can be measured to an account: a model, a run, a function of the user's."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from termwise.api.runs import Run, check_fit, load_configured, load_model
from termwise.data import Dataset, load_data
from termwise.errors import NoDensity, Refused, TermwiseError
from termwise.measuring import Account
from termwise.measuring import measure as decomposed
from termwise.measuring.critic import critic_readings
from termwise.measuring.disentanglement import disentanglement as scored
from termwise.measuring.log_likelihood import log_likelihood as estimated
from termwise.models import VAE, Drawable, adapt
from termwise.models.networks import imported
from termwise.models.passes import Progress
from termwise.training import RunFolder
from termwise.training.config import LARGEST_SEED

Measurable = Drawable | Run | str | Path
Data = Dataset | Tensor | np.ndarray | str | Path


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
    vae, dataset, train = _resolved(model, data, split, seed)
    where: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "device": device, "progress": progress}
    with _placed(vae, device):
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
    vae, dataset, _ = _resolved(model, data, split, seed)
    with _placed(vae, device):
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
    vae, dataset, _ = _resolved(model, data, split, seed)
    with _placed(vae, device):
        return scored(vae, dataset, seed=seed, device=device, **options)


def _resolved(model: Measurable, data: Data | None, split: str, seed: int) -> tuple[Drawable, Dataset, Dataset | None]:
    """The model itself, the examples to measure it on, and others to train critics on, where there are any."""
    vae: Drawable
    if isinstance(model, str | Path) and _names_function(model):
        vae = _made(str(model))
    elif isinstance(model, str | Path):
        vae = load_model(model)
        data = load_configured(RunFolder(model).config()) if data is None else data
    elif isinstance(model, Run):
        vae, data = model.model, model.data if data is None else data
    else:
        vae = model
    if data is None:
        raise Refused("Nothing to measure on: pass the data, as a Dataset, a tensor, or a source's name or path.")
    if not 0 <= seed <= LARGEST_SEED:
        raise Refused(f"A seed is a whole number from 0 to {LARGEST_SEED}; got {seed}.")
    dataset, train = _to_measure(data, split)
    if isinstance(vae, VAE):
        check_fit(vae, dataset)
    return vae, dataset, train


def _names_function(model: str | Path) -> bool:
    """Whether this is "module:function", and not the path of a folder."""
    return re.fullmatch(r"[\w.]+:\w+", str(model)) is not None and not Path(model).exists()


def _made(name: str) -> Drawable:
    """The model that the user's function "module:function" returns, adapted if it is not yet."""
    try:
        made = imported(*name.split(":"))()
    except TermwiseError:
        raise
    except Exception as error:
        raise Refused(f"{name} must return a model when it is called alone: {type(error).__name__}: {error}") from error
    return made if isinstance(made, Drawable) else adapt(made)


@contextmanager
def _placed(model: Drawable, device: torch.device | str) -> Iterator[None]:
    """The model's networks on the device, and afterwards where they were; one spread over several devices stays."""
    networks = [model] if isinstance(model, nn.Module) else getattr(model, "networks", [])
    lying = {network: {part.device for part in (*network.parameters(), *network.buffers())} for network in networks}
    homes = {network: devices.pop() for network, devices in lying.items() if len(devices) == 1}
    try:
        torch.empty(0, device=device)
        for network in homes:
            network.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises either for a device that is not there
        _return(homes)
        raise Refused(f"The device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from None
    try:
        yield
    finally:
        _return(homes)


def _return(homes: Mapping[nn.Module, torch.device]) -> None:
    for network, home in homes.items():
        network.to(home)


def _to_measure(data: Data, split: str) -> tuple[Dataset, Dataset | None]:
    """The examples to measure, a tensor whole, a data set by its split; and its training part where that is another."""
    if isinstance(data, Tensor | np.ndarray):
        whole = load_data(data)
        return whole.subset(torch.arange(len(whole))), None
    whole = data if isinstance(data, Dataset) else load_data(data)
    if isinstance(data, Dataset) and not data.splits:
        return data, None
    return whole.split(split), whole.train if split != "train" and "train" in whole.splits else None
