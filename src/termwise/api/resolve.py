"""What is measured: the model itself, of all that a user may name it by, the examples, and the device."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from termwise.api.runs import Run, check_fit, load_configured, load_model
from termwise.data import Dataset, load_data
from termwise.errors import Refused, TermwiseError
from termwise.models import VAE, Drawable, adapt
from termwise.models.draw import networks_of
from termwise.models.user_function import user_function
from termwise.training import RunFolder
from termwise.training.config import LARGEST_SEED

Measurable = Drawable | Run | str | Path
Data = Dataset | Tensor | np.ndarray | str | Path


def resolved(model: Measurable, data: Data | None, split: str, seed: int) -> tuple[Drawable, Dataset, Dataset | None]:
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
    dataset, train = to_measure(data, split)
    if isinstance(vae, VAE):
        check_fit(vae, dataset)
    return vae, dataset, train


def _names_function(model: str | Path) -> bool:
    """Whether this is "module:function", and not the path of a folder."""
    return re.fullmatch(r"[\w.]+:\w+", str(model)) is not None and not Path(model).exists()


def _made(name: str) -> Drawable:
    """The model that the user's function "module:function" returns, adapted if it is not yet."""
    try:
        made = user_function(*name.split(":"))()
    except TermwiseError:
        raise
    except Exception as error:
        raise Refused(f"{name} must return a model when it is called alone: {type(error).__name__}: {error}") from error
    return made if isinstance(made, Drawable) else adapt(made)


@contextmanager
def placed(model: Drawable, device: torch.device | str) -> Iterator[None]:
    """The model's networks on the device, and afterwards where they were; one spread over several devices stays."""
    networks = networks_of(model)
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


def to_measure(data: Data, split: str) -> tuple[Dataset, Dataset | None]:
    """The examples to measure, a tensor whole, a data set by its split; and its training part where that is another."""
    if isinstance(data, Tensor | np.ndarray):
        whole = load_data(data)
        return whole.subset(torch.arange(len(whole))), None
    whole = data if isinstance(data, Dataset) else load_data(data)
    if isinstance(data, Dataset) and not data.splits:
        return data, None
    return whole.split(split), whole.train if split != "train" and "train" in whole.splits else None
