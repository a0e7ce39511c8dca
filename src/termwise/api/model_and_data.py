"""What is measured, of all that a user may name it by: the model itself, and the examples."""

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from termwise.api.from_config import check_fit, data_of_run
from termwise.api.run import Run, load_model
from termwise.data import Dataset, load_data
from termwise.errors import Refused, TermwiseError
from termwise.models import VAE, Drawable, adapt
from termwise.models.user_function import Trust, user_function
from termwise.training import RunFolder
from termwise.training.config import LARGEST_SEED

Measurable = Drawable | Run | str | Path
"""What a model is named by: itself, a run, the path of a run folder, or "module:function", which returns a model."""

Data = Dataset | Tensor | np.ndarray | str | Path
"""What examples are named by: a data set, a tensor or an array of examples, a source's name, or a path."""


def model_and_data(
    model: Measurable, data: Data | None, split: str, seed: int, trust: Trust = ()
) -> tuple[Drawable, Dataset, Dataset | None]:
    """The model itself, the examples to measure it on, and others to train critics on, where there are any."""
    vae: Drawable
    if isinstance(model, str | Path) and _names_function(model):
        vae = _from_function(str(model))
    elif isinstance(model, str | Path):
        vae = load_model(model, trust=trust)
        data = data_of_run(RunFolder(model), trust) if data is None else data
    elif isinstance(model, Run):
        vae, data = model.model, model.data if data is None else data
    else:
        vae = model
    if data is None:
        raise Refused("Nothing to measure on: pass the data, as a Dataset, a tensor, or a source's name or path.")
    if not 0 <= seed <= LARGEST_SEED:
        raise Refused(f"A seed is a whole number from 0 to {LARGEST_SEED}; got {seed}.")
    dataset, train = examples_of(data, split)
    if isinstance(vae, VAE):
        check_fit(vae, dataset)
    return vae, dataset, train


def _names_function(model: str | Path) -> bool:
    """Whether this is "module:function", and not the path of a folder."""
    return re.fullmatch(r"[\w.]+:\w+", str(model)) is not None and not Path(model).exists()


def _from_function(name: str) -> Drawable:
    """The model that the user's function "module:function" returns, adapted if it is not yet."""
    try:
        model = user_function(*name.split(":"))()
    except TermwiseError:
        raise
    except Exception as error:
        raise Refused(f"{name} must return a model when it is called alone: {type(error).__name__}: {error}") from error
    return model if isinstance(model, Drawable) else adapt(model)


def examples_of(data: Data, split: str) -> tuple[Dataset, Dataset | None]:
    """The examples to measure, a tensor whole, a data set by its split; and its training part where that is another."""
    if isinstance(data, Tensor | np.ndarray):
        whole = load_data(data)
        return whole.subset(torch.arange(len(whole))), None
    whole = data if isinstance(data, Dataset) else load_data(data)
    if isinstance(data, Dataset) and not data.splits:
        return data, None
    return whole.split(split), whole.train if split != "train" and "train" in whole.splits else None
