"""Data that are Python objects already: tensors, arrays, and torch's map-style datasets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset, TensorDataset

from termwise.data.annotations import Annotations, Rows, attribute_values, column_names, factor_indices, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import Channels, in_memory_examples, layout, notes_on, numbers
from termwise.data.generators import turn
from termwise.data.sparse_rows import sparse_examples
from termwise.data.stream import stream
from termwise.errors import BadData
from termwise.values import Natural


@dataclass(frozen=True, eq=False)
class ItemReader:
    """The x of a torch dataset whose items are x, or begin with it.

    Where an item is made with random numbers, they are seeded by the positions that are read, so that they are the
    same in any number of workers, and the global random state is left alone.
    """

    dataset: Any
    where: str

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, positions: list[int]) -> Tensor:
        """Some of the items, which must have one shape and dtype."""
        with _seeded_by(positions):
            items = [self.one(position) for position in positions]
        for position, item in zip(positions, items, strict=True):
            if item.shape != items[0].shape or item.dtype != items[0].dtype:
                raise BadData(
                    f"{self.where}, item {position}: expected {items[0].dtype} of {tuple(items[0].shape)}, as item "
                    f"{positions[0]}, got {item.dtype} of {tuple(item.shape)}. Make them alike in the dataset."
                )
        return layout(torch.stack(items), self.where)

    def one(self, position: int) -> Tensor:
        """The x of one item."""
        x = _parts(self.dataset[position])[0]
        return numbers(np.asarray(x) if isinstance(x, Image.Image) else x, f"{self.where}, item {position}")


@dataclass(frozen=True, eq=False)
class ItemLabels:
    """The labels of (x, label) items, found by a pass over the dataset when they are asked for."""

    dataset: Any

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, positions: Tensor, /) -> Tensor:
        with _seeded_by(positions.tolist()):
            return torch.tensor([int(self.dataset[position][1]) for position in positions.tolist()])


def is_array(thing: object) -> bool:
    """Whether an object is a Tensor or ndarray."""
    return isinstance(thing, (Tensor, np.ndarray))


def is_torch_dataset(thing: object) -> bool:
    """Whether an object is one of torch's datasets."""
    return isinstance(thing, TorchDataset)


def load_array(
    array: Tensor | np.ndarray,
    *,
    name: str = "tensor",
    channels: Channels | None = None,
    factors: Any = None,
    factor_names: Sequence[object] | None = None,
    attributes: Any = None,
    attribute_names: Sequence[object] | None = None,
) -> Dataset:
    """A tensor or array (N, ...), and what is known of its rows.

    Args:
        array: The x.
        name: What to call the data.
        channels: Where the colours of images lie: "first", (N, C, H, W), or "last", (N, H, W, C).
        factors: The indices (N, F) of the factors that made each row.
        factor_names: A list of F names.
        attributes: Attributes (N, A): zeros and ones, or -1 and 1, or other numbers.
        attribute_names: A list of A names.
    """
    factors = None if factors is None else factor_indices(factors, name)
    attributes = None if attributes is None else attribute_values(attributes, name)
    annotations = Annotations(
        factors=factors,
        factor_names=column_names(factors, factor_names, "factor", name),
        attributes=attributes,
        attribute_names=column_names(attributes, attribute_names, "attribute", name),
    )
    return Dataset(name, in_memory_examples(array, name, channels), annotations, notes=notes_on(array, channels))


def load_sparse(matrix: Any, *, name: str = "matrix", log1p: bool = False) -> Dataset:
    """The rows of one of scipy's sparse matrices, (N, D).

    Args:
        matrix: The x.
        name: What to call the data.
        log1p: Whether x is log(1 + entry).
    """
    return Dataset(name, sparse_examples(matrix, name, log1p))


def load_torch(dataset: TorchDataset, *, name: str | None = None, num_workers: Natural = 0) -> Dataset:
    """A torch dataset of x or (x, label): a TensorDataset's tensors, else a stream of its items.

    Labels are the dataset's own `targets` where it has them, else found by a pass over it when they are asked for.

    Args:
        dataset: Of map style: it has a length, and items by position.
        name: What to call the data; its class's name where left out.
        num_workers: The number of processes that read ahead while streaming.
    """
    where = name or type(dataset).__name__
    if isinstance(dataset, TensorDataset):
        examples = in_memory_examples(dataset.tensors[0], where)
        second = dataset.tensors[1] if len(dataset.tensors) > 1 else None
        labelled = second is not None and _are_labels(second)
        return Dataset(where, examples, Annotations(*label_codes(second, where)) if labelled else Annotations())
    try:
        n = len(dataset)  # type: ignore[arg-type]
    except TypeError:
        raise BadData(
            f"{where}: expected a map-style dataset, with a length and items by position, got one without a length."
        ) from None
    if n == 0:
        raise BadData(f"{where}: expected examples, got an empty dataset.")
    return Dataset(where, stream(ItemReader(dataset, where), where, num_workers), Annotations(_labels(dataset, where)))


def _labels(dataset: Any, where: str) -> Rows | None:
    targets = getattr(dataset, "targets", None)
    if targets is not None and _are_labels(targets) and len(targets) == len(dataset):
        return label_codes(targets, where)[0]
    with _seeded_by([0]):
        parts = _parts(dataset[0])
    return ItemLabels(dataset) if len(parts) > 1 and _are_labels([parts[1]]) else None


def _are_labels(values: Any) -> bool:
    """Whether these are whole numbers, one an example."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        return False
    return array.ndim == 1 and array.dtype.kind in "biu"


def _parts(item: Any) -> Sequence[Any]:
    if isinstance(item, dict) or (isinstance(item, (tuple, list)) and not item):
        raise BadData(f"Expected dataset items x or (x, label), got {type(item).__name__}. Wrap the dataset.")
    return item if isinstance(item, (tuple, list)) else (item,)


@contextmanager
def _seeded_by(positions: list[int]) -> Iterator[None]:
    with turn(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(hash(tuple(positions)) % 2**63)
        yield
