"""Means over an epoch's moves lose nothing to rounding, on a device without float64 neither."""

from types import SimpleNamespace

import pytest
import torch

from termwise import float64
from termwise.training.running_means import RunningMeans


@pytest.mark.parametrize("without", [set(), {"cpu"}], ids=["float64", "float32 alone"])
def test_many_small_moves_after_a_large_one_are_not_lost(monkeypatch, without):
    """In float32 1e8 + 1 is 1e8: sums of that kind would say 50,000 where the mean is 50,000.5."""
    monkeypatch.setattr(float64, "WITHOUT", without)
    running, count = RunningMeans(), 2000
    for k in range(count):
        values = torch.tensor([1e8 if k == 0 else 1.0, 0.1])
        running.add(SimpleNamespace(values=values, total=torch.tensor(float(k))))
    large, small, loss = running.means()
    assert large == pytest.approx((1e8 + count - 1) / count, rel=1e-12)
    assert small == pytest.approx(float(torch.tensor(0.1)), rel=1e-12)
    assert loss == pytest.approx((count - 1) / 2, rel=1e-12)
    assert (running.totals.dtype == torch.float32) is bool(without)
