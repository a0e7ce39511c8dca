"""Data that are arrays of Python's already: tensors, numpy's arrays, and scipy's sparse matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from termwise.data.annotations import Annotations, attribute_values, column_names, factor_indices
from termwise.data.dataset import Dataset
from termwise.data.examples import Channels, MissingEntries, in_memory_examples, notes_on, notes_on_missing, with_mask
from termwise.data.sparse_rows import sparse_examples
from termwise.errors import BadData


def is_array(thing: object) -> bool:
    """Whether an object is a Tensor or ndarray."""
    return isinstance(thing, (Tensor, np.ndarray))


def load_array(
    array: Tensor | np.ndarray,
    *,
    name: str = "tensor",
    channels: Channels | None = None,
    factors: Any = None,
    factor_names: Sequence[object] | None = None,
    attributes: Any = None,
    attribute_names: Sequence[object] | None = None,
    missing: MissingEntries = "refuse",
    mask: Any = None,
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
        missing: What to do where an entry is masked or nan: "refuse" the array, fill in the "mean" of what trains, or
            "mask" it: left out of the likelihood.
        mask: An array of the shape of x, true where an entry is missing; `missing` is then "mask", or "mean" if said.
    """
    if mask is not None:
        array, missing = with_mask(array, mask, name), "mask" if missing == "refuse" else missing
    if isinstance(attributes, str):
        raise BadData(f'{name}: expected attributes="labels", or an array (N, A) of them, got {attributes!r}.')
    factors = None if factors is None else factor_indices(factors, name)
    attributes = None if attributes is None else attribute_values(attributes, name)
    annotations = Annotations(
        factors=factors,
        factor_names=column_names(factors, factor_names, "factor", name),
        attributes=attributes,
        attribute_names=column_names(attributes, attribute_names, "attribute", name),
    )
    examples = in_memory_examples(array, name, channels, missing)
    return Dataset(
        name, examples, annotations, notes=(*notes_on(array, channels), *notes_on_missing(examples, missing))
    )


def load_sparse(matrix: Any, *, name: str = "matrix", log1p: bool = False) -> Dataset:
    """The rows of one of scipy's sparse matrices, (N, D).

    Args:
        matrix: The x.
        name: What to call the data.
        log1p: Whether x is log(1 + entry).
    """
    return Dataset(name, sparse_examples(matrix, name, log1p))
