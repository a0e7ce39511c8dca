"""Missing entries of any data, filled by a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

import torch

import termwise.measuring.imputation as imputation
from termwise.api.from_config import check_fit, data_of_run
from termwise.api.model_and_data import Data, Measurable, model_named, names_beside, names_function
from termwise.api.on_device import on_device
from termwise.api.run import Run, load_model
from termwise.data import Dataset, load_data
from termwise.data.sources import SOURCES
from termwise.errors import Refused
from termwise.measuring.imputation import Imputation
from termwise.models import VAE, Drawable
from termwise.models.data_pass import Progress
from termwise.models.missing import Filler
from termwise.models.user_function import Trust
from termwise.training import RunFolder
from termwise.values import Count, Natural, Samples, Seed, checked

_OF_ITS_PARTS = ("source", "validation", "test", "split", "missing", "side")
_OF_ANY_TABLE = ("labels", "attributes", "columns", "drop", "index")


@checked
def impute(
    model: Measurable,
    data: Data | None = None,
    *,
    split: str | None = None,
    draws: Natural = 0,
    samples: Samples = 1000,
    seed: Seed = 0,
    batch_size: Count = 256,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    progress: Progress | None = None,
) -> Imputation:
    """Fill what is missing: its mean given what is there, its spread, and, with `draws`, values that it may have had.

    Args:
        model: A VAE, a run, or the path of a run folder; trained on data with gaps (missing="mask"), or on whole ones.
        data: The examples, as `measure` takes them, with their gaps; all of a run's own where left out. A file is read
            as the run read its own.
        split: The part, "train", "validation" or "test"; all of them where left out.
        draws: How many times to draw all that is missing, for what is computed of it to be computed of each.
        samples: Codes an example; the more, the better, which `effective_sample_size` shows.
        seed, batch_size, device, trust, progress: As `measure` takes them.

    Raises:
        Refused: It is no VAE; or its likelihood is no product over the entries of x.
        BadData: The examples are none that the model can take.

    Example:
        >>> import termwise as tw
        >>> x = torch.tensor([[1.0, 2.0], [2.0, torch.nan], [3.0, 6.0]])
        >>> untrained = tw.VAE.build((2,), latent=1, likelihood="normal:1", options={"hidden": [8]})
        >>> filled = impute(untrained, x, draws=5)
        >>> filled.filled[0].tolist(), bool(filled.filled.isnan().any()), filled.draws.shape
        ([1.0, 2.0], False, torch.Size([5, 3, 2]))
    """
    vae, whole = with_gaps(model, data, trust)
    examples = whole if split is None else whole.split(split)
    with filling(vae, examples), on_device(vae, device):
        return imputation.impute(
            vae, examples, draws=draws, samples=samples, seed=seed, batch_size=batch_size, device=device,
            progress=progress,
        )  # fmt: skip


def with_gaps(model: Measurable, data: Data | None, trust: Trust) -> tuple[VAE, Dataset]:
    """The model itself, and all examples that are named, whose gaps stay gaps.

    Raises:
        Refused: It is no VAE, or there is nothing to fill.
    """
    vae: Drawable
    config = None
    if isinstance(model, str | PathLike) and names_function(model):
        vae = model_named(str(model))
    elif isinstance(model, str | PathLike):
        folder = RunFolder(model)
        vae, config = load_model(model, trust=trust), folder.config()
        data = data_of_run(folder, trust) if data is None else data
    elif isinstance(model, Run):
        vae, config, data = model.model, model.config, model.data if data is None else data
    else:
        vae = model
    if not isinstance(vae, VAE):
        raise Refused(
            f"Only a VAE of termwise's knows which entries of x to leave out; got {type(vae).__name__}. Train one: "
            'train(data=..., recipe="miwae"), on data with missing="mask".'
        )
    if data is None:
        raise Refused("Nothing to fill: pass the data, as a Dataset, an array, a data frame, or a path.")
    if isinstance(data, Dataset):
        return vae, data
    if isinstance(data, str) and data in SOURCES:
        return vae, load_data(data)
    asked = {} if config is None else config.data.arguments()
    kept = {name: value for name, value in asked.items() if name not in _OF_ITS_PARTS}
    if not isinstance(data, str | PathLike):
        kept = {name: value for name, value in kept.items() if name in _OF_ANY_TABLE}
    return vae, load_data(data, missing="mask", test=0.0, side=names_beside(vae, None) or None, **kept)


@contextmanager
def filling(model: VAE, data: Dataset) -> Iterator[None]:
    """The model as one that takes these examples: where it was trained on whole ones, it sees their means in gaps.

    Raises:
        BadData, Refused: It cannot take them.
    """
    known = model.filler
    try:
        model.filler = known or Filler.of(data)
        check_fit(model, data)
        yield
    finally:
        model.filler = known
