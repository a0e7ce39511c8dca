"""What is measured, of all that a user may name it by: the model itself, and the examples."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple, TypeAlias

import torch

from termwise.account import Account
from termwise.api.from_config import check_fit, data_of_run
from termwise.api.run import Run, load_model
from termwise.content import exists
from termwise.data import Dataset, load_data
from termwise.data.beside import name_of, with_side_too
from termwise.data.formats.h5ad_files import is_anndata, is_mudata
from termwise.data.load import load_undivided
from termwise.data.side import Side, SideLike
from termwise.data.side_names import side_names
from termwise.data.sources import SOURCES
from termwise.errors import Refused, TermwiseError, UnknownName
from termwise.models import VAE, Drawable, adapt
from termwise.models.adapters import Adapted
from termwise.models.drawable import side_variables
from termwise.models.user_function import Trust, user_function
from termwise.training import RunFolder
from termwise.values import LARGEST_SEED

Measurable = Drawable | Run | str | PathLike[str]
"""What a model is named by: itself, a run, the path of a run folder, or "module:function", which returns a model."""

Data: TypeAlias = Any
"""What examples are named by: all that `load_data` takes, which refuses what is none, and says what would do."""


class Measured(NamedTuple):
    """A model, the examples that it is measured on, and which part of the data they are.

    Attributes:
        model: The model itself.
        data: The examples to measure it on.
        train: Others to train critics or features on; None where there are none.
        part: What `data` is of the data that was named: "test", say, or "all".
        of: How many examples that has in all.
    """

    model: Drawable
    data: Dataset
    train: Dataset | None
    part: str
    of: int

    def noted(self, account: Account) -> Account:
        """An account of it, which says what part was measured."""
        return with_part(account, self.part, self.of)


def with_part(account: Account, part: str, of: int) -> Account:
    """The account, whose `data` also says what part of the data was measured, and of how many examples it is."""
    return replace(account, data={**account.data, "part": part, "of": of})


def model_and_data(
    model: Measurable,
    data: Data | None,
    split: str | None,
    seed: int,
    trust: Trust = (),
    side: SideLike | None = None,
) -> Measured:
    """The model itself, the examples to measure it on, and others to train critics on, where there are any.

    A table is read with what the model takes beside x, and with what `side` names, which are then no part of x.
    """
    vae = model_alone(model, trust)
    if data is None and isinstance(model, Run):
        data = model.data
    elif data is None and isinstance(model, str | PathLike) and not names_function(model):
        data = data_of_run(RunFolder(model), trust)
    if isinstance(vae, Adapted) and (data is None or is_anndata(data) or is_mudata(data)):
        data = vae.dataset(data) or data
    if data is None:
        raise Refused("Nothing to measure on: pass the data, as a Dataset, a tensor, or a source's name or path.")
    if not 0 <= seed <= LARGEST_SEED:
        raise Refused(f"A seed is a whole number from 0 to {LARGEST_SEED}; got {seed}.")
    measured = Measured(vae, *examples_of(data, split, names_beside(vae, side)))
    if isinstance(vae, VAE):
        check_fit(vae, measured.data)
    return measured


def model_alone(model: Measurable, trust: Trust = ()) -> Drawable:
    """The model itself, of all that a user may name it by."""
    if isinstance(model, str | PathLike):
        return model_named(str(model)) if names_function(model) else load_model(model, trust=trust)
    return model.model if isinstance(model, Run) else model


def beside(data: Dataset, side: SideLike | None) -> tuple[Dataset, list[str] | None]:
    """The data with what is asked for beside x, too, and the names of that; None where nothing is asked for."""
    if side is None:
        return data, None
    return with_side_too(data, side)


def names_function(model: str | PathLike[str]) -> bool:
    """Whether this is "module:function", and not the path of a folder."""
    return re.fullmatch(r"[\w.]+:\w+", str(model)) is not None and not exists(model)


def model_named(name: str) -> Drawable:
    """The model that the user's function "module:function" returns, adapted if it is not yet."""
    try:
        model = user_function(*name.split(":"))()
    except TermwiseError:
        raise
    except Exception as error:
        raise Refused(f"{name} must return a model when it is called alone: {type(error).__name__}: {error}") from error
    return model if isinstance(model, Drawable) else adapt(model)


def names_beside(model: Measurable, side: SideLike | None) -> list[str]:
    """The names of what a model takes beside x, and of what is asked for."""
    if isinstance(model, str | PathLike):
        own = [] if names_function(model) else RunFolder(model).config().data.side or []
    else:
        taken = side_variables(model.model if isinstance(model, Run) else model)
        own = [str(name_of(variable)) for variable in taken]
    asked = [] if side is None or isinstance(side, Mapping | Side) else side
    names = [one for some in (own, asked) if some for one in side_names(some, ())]
    return [str(one) for one in {one.name: one for one in names}.values()]


def whole_of(data: Data, split: str | None, beside: Sequence[str] = ()) -> Dataset:
    """All examples that the user has, in parts where they have their own, or where one part is asked for.

    Args:
        data: What the user has.
        split: The part.
        beside: Names of what stands beside x, which are no part of x where it is a table; those that are not known
            of the data are left to what takes them.
    """
    if isinstance(data, Dataset):
        return data
    side = list(beside) or None
    try:
        if split is not None or (isinstance(data, str) and data in SOURCES):
            return load_data(data, side=side)
        whole = load_undivided(data, side)
        return load_data(data, side=side) if whole.splits else whole
    except UnknownName:
        if side is None:
            raise
        return whole_of(data, split)


def examples_of(data: Data, split: str | None, beside: Sequence[str] = ()) -> tuple[Dataset, Dataset | None, str, int]:
    """The examples to measure, the training part where that is another, what part they are, and of how many.

    Args:
        data: What the user has. A source by name has the parts that it has for everyone. What has none of its own (a
            tensor, an array, a torch Dataset, a file) is measured whole, unless a part is asked for.
        split: The part; where left out, the test part, or all of what has no parts.
        beside: Names of what stands beside x, as `whole_of` has them.
    """
    whole = whole_of(data, split, beside)
    if split is None and set(whole.splits) <= {"train"} and len(whole.train) == len(whole):
        return whole.subset(torch.arange(len(whole))), None, "all", len(whole)
    part = split or "test"
    train = whole.train if part != "train" and "train" in whole.splits else None
    return whole.split(part), train, part, len(whole)
