import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from termwise.errors import BadData
from termwise.measuring.quality import overlap


def brute(samples, real, k):
    radii = [np.sort(cdist(x, x), axis=1)[:, k] for x in (samples, real)]  # the first is a point's distance to itself
    between = cdist(samples, real)
    return {
        "precision": np.mean([(row <= radii[1]).any() for row in between]),
        "recall": np.mean([(column <= radii[0]).any() for column in between.T]),
        "density": np.mean([(row <= radii[1]).sum() / k for row in between]),
        "coverage": np.mean([(column <= radius).any() for column, radius in zip(between.T, radii[1], strict=True)]),
    }


@pytest.mark.parametrize("neighbours", [1, 5])
def test_all_four_agree_with_brute_force_over_several_blocks(neighbours):
    samples, real = 0.3 + 0.8 * torch.randn(300, 6, dtype=torch.float64), torch.randn(260, 6, dtype=torch.float64)
    expected = brute(samples.numpy(), real.numpy(), neighbours)
    assert overlap(samples, real, neighbours).means == pytest.approx(expected, abs=1e-12)
    assert 0.05 < expected["recall"] < 0.95


@pytest.mark.parametrize("law", [torch.randn, torch.rand])
def test_equal_laws_have_the_density_and_coverage_of_any_law(law):
    """Density 1; coverage 1 - prod_l (N - l) / (2N - l). Over 200 draws, four standard errors."""
    n, k = 60, 3
    draws = [overlap(law(n, 4), law(n, 4), k).means for _ in range(200)]
    missed = np.prod([(n - step) / (2 * n - step) for step in range(1, k + 1)])
    for name, truth in (("density", 1.0), ("coverage", 1 - missed)):
        values = np.array([draw[name] for draw in draws])
        assert abs(values.mean() - truth) < 4 * values.std(ddof=1) / len(draws) ** 0.5, name


def test_a_dropped_mode_costs_recall_and_coverage_but_no_precision():
    real = torch.randn(400, 3) + 20 * torch.arange(400)[:, None].remainder(2)
    whole = torch.randn(400, 3) + 20 * torch.arange(400)[:, None].remainder(2)
    complete, dropped = overlap(whole, real).means, overlap(torch.randn(400, 3), real).means
    assert dropped["recall"] == pytest.approx(complete["recall"] / 2, abs=0.1)
    assert dropped["coverage"] == pytest.approx(complete["coverage"] / 2, abs=0.1)
    assert dropped["precision"] > complete["precision"] - 0.1


def test_samples_that_are_like_nothing_real_cost_precision_but_no_recall():
    real, good, strange = torch.randn(400, 3), torch.randn(400, 3), 50 + torch.randn(200, 3)
    some, without = overlap(torch.cat([good[:200], strange]), real).means, overlap(good[:200], real).means
    assert some["precision"] == pytest.approx(without["precision"] / 2, abs=1e-9)
    assert some["recall"] == pytest.approx(without["recall"], abs=1e-9)


def test_a_copy_is_in_a_ball_of_radius_zero_and_its_neighbour_is_not():
    points = 1000 * torch.rand(37, 130)
    real = points.repeat(8, 1)
    assert overlap(points, real, 5).means["precision"] == 1
    assert overlap(points, real, 5).means["coverage"] == 1
    assert overlap(points + 0.01, real, 5).means["precision"] == 0


@pytest.mark.parametrize("neighbours", [0, 5])
def test_a_cloud_must_have_more_points_than_neighbours(neighbours):
    with pytest.raises(BadData, match=f"got {neighbours} neighbours of 9 samples and 5 real"):
        overlap(torch.randn(9, 2), torch.randn(5, 2), neighbours)
