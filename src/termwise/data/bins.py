"""Bins of a number by its quantiles, for what asks for categories: as many examples a bin as equal numbers allow."""

import torch
from torch import Tensor


def quantile_bins(values: Tensor, count: int) -> tuple[Tensor, tuple[str, ...]]:
    """The bin of each of N numbers, shape (N,), int64, and what the bins are called, from the least to the largest.

    A bin is called after the least and the largest number in it. Equal numbers share a bin, that in which the middle
    of their ranks falls, so that there can be fewer bins than asked for; of `count` different numbers or fewer, each
    has a bin of its own.

    Example:
        >>> quantile_bins(torch.tensor([1.5, 2.7, 0.0, 0.0, 0.0, 9.0]), 2)
        (tensor([1, 1, 0, 0, 0, 1]), ('0', '1.5 to 9'))
    """
    distinct, place, repeats = values.unique(return_inverse=True, return_counts=True)
    if len(distinct) <= count:
        bins = torch.arange(len(distinct))
    else:
        middle = 2 * repeats.cumsum(0) - repeats  # twice the rank at which the middle of equal numbers lies
        bins = (middle * count // (2 * len(values))).unique(return_inverse=True)[1]
    last = bins.bincount().cumsum(0) - 1
    first = torch.cat([last.new_zeros(1), last[:-1] + 1])
    words = _in_words([*distinct[first].tolist(), *distinct[last].tolist()])
    ends = zip(words[: len(last)], words[len(last) :], strict=True)
    return bins[place], tuple(low if low == high else f"{low} to {high}" for low, high in ends)


def _in_words(numbers: list[float]) -> list[str]:
    """Numbers in three significant digits, or in as many as tell them apart."""
    different = len(set(numbers))
    for digits in range(3, 17):
        words = [f"{number:.{max(digits, _before_the_point(number))}g}" for number in numbers]
        if len(set(words)) == different:
            return words
    return [repr(number) for number in numbers]


def _before_the_point(number: float) -> int:
    """How many digits a number has before its point, where it is not written by its exponent."""
    return len(f"{abs(number):.0f}") if abs(number) < 1e9 else 0
