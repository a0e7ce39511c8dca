"""Bins of a number: as many examples in each as ties allow, and called after what is in them."""

import numpy as np
import pytest
import torch

from termwise.data.bins import quantile_bins


@pytest.mark.parametrize("count", [2, 3, 7, 10])
def test_bins_of_different_numbers_hold_as_many_of_them_in_their_order(count):
    values = torch.rand(101, dtype=torch.float64)
    bins, names = quantile_bins(values, count)
    sizes = bins.bincount()
    assert len(names) == count and int(sizes.max() - sizes.min()) <= 1
    assert bins[values.argsort()].tolist() == sorted(bins.tolist())


def test_equal_numbers_share_a_bin_and_no_bin_is_empty():
    values = torch.cat([torch.zeros(80), torch.linspace(1, 2, 20)])
    bins, names = quantile_bins(values, 4)
    assert bins[:80].unique().tolist() == [0] and names[0] == "0" and names[-1] == "1 to 2"
    assert (bins.bincount() > 0).all() and len(bins.bincount()) == len(names)


def test_few_different_numbers_have_a_bin_each_and_a_constant_one():
    bins, names = quantile_bins(torch.tensor([2.5, -1.0, 2.5, 7.0]), 5)
    assert (bins.tolist(), names) == ([1, 0, 1, 2], ("-1", "2.5", "7"))
    assert quantile_bins(torch.full((4,), 0.1), 3)[1] == ("0.1",)


@pytest.mark.parametrize(
    ("numbers", "names"),
    [
        ([1.0001, 1.0002, 1.0003, 1.0004], ("1.0001 to 1.0002", "1.0003 to 1.0004")),
        ([1234.5, 1999.0, 20500.0, 1e6], ("1234 to 1999", "20500 to 1000000")),
        ([1e-9, 2e-9, 1e12, 3e12], ("1e-09 to 2e-09", "1e+12 to 3e+12")),
        ([-2.5, -1.5, 0.0, 0.125], ("-2.5 to -1.5", "0 to 0.125")),
    ],
)
def test_a_bin_is_called_after_its_ends_in_as_many_digits_as_tell_them_apart(numbers, names):
    assert quantile_bins(torch.tensor(numbers, dtype=torch.float64), 2)[1] == names


def test_neighbours_in_floating_point_have_names_of_their_own():
    one = np.float64(1.0)
    numbers = [one, np.nextafter(one, 2), np.nextafter(np.nextafter(one, 2), 2)]
    names = quantile_bins(torch.tensor(numbers, dtype=torch.float64), 3)[1]
    assert len(set(names)) == 3
