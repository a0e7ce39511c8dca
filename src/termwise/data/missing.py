"""Examples of which entries are missing, nan in x: filled with means, or refused where nothing can be made of them."""

from dataclasses import replace

import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.data.tables.options import in_words
from termwise.errors import BadData


def with_training_means(data: Dataset, train: Tensor) -> Dataset:
    """The same data, whose missing numbers are the means of the entry over the examples at `train`.

    Example:
        >>> data = Dataset("gaps", InMemory(torch.tensor([[1.0], [torch.nan], [3.0], [100.0]])))
        >>> with_training_means(data, torch.tensor([0, 1, 2])).tensor().flatten().tolist()
        [1.0, 2.0, 3.0, 100.0]
    """
    assert isinstance(data.examples, InMemory)
    x = data.examples.kept
    gone = x.isnan()
    of_train = x[train] if data.positions is None else x[data.positions[train]]
    bare = (gone.any(0) & of_train.isnan().all(0)).flatten().nonzero().flatten().tolist()
    if bare:
        names = [data.columns[entry].name if data.columns else f"entry {entry}" for entry in bare]
        raise BadData(
            f"{data.name}: {in_words(names)}: no value in any example that trains, and so no mean. Say drop= "
            "to leave it out."
        )
    means = torch.nan_to_num(of_train.double().nanmean(0)).float()
    return replace(data, examples=InMemory(torch.where(gone, means, x)))


def check_whole(data: Dataset, what: str) -> None:
    """Raise BadData where entries of x are missing, which `what`, the beginning of a sentence, cannot take.

    Example:
        >>> data = Dataset("gaps", InMemory(torch.tensor([[1.0], [torch.nan]])))
        >>> check_whole(data, "Quality")
        Traceback (most recent call last):
        termwise.errors.BadData: Quality is of whole examples, and gaps has some with missing entries. Fill them: ...
    """
    if data.has_missing:
        raise BadData(
            f"{what} is of whole examples, and {data.name} has some with missing entries. Fill them: "
            'missing="mean" (--set data.missing=mean).'
        )
