"""What is known of every example beside x: labels, generative factors, attributes, and any other columns."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from termwise.data.tables.raw import RawColumn
from termwise.errors import BadData
from termwise.notebook import in_a_line


class Rows(Protocol):
    """N rows that can be had by position: a tensor (N, ...), or what computes them when they are asked for.

    Example:
        >>> class Squares:
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, positions):
        ...         return positions.float().square()
        >>> Annotations(factors=Squares()).factors[torch.tensor([3, 1])]
        tensor([9., 1.])
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, positions: Tensor, /) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class ColumnsWhenAsked(Mapping[str, RawColumn]):
    """Columns by name, each read when it is asked for.

    Args:
        names: What there is.
        read: The column of a name.
    """

    names: Sequence[str]
    read: Callable[[str], RawColumn]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, name: str) -> RawColumn:
        if name not in self.names:
            raise KeyError(name)
        return self.read(name)


@dataclass(frozen=True, eq=False)
class Annotations:
    """What is known of the N examples of a source beside x, each a row an example; None where it is not known.

    Example:
        >>> Annotations(labels=torch.tensor([1, 0]), label_names=("cat", "dog")).label_names
        ('cat', 'dog')
    """

    labels: Rows | None = None  # (N,) int64
    label_names: tuple[str, ...] = ()  # of the codes 0, 1, ..., where labels were words
    factors: Rows | None = None  # (N, F) int64
    factor_names: tuple[str, ...] = ()
    attributes: Rows | None = None  # (N, A) int64 of 0 and 1, or float32
    attribute_names: tuple[str, ...] = ()
    others: Mapping[str, RawColumn] = field(default_factory=dict, repr=False)  # what else is known, by name: (N,) each

    def __repr__(self) -> str:
        return in_a_line(self)

    def check(self, n: int, where: str) -> None:
        """Raise BadData unless there is one row for each of `n` examples."""
        for what in ("labels", "factors", "attributes"):
            rows = getattr(self, what)
            if rows is not None and len(rows) != n:
                raise BadData(f"{where}: expected {n} rows of {what}, one an example, got {len(rows)}.")


def label_codes(values: Any, where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Whole numbers (N,) as they are; anything else as codes of its sorted values, and their names."""
    array = as_array(values)
    if array.ndim != 1:
        raise BadData(f"{where}: expected labels of shape (N,), got {array.shape}.")
    if array.dtype.kind in "biuf":
        return _whole(array, f"{where}: labels"), ()
    if array.dtype.kind not in "US" and not all(isinstance(value, str) for value in array):
        raise BadData(f"{where}: expected labels that are whole numbers or strings, got dtype {array.dtype}.")
    names, codes = np.unique(array.astype(str), return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64)), tuple(names.tolist())


def with_label_names(annotations: Annotations, names: Sequence[object], where: str) -> Annotations:
    """The same, with names for the labels 0, 1, ..."""
    labels = _all_labels(annotations, where)
    if len(set(names)) < len(names) or int(labels.min()) < 0 or int(labels.max()) >= len(names):
        raise BadData(
            f"{where}: expected a name of its own for each label from 0 on, got {len(names)} names "
            f"and labels from {int(labels.min())} to {int(labels.max())}."
        )
    return replace(annotations, label_names=tuple(map(str, names)))


def with_labels_as_attributes(annotations: Annotations, where: str) -> Annotations:
    """The same, with an attribute for each label, 1 where an example has it, in place of any other attributes."""
    labels = _all_labels(annotations, where)
    codes = torch.arange(len(annotations.label_names)) if annotations.label_names else labels.unique()
    attributes = (labels.unsqueeze(1) == codes).to(torch.int64)
    names = annotations.label_names or tuple(map(str, codes.tolist()))
    return replace(annotations, attributes=attributes, attribute_names=names)


def factor_indices(values: Any, where: str) -> Tensor:
    """Factor indices (N, F), whole numbers."""
    return _whole(_matrix(values, f"{where}: factors"), f"{where}: factors")


def attribute_values(values: Any, where: str) -> Tensor:
    """Attributes (N, A): 0/1 or -1/1 become int64 0/1; other finite numbers stay float32."""
    array = _matrix(values, f"{where}: attributes")
    if np.isin(array, (0, 1)).all() or np.isin(array, (-1, 1)).all():
        return torch.from_numpy((array > 0).astype(np.int64))
    if not np.isfinite(array.astype(np.float32)).all():
        raise BadData(f"{where}: expected finite attributes, got some that are not.")
    return torch.from_numpy(array.astype(np.float32))


def column_names(rows: Tensor | None, names: Any, what: str, where: str) -> tuple[str, ...]:
    """One name a column: those given, or `what 0`, `what 1`, ..."""
    columns = 0 if rows is None else rows.shape[1]
    if names is None:
        return tuple(f"{what} {column}" for column in range(columns))
    chosen = tuple(map(str, np.ravel(names)))
    if len(chosen) != columns:
        raise BadData(f"{where}: expected {columns} {what} names, one a column, got {len(chosen)}.")
    return chosen


def _all_labels(annotations: Annotations, where: str) -> Tensor:
    if annotations.labels is None:
        raise BadData(f"{where}: expected data with labels, got none. Give them with labels=.")
    return annotations.labels[torch.arange(len(annotations.labels))]


def as_array(values: Any) -> np.ndarray:
    """What is handed in beside x, a tensor, an array or a list, as an array; BadData where some is masked."""
    if np.ma.is_masked(values):
        raise BadData("Expected labels, factors and the like of all examples, got some that are masked. Fill them.")
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)


def _matrix(values: Any, where: str) -> np.ndarray:
    array = as_array(values)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise BadData(f"{where}: expected numbers of shape (N, columns), got {array.dtype} of {array.shape}.")
    return array


def _whole(array: np.ndarray, where: str) -> Tensor:
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == array.round()).all()):
        raise BadData(f"{where}: expected whole numbers, got fractions or entries that are not finite.")
    return torch.from_numpy(array.astype(np.int64))
