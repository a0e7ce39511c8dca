"""Shares of images that are judged as asked: by attribute with Wilson's interval, and averaged over attributes.

With r_nj whether image n is judged as asked in attribute j, and cells C, such as the images that had the attribute
before and those that had not, each with c_j images,

    p_Cj = sum_{n in C} r_nj / c_j,      p_j = mean_C p_Cj,      p = mean_j p_j.

One image answers for many attributes, so the error of p is over images, by their influence

    u_n = mean_j mean_C 1[n in C] (r_nj - p_Cj) / c_j,      se(p)^2 = N / (N - 1) sum_n u_n^2.

Intervals are Wilson's (1927), with the number of images that has the standard error found, p (1 - p) / se^2.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from termwise.account.interval import NORMAL_95
from termwise.account.reading import AnyReading, ReadingByDimension, reading_of


def wilson(share: Tensor, count: Tensor) -> Tensor:
    """The 95% interval of shares of `count` images, (...) each: shape (..., 2) (Wilson, 1927)."""
    squared = NORMAL_95**2 / count
    centre = (share + squared / 2) / (1 + squared)
    half = (squared * (share * (1 - share) + squared / 4)).sqrt() / (1 + squared)
    return torch.stack([centre - half, centre + half], -1).clamp(0, 1)


def share_readings(
    name: str, right: Tensor, cells: Sequence[Tensor], *, estimator: str, bias: str, order: str
) -> tuple[dict[str, AnyReading], Tensor]:
    """The share as `name`, and by attribute as `name_by_attribute`, whose interval is a list of intervals.

    Args:
        name: Of the reading.
        right: What is as asked, bool, shape (N, A).
        cells: Where each cell is, bool, shape (N, A); none is empty in any column.
        estimator: How it was estimated.
        bias: In which way it is off.
        order: The attributes' names, in words.

    Returns:
        The readings; and the values by image of which the first is the mean, shape (N,).
    """
    hits, parts, count = right.double(), [cell.double() for cell in cells], len(right)
    sizes = torch.stack([part.sum(0) for part in parts])  # (C, A)
    rates = torch.stack([(hits * part).sum(0) for part in parts]) / sizes
    shares = rates.mean(0)
    variances = (rates * (1 - rates) / sizes).mean(0) / len(parts)
    influence = sum(part * (hits - rate) / size for part, rate, size in zip(parts, rates, sizes, strict=True))
    values = shares.mean() + count * torch.as_tensor(influence).mean(1) / len(parts)  # (N,)
    whole = reading_of(values, name, estimator=f"{estimator}; mean over attributes", bias=bias)
    error = torch.tensor(float("nan") if whole.stderr is None else whole.stderr, dtype=torch.float64)
    interval = _interval(shares.mean(), error.square(), torch.tensor(float(count))).tolist()
    by_attribute = ReadingByDimension(
        name=f"{name}_by_attribute",
        value=shares.tolist(),
        stderr=variances.sqrt().tolist(),
        interval=_interval(shares, variances, sizes.sum(0)).tolist(),
        lower=None,
        upper=None,
        unit=whole.unit,
        estimator=f"{estimator}; in the order {order}",
        bias=bias,
        n=count,
    )
    return {name: replace(whole, interval=interval), by_attribute.name: by_attribute}, values


def _interval(share: Tensor, variance: Tensor, count: Tensor) -> Tensor:
    """Wilson's, for as many images as have this variance; for `count` where all of them agree."""
    counted = torch.where(variance > 0, share * (1 - share) / variance, count.double())
    return wilson(share, counted)
