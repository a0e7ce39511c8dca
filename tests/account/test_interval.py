"""The 95% interval of a mean, against Hall's cubic and how often it holds the truth."""

import math

import numpy as np
import pytest
import torch

from termwise.account.interval import NORMAL_95, reach_95


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("count", [10, 1000])
def test_the_cubic_at_either_end_is_a_normal_laws_2_5_percent(power, count):
    torch.manual_seed(power)
    values = torch.randn(count, dtype=torch.float64).exp() ** power
    error, root = float(values.std()) / math.sqrt(count), math.sqrt(count)
    g = float(((values - values.mean()) / values.std(correction=0)).pow(3).mean())
    below, above = reach_95(values)
    for t, normal in ((below / error, NORMAL_95), (-above / error, -NORMAL_95)):
        cubic = t + g * t**2 / (3 * root) + g**2 * t**3 / (27 * count) + g / (6 * root)
        assert cubic == pytest.approx(normal, abs=1e-9)
    mirrored = reach_95(-values)
    assert mirrored == pytest.approx((above, below))


def test_symmetric_values_reach_as_far_to_either_side_as_a_normal_law_says():
    values = torch.linspace(-1, 1, 101)
    half = NORMAL_95 * float(values.double().std()) / math.sqrt(101)
    assert reach_95(values) == pytest.approx((half, half), rel=1e-6)


def test_values_that_are_all_alike_reach_nowhere():
    assert reach_95(torch.ones(7)) == (0.0, 0.0)


def test_of_skewed_values_the_interval_holds_the_mean_nearly_as_often_as_it_says():
    """3,000 samples of 100 fourth powers of a normal, of skewness 10 and mean 3; a share's error is 0.005."""
    random = np.random.default_rng(0)
    missed, missed_by_normal = np.zeros(2), 0
    for _ in range(3000):
        values = torch.from_numpy(random.standard_normal(100) ** 4)
        mean, (below, above) = float(values.mean()), reach_95(values)
        missed += (mean - below > 3, mean + above < 3)
        missed_by_normal += abs(mean - 3) > NORMAL_95 * float(values.std()) / 10
    assert missed_by_normal / 3000 > 0.11
    assert missed.sum() / 3000 < 0.08
    assert missed.min() / 3000 > 0.01  # the normal one misses on one side alone, but for 0.001
