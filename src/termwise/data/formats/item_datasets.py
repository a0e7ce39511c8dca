"""Datasets whose items are asked for by position: torch's, of map style, and those of Hugging Face's datasets."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset, TensorDataset

from termwise.data.annotations import Annotations, ColumnsWhenAsked, label_codes
from termwise.data.dataset import Dataset
from termwise.data.examples import in_memory_examples, layout, numbers
from termwise.data.formats.frames import load_table
from termwise.data.generators import turn
from termwise.data.side_columns import column_of_values
from termwise.data.stream import stream
from termwise.data.tables.options import Names
from termwise.data.tables.raw import RawColumn
from termwise.errors import BadData
from termwise.values import Natural

X_NAMES = ("x", "image", "img", "pixel_values", "pixels", "data", "input", "inputs", "input_values", "features")
"""What the x of an item is called, where items are dictionaries."""

LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class", "fine_label")
"""What the label of an item is called."""


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
        x = _parts(self.dataset[position], self.where)[0]
        return numbers(np.asarray(x) if isinstance(x, Image.Image) else x, f"{self.where}, item {position}")


@dataclass(frozen=True, eq=False)
class ItemLabels:
    """The labels of items that have one, or what else they have, by a pass over the dataset when it is asked for.

    Args:
        dataset: Of the items.
        where: What to call it in errors.
        key: Which part of an item it is: a name, or a place, where it is not the label.
    """

    dataset: Any
    where: str
    key: Any = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, positions: Tensor, /) -> Tensor:
        return torch.tensor([int(label) for label in self.read(positions.tolist())])

    def read(self, positions: list[int]) -> list[Any]:
        """The labels at some positions, as they are."""
        with _seeded_by(positions):
            items = (self.dataset[position] for position in positions)
            return [_parts(item, self.where)[1] if self.key is None else item[self.key] for item in items]


def is_torch_dataset(thing: object) -> bool:
    """Whether an object is one of torch's datasets."""
    return isinstance(thing, TorchDataset)


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
        labels, names = label_codes(second, where) if second is not None and _are_labels(second) else (None, ())
        beside = {str(place): tensor for place, tensor in enumerate(dataset.tensors) if place and tensor.ndim == 1}
        others = {place: column_of_values(place, tensor) for place, tensor in beside.items()}
        return Dataset(where, examples, Annotations(labels, names, others=others))
    try:
        n = len(dataset)  # type: ignore[arg-type]
    except TypeError:
        raise BadData(
            f"{where}: expected a map-style dataset, with a length and items by position, got one without a length."
        ) from None
    if n == 0:
        raise BadData(f"{where}: expected examples, got an empty dataset.")
    annotations = replace(_annotations(dataset, where), others=_others(dataset, where))
    return Dataset(where, stream(ItemReader(dataset, where), where, num_workers), annotations)


def is_hugging_face(thing: object) -> bool:
    """Whether an object is a Dataset of Hugging Face's datasets, with rows by position."""
    return type(thing).__module__.partition(".")[0] == "datasets" and hasattr(thing, "with_format")


def load_hugging_face(
    dataset: Any, *, name: str | None = None, num_workers: Natural = 0, side: Names = None
) -> Dataset:
    """A Dataset of Hugging Face's: of numbers, dates and words as a table; of images, x and labels by their names.

    Args:
        dataset: With a length, and rows by position.
        name: What to call the data; its class's name where left out.
        num_workers: The number of processes that read ahead while streaming.
        side: Names of columns that stand beside x, off which they are taken.
    """
    where = name or type(dataset).__name__
    if isinstance(dataset, Mapping):
        raise BadData(
            f"{where}: expected one Dataset, got one for each of {', '.join(map(str, dataset))}. Take one: "
            f"load_data(dataset[{next(iter(dataset))!r}])."
        )
    if not hasattr(dataset, "__getitem__"):
        raise BadData(f"{where}: expected rows by position, got a stream. Load it without streaming=True.")
    classes = {
        key: tuple(map(str, feature.names)) for key, feature in dataset.features.items() if hasattr(feature, "names")
    }
    if all(hasattr(feature, "dtype") and feature.dtype != "PIL.Image.Image" for feature in dataset.features.values()):
        data = load_table(dataset.with_format("arrow")[:], name=where, side=side)
        label = next((column.name for column in data.table if column.use == "labels"), None)
    else:
        data = load_torch(dataset.with_format(None), name=where, num_workers=num_workers)
        label = next(iter(_named(dataset.features, LABEL_NAMES)), None)
        names = [name for name, feature in dataset.features.items() if hasattr(feature, "dtype")]
        plain = dataset.with_format(None)
        others = ColumnsWhenAsked(names, lambda name: column_of_values(name, list(plain[name])))
        data = replace(data, annotations=replace(data.annotations, others=others))
    data = replace(data, annotations=_with_class_names(data.annotations, classes))
    if label in classes and data.annotations.labels is not None:
        data = replace(data, annotations=replace(data.annotations, label_names=classes[label]))
    return data


def _with_class_names(annotations: Annotations, classes: Mapping[str, tuple[str, ...]]) -> Annotations:
    """The same, with the names of classes in place of their numbers, in columns that hold some."""

    def named(name: str) -> RawColumn:
        column = others[name]
        if name not in classes or column.kind != "number":
            return column
        words = np.array([*classes[name], ""], dtype=object)
        unknown = column.missing | (column.values < 0)  # -1 is of no class
        codes = np.where(unknown, len(words) - 1, column.values).astype(np.int64)
        return RawColumn(name, words[codes], unknown)

    others = annotations.others
    return replace(annotations, others=ColumnsWhenAsked(list(others), named))


def _others(dataset: Any, where: str) -> Mapping[str, RawColumn]:
    """What else than x the items have, by name, or by their place where they have none."""
    with _seeded_by([0]):
        first = dataset[0]
    if isinstance(first, Mapping):
        own = _named(first, X_NAMES)[:1]
        parts = {str(name): name for name in first if name not in own}
    else:
        parts = {str(at): at for at in range(1, len(first))} if isinstance(first, tuple | list) else {}

    def read(name: str) -> RawColumn:
        values = ItemLabels(dataset, where, parts[name]).read(list(range(len(dataset))))
        return column_of_values(name, values)

    return ColumnsWhenAsked(list(parts), read)


def _annotations(dataset: Any, where: str) -> Annotations:
    """The labels of a dataset: its `targets`, with its `classes` as names; else those of its items, if any."""
    targets = getattr(dataset, "targets", None)
    if targets is not None and _are_labels(targets) and len(targets) == len(dataset):
        codes, names = label_codes(targets, where)
        classes = getattr(dataset, "classes", ())
        if (
            not names
            and isinstance(classes, list | tuple)
            and int(codes.min()) >= 0
            and int(codes.max()) < len(classes)
        ):
            names = tuple(map(str, classes))
        return Annotations(codes, names)
    of_items = ItemLabels(dataset, where)
    first = of_items.read([0])[0]
    if first is None or not _are_labels([first]):
        return Annotations()
    if isinstance(first, str):  # their codes are known once all are
        return Annotations(*label_codes(of_items.read(list(range(len(dataset)))), where))
    return Annotations(of_items)


def _are_labels(values: Any) -> bool:
    """Whether these are whole numbers or words, one an example."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        return False
    return array.ndim == 1 and array.dtype.kind in "biuUS"


def _parts(item: Any, where: str) -> tuple[Any, Any]:
    """The x and the label of an item, which may have none; of a dictionary, by their names."""
    if isinstance(item, Mapping):
        found, label = _named(item, X_NAMES), _named(item, LABEL_NAMES)
        if not found:
            raise BadData(
                f"{where}: expected items with an x, or one of {', '.join(X_NAMES)}; got dictionaries of "
                f"{', '.join(map(str, item)) or 'nothing'}. Wrap the dataset in one whose items are x or (x, label)."
            )
        return item[found[0]], item[label[0]] if label else None
    if isinstance(item, tuple | list):
        if not item:
            raise BadData(f"{where}: expected dataset items x or (x, label), got an empty {type(item).__name__}.")
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _named(known: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Those of some names that are known, in order."""
    return [name for name in names if name in known]


@contextmanager
def _seeded_by(positions: list[int]) -> Iterator[None]:
    with turn(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(hash(tuple(positions)) % 2**63)
        yield
