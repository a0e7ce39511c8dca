"""The scale of each entry of x, or of each channel: mean, standard deviation, least and largest of many examples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.examples import spread

SCALED_KINDS = ("number", "count", "date")
"""The kinds of columns that a scale is of; zeros and ones keep theirs."""

_MOST_OF_VECTORS = 2**28  # numbers that are looked at, where all are in memory, and each entry stands for itself
_MOST = 2**24  # where each must be made or read first, or a channel has many
_READ = 4096


@dataclass(frozen=True, eq=False)
class Scales:
    """What the entries of x are like: of vectors each entry, of anything else each channel; (K,) float64 each.

    Attributes:
        mean: Their means.
        stddev: Their standard deviations, of the examples looked at as the whole of the data.
        minimum: The least of each.
        maximum: The largest of each.
        whole: Whether all numbers of each are whole.
        known: How many numbers each has, those left out that are missing.
        examples: How many examples were looked at.

    Example:
        >>> from termwise.data import load_data
        >>> scales = scales_of(load_data(torch.tensor([[1.0, 5.0], [3.0, 5.0]]), test=0.0))
        >>> scales.mean.tolist(), scales.stddev.tolist(), scales.constant.tolist()
        ([2.0, 5.0], [1.0, 0.0], [False, True])
    """

    mean: Tensor
    stddev: Tensor
    minimum: Tensor
    maximum: Tensor
    whole: Tensor
    known: Tensor
    examples: int

    @property
    def constant(self) -> Tensor:
        """Which have one value in all examples, (K,)."""
        return self.minimum == self.maximum

    @property
    def binary(self) -> Tensor:
        """Which are zeros and ones, (K,)."""
        return self.whole & (self.minimum >= 0) & (self.maximum <= 1)

    @property
    def magnitude(self) -> Tensor:
        """The largest absolute value of each, (K,)."""
        return torch.maximum(self.minimum.abs(), self.maximum.abs())


def scales_of(data: Dataset, most: int | None = None) -> Scales:
    """The scales of a data set: of all vectors in memory, where these are not too many; else of many spread over it.

    Args:
        data: The examples.
        most: At most so many of them.
    """
    size = torch.Size(data.shape).numel()
    afford = max(2, (_MOST_OF_VECTORS if data.in_memory and len(data.shape) == 1 else _MOST) // size)
    order = spread(len(data), min(afford, most or afford))
    entries = data.shape[0]
    count, total, squares = (torch.zeros(entries, dtype=torch.float64) for _ in range(3))
    whole = torch.ones(entries, dtype=torch.bool)
    least, largest = (torch.full((entries,), end, dtype=torch.float64) for end in (torch.inf, -torch.inf))
    shift: Tensor | None = None  # a mean of some: squares about it lose no digits to a mean that is large
    for batch in data.batches(max(2, min(_READ, _MOST // size)), order):
        x = batch.x.double().flatten(2).transpose(1, 2).flatten(0, 1) if batch.x.dim() > 2 else batch.x.double()
        there = x.isfinite()
        known = there.sum(0)
        if shift is None:
            shift = x.where(there, 0.0).sum(0) / known.clamp(min=1)
        whole &= ((x == x.round()) | ~there).all(0)
        apart = (x - shift).where(there, 0.0)
        count, total, squares = count + known, total + apart.sum(0), squares + apart.square().sum(0)
        least = torch.minimum(least, x.where(there, torch.inf).amin(0))
        largest = torch.maximum(largest, x.where(there, -torch.inf).amax(0))
    assert shift is not None
    beyond = total / count.clamp(min=1)
    variance = (squares / count.clamp(min=1) - beyond.square()).clamp(min=0)
    return Scales(shift + beyond, variance.sqrt(), least, largest, whole, count, len(order))


def scaled_entries(data: Dataset, scales: Scales) -> Tensor:
    """Which entries are brought to one scale, (K,): not those of one value, nor zeros and ones.

    Example:
        >>> from termwise.data import load_data
        >>> data = load_data(torch.tensor([[1.0, 5.0, 0.0], [3.0, 5.0, 1.0]]), test=0.0)
        >>> scaled_entries(data, scales_of(data)).tolist()
        [True, False, False]
    """
    scaled = ~scales.constant & ~scales.binary & (scales.stddev > 0)
    if data.columns:
        scaled &= torch.tensor([column.kind in SCALED_KINDS for column in data.columns])
    return scaled
