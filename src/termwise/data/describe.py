"""From a data set to its description: what its numbers are, of all examples in memory or of many spread over it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from termwise.content import exists
from termwise.data.dataset import Dataset
from termwise.data.description import DescribedColumn, DescribedSide, Description
from termwise.data.examples import InMemory
from termwise.data.scales import Scales, scaled_entries, scales_of
from termwise.data.side import SideVariable
from termwise.data.sources import SOURCES, format_of
from termwise.data.suits import COUNTS, is_standardised, suited_likelihood
from termwise.data.value_range import ValueRange
from termwise.errors import BadData

LARGE, APART = 100.0, 1e4
"""The size of x, and the ratio of its entries' standard deviations, from which a text advises to standardise."""


def describe(data: Dataset) -> Description:
    """What a data set is taken for, from all examples in memory, or of many that are read as they are asked for.

    Example:
        >>> from termwise.data import load_data
        >>> describe(load_data("digits"))
        digits (named): 1,797 examples of shape (1, 8, 8); train 1,438, test 359
          x: numbers from 0 to 1; as is; 460.0 kB in memory.
          Beside x: 10 labels.
          Likelihood bernoulli: grey values in [0, 1], as the field has it.
    """
    scales = scales_of(data, None if data.in_memory else 2048)
    kept = data.examples.kept if isinstance(data.examples, InMemory) else None
    names = [column.name for column in data.columns] or [str(entry) for entry in range(data.shape[0])]
    constant = [name for name, still in zip(names, scales.constant.tolist(), strict=True) if still]
    values = ValueRange(float(scales.minimum.min()), float(scales.maximum.max()), bool(scales.whole.all()))
    suited = suited_likelihood(data, values)
    return Description(
        name=data.name,
        format=_format_of(data),
        examples=len(data),
        shape=data.shape,
        splits={name: len(positions) for name, positions in data.splits.items()},
        minimum=values.minimum,
        maximum=values.maximum,
        binary=values.binary,
        standardize=is_standardised(data),
        scaled=int(scaled_entries(data, scales).sum()) if is_standardised(data) else 0,
        likelihood=suited.name,
        why=suited.why,
        bytes=4 * len(data) * torch.Size(data.shape).numel() if kept is None else kept.nbytes,
        in_memory=data.in_memory,
        looked_at=scales.examples,
        labels=_labels(data),
        label_names=data.label_names,
        factors=data.factor_names,
        attributes=data.attribute_names,
        columns=tuple(_columns(data, scales)),
        kinds=dict(Counter(column.kind for column in data.columns)),
        advice="" if is_standardised(data) or suited.name == COUNTS else _advice(data, scales),
        constant=tuple(constant) if len(data.shape) == 1 else (),
        notes=data.notes,
        side=described_side(data),
    )


def described_side(data: Dataset) -> tuple[DescribedSide, ...]:
    """What there is to say of each variable beside x."""
    side, train = data.side, data.train.side
    if side is None or train is None:
        return ()
    columns = zip(side.variables, side.values.T, train.values.T, strict=True)
    return tuple(_described(*column) for column in columns)


def _described(variable: SideVariable, values: Tensor, train: Tensor) -> DescribedSide:
    """What there is to say of one variable, of its values of all examples, and of those that train."""
    known = values[~values.isnan()]
    about = DescribedSide(variable.name, "category", len(values), 0, 0, unknown=len(values) - len(known))
    if not len(known):
        return about
    distinct, counts = known.unique(return_counts=True)
    smallest = int(counts.argmin())
    alone = int((counts == 1).sum())
    about = replace(about, groups=len(counts), smallest=int(counts[smallest]), alone=alone)
    if variable.is_number:
        return replace(about, kind="number", minimum=float(distinct[0]), maximum=float(distinct[-1]))
    untrained = distinct[~torch.isin(distinct, train)]
    names = [variable.categories[int(one)] for one in (distinct[smallest], *untrained)]
    return replace(about, smallest_name=names[0], untrained=tuple(names[1:]))


def _columns(data: Dataset, scales: Scales) -> Iterator[DescribedColumn]:
    """The columns of the table, with the scales of those that are one number of x; or the entries of x by name."""
    numbers = {column.source: (entry, column.kind) for entry, column in enumerate(data.columns) if not column.value}
    ends = {"mean": scales.mean, "stddev": scales.stddev, "minimum": scales.minimum, "maximum": scales.maximum}
    by_name = {name: values.tolist() for name, values in ends.items()}

    def scale(entry: int | None) -> dict[str, Any]:
        return {} if entry is None else {name: values[entry] for name, values in by_name.items()}

    for column in data.table:
        entry, kind = numbers.get(column.name, (None, column.kind)) if column.use == "x" else (None, column.kind)
        counted: dict[str, Any] = {"missing": column.missing, "values": column.values or None}
        yield DescribedColumn(column.name, kind, column.use, offered=column.offered, **counted, **scale(entry))
    if not any(column.use == "x" for column in data.table):
        for entry, one in enumerate(data.columns):
            yield DescribedColumn(one.name, one.kind, **scale(entry))


def _advice(data: Dataset, scales: Scales) -> str:
    """That standardising would do, where x is large, or its entries are of scales far apart."""
    scaled = scaled_entries(data, scales)
    if not bool(scaled.any()):
        return ""
    smallest, largest = (float(end) for end in scales.stddev[scaled].aminmax())
    if float(scales.magnitude.max()) < LARGE and largest < APART * smallest:
        return ""
    return (
        f"Standard deviations run from {smallest:.3g} to {largest:.3g}, and x reaches "
        f"{float(scales.magnitude.max()):,.6g}: standardize=true has the model bring all to one scale, and undo it in "
        "what it makes."
    )


def _labels(data: Dataset) -> int | None:
    """How many different labels there are."""
    if data.labels is None:
        return None
    return len(data.label_names) or len(data.labels.unique())


def _format_of(data: Dataset) -> str:
    """What the data were read as: "named", the name of a format, or "python"."""
    source = None if data.source is None else data.source.get("source")
    if not isinstance(source, str):
        return "python"
    if source in SOURCES:
        return "named"
    path = Path(source).expanduser()
    try:
        return format_of(path).name if exists(path) else "file"
    except BadData:
        return "file"
