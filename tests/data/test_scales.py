"""Scales of entries and channels against numpy's moments; what is missing, constant or binary."""

import numpy as np
import pytest
import torch

import termwise as tw
from termwise.data import Column, InMemory
from termwise.data.scales import scaled_entries, scales_of


@pytest.mark.parametrize("offset", [0.0, -3.0, 4096.0])
def test_moments_and_ends_are_numpys(offset):
    x = (offset + torch.randn(9000, 4) * torch.tensor([1e-3, 1.0, 50.0, 0.0])).float()
    scales, exact = scales_of(tw.load_data(x, test=0.0)), x.double().numpy()
    assert np.allclose(scales.mean, exact.mean(0), rtol=1e-12)
    assert np.allclose(scales.stddev, exact.std(0), rtol=1e-6, atol=1e-12)
    assert (scales.minimum.numpy() == exact.min(0)).all() and (scales.maximum.numpy() == exact.max(0)).all()
    assert scales.constant.tolist() == [False, False, False, True] and scales.known.tolist() == [9000] * 4


def test_of_what_has_channels_each_channel_is_one():
    x = torch.rand(20, 3, 4, 5) * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    scales, exact = scales_of(tw.load_data(x, test=0.0)), x.double().transpose(0, 1).flatten(1).numpy()
    assert np.allclose(scales.mean, exact.mean(1)) and np.allclose(scales.stddev, exact.std(1))
    assert scales.known.tolist() == [400] * 3


def test_what_is_missing_is_left_out():
    x = torch.tensor([[1.0, torch.nan], [3.0, 5.0], [torch.nan, 7.0]])
    scales = scales_of(tw.Dataset("holes", InMemory(x)))
    assert (
        scales.mean.tolist() == [2.0, 6.0] and scales.stddev.tolist() == [1.0, 1.0] and scales.known.tolist() == [2, 2]
    )


def test_of_many_some_are_looked_at():
    scales = scales_of(tw.load_data(torch.arange(1000.0).unsqueeze(1), test=0.0), most=100)
    assert scales.examples == 100 and scales.mean.item() == pytest.approx(495)


def test_zeros_and_ones_categories_and_constants_are_not_scaled():
    x = torch.tensor([[1.0, 0.0, 3.0, 2.0, 9.0], [4.0, 1.0, 3.0, 5.0, 9.5]])
    examples = tw.load_data(x, test=0.0).examples
    kinds = {"a": "number", "b": "number", "c": "count", "d": "category", "e": "date"}
    columns = tuple(Column(name, kind) for name, kind in kinds.items())
    plain, named = tw.Dataset("x", examples), tw.Dataset("x", examples, columns=columns)
    assert scaled_entries(plain, scales_of(plain)).tolist() == [True, False, False, True, True]
    assert scaled_entries(named, scales_of(named)).tolist() == [True, False, False, False, True]
