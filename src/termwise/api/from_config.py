"""What a configuration names: the data and the model, made or read."""

from contextlib import nullcontext
from os import PathLike

import numpy as np
from torch import Tensor

from termwise.data import Dataset, load_data
from termwise.data.pixel_cache import caches_as_they_are
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.models.pretrained import GIVEN
from termwise.models.user_function import Trust
from termwise.training import Config, RunFolder
from termwise.training.resolve import OWN


def configured_data(config: Config) -> Dataset:
    """The data that a configuration names."""
    arguments = config.data.arguments()
    source = arguments.pop("source", None)
    if source is None:
        raise Refused("No data: give a source's name, a path, or, from Python, a tensor (`termwise data` lists names).")
    return load_data(source, **arguments)


def data_of_run(
    folder: RunFolder, trust: Trust = (), given: Dataset | Tensor | np.ndarray | str | PathLike[str] | None = None
) -> Dataset:
    """The data that a run's configuration names, or those given, which must be those that it was trained on.

    No cache is written where the configuration says, unless it is trusted: it may be somebody else's.
    """
    with nullcontext() if trust is True else caches_as_they_are():
        data = configured_data(folder.config()) if given is None else load_data(given)
    folder.check(data.fingerprint())
    return data


def configured_model(config: Config, data: Dataset) -> VAE:
    """A fresh model, as a configuration describes it, of examples as the data has them."""
    section = config.model
    if section.network == OWN or GIVEN in (section.posterior, section.likelihood, section.prior):
        raise Refused("This run's model was made in Python. Pass it again: train(..., model=...).")
    return VAE.build(
        data.shape,
        section.latent,
        section.network,
        section.posterior,
        section.likelihood,
        section.options,
        section.posterior_options,
        section.prior,
        section.prior_options,
    )


def check_fit(model: VAE, data: Dataset) -> None:
    """Raise BadData where the examples are none that the model can take."""
    if data.shape != model.shape:
        raise BadData(
            f"The model takes examples of shape {model.shape}; {data.name} has examples of shape {data.shape}."
        )
    model.likelihood.check(data.value_range())
