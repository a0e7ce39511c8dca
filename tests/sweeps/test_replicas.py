"""Means over seeds, their errors and differences, against scipy; shares of variance, against sums of squares."""

import itertools

import numpy as np
import pytest
from scipy import stats

from termwise.sweeps.importance import SEEDS, TOGETHER, importance_by_optuna, shares_of_variance
from termwise.sweeps.replicas import over_seeds, paired_over_seeds, undominated


def test_a_mean_over_seeds_is_scipys():
    values = np.random.default_rng(0).normal(3.0, 2.0, 5).tolist()
    found, wanted = over_seeds(values), stats.ttest_1samp(values, 0.0)
    assert found.value == pytest.approx(np.mean(values)) and found.stderr == pytest.approx(stats.sem(values))
    ends = wanted.confidence_interval(0.95)
    assert found.interval == pytest.approx((ends.low, ends.high))
    assert found.sure == (wanted.pvalue < 0.05)


def test_a_difference_is_by_pairs_of_the_same_seed():
    rng = np.random.default_rng(1)
    easy = rng.normal(0.0, 10.0, 6)  # what a seed has in common, far more than what settings differ by
    first = {seed: float(easy[seed]) for seed in range(6)}
    second = {seed: float(easy[seed] + 1.0 + 0.1 * rng.normal()) for seed in (5, 4, 3, 1, 0)}
    found = paired_over_seeds(first, second)
    shared = sorted(second)
    test = stats.ttest_rel([second[s] for s in shared], [first[s] for s in shared])
    assert found.n == 5 and found.value / found.stderr == pytest.approx(test.statistic)
    assert found.sure and test.pvalue < 0.05
    assert paired_over_seeds({0: 1.0}, {1: 1.0}) is None


def test_one_seed_has_no_error():
    assert over_seeds([2.0]).stderr is None and not over_seeds([2.0]).sure


def test_points_that_nothing_beats_are_those_of_brute_force():
    points = np.random.default_rng(2).integers(0, 5, (60, 3)).tolist()
    slow = [not any(np.all(np.array(q) >= p) and np.any(np.array(q) > p) for q in points) for p in points]
    assert undominated(points) == slow and 0 < sum(slow) < 60


def test_a_whole_grid_is_taken_apart_into_sums_of_squares():
    """Shares of a grid of one run each are eta squared, which sum to 1."""
    settings = [{"a": a, "b": b} for a, b in itertools.product(range(3), range(4))]
    y = np.random.default_rng(3).normal(size=12)
    found = shares_of_variance(["a", "b"], settings, y.tolist())
    table = y.reshape(3, 4)
    total = ((y - y.mean()) ** 2).sum()
    a, b = 4 * ((table.mean(1) - y.mean()) ** 2).sum(), 3 * ((table.mean(0) - y.mean()) ** 2).sum()
    wanted = {"a": a / total, "b": b / total, TOGETHER: 1 - (a + b) / total, SEEDS: 0.0}
    assert dict(found.shares) == pytest.approx(wanted, abs=1e-12)


def test_what_does_nothing_has_about_no_share():
    """Over 200 sweeps of noise alone, before what is below 0 is cut, omega squared has mean 0; its cut one is small."""
    rng, settings = np.random.default_rng(4), [{"a": a, "b": b} for a in range(3) for b in range(3) for _ in range(4)]
    shares = [shares_of_variance(["a", "b"], settings, rng.normal(size=36).tolist()).shares for _ in range(200)]
    # omega squared of 2 degrees of freedom in 36 runs has sd 0.055, so that its positive part has mean below 0.03
    assert np.mean([s["a"] for s in shares]) < 0.03
    real = shares_of_variance(["a", "b"], settings, [4.0 * s["a"] + rng.normal() for s in settings]).shares
    assert real["a"] > 0.85 and real["b"] < 0.05


def test_too_few_runs_say_nothing():
    assert shares_of_variance(["a"], [{"a": 1}, {"a": 2}], [1.0, 2.0]) is None
    assert shares_of_variance(["a"], [{"a": 1}, {"a": 2}, {"a": 3}], [1.0, 1.0, 1.0]) is None


def test_optuna_finds_the_key_that_matters():
    pytest.importorskip("optuna")
    rng = np.random.default_rng(5)
    settings = [{"beta": float(rng.uniform(0, 1)), "kind": str(rng.choice(["p", "q"])), "c": 3} for _ in range(40)]
    found = importance_by_optuna(["beta", "kind", "c"], settings, [10 * s["beta"] for s in settings])
    assert found.shares["beta"] > 0.9 and found.shares["c"] == 0.0
