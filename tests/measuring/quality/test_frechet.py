import numpy as np
import pytest
import scipy.linalg
import torch

from termwise.errors import BadData
from termwise.measuring.quality.frechet import frechet_distance, jackknifed


def with_moments(mean, covariance, count=50, seed=0):
    """Features whose sample mean and unbiased covariance are exactly these."""
    x = torch.randn(count, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T @ x / (count - 1)), x.T, upper=False).T
    values, vectors = torch.linalg.eigh(covariance)
    return white @ (vectors * values.clamp(min=0).sqrt()) @ vectors.T + mean


def without(x, rows):
    return torch.from_numpy(np.delete(x.numpy(), rows, axis=0))


def spread(seed, dimension=6):
    root = torch.randn(dimension, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T + 0.1 * torch.eye(dimension, dtype=torch.float64)


def test_it_is_the_closed_form_where_covariances_commute():
    means = torch.tensor([[0.0, 1.0, -2.0], [0.5, 1.0, 1.0]], dtype=torch.float64)
    sigmas = torch.tensor([[1.0, 2.0, 0.5], [3.0, 2.0, 0.1]], dtype=torch.float64)
    a, b = (with_moments(m, s.square().diag(), seed=i) for i, (m, s) in enumerate(zip(means, sigmas, strict=True)))
    expected = float((means[0] - means[1]).square().sum() + (sigmas[0] - sigmas[1]).square().sum())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_it_agrees_with_scipys_root_of_a_product_that_does_not_commute():
    mean = torch.zeros(6, dtype=torch.float64)
    a, b = spread(1), spread(2)
    root = scipy.linalg.sqrtm((a @ b).numpy())
    expected = float(a.trace() + b.trace()) - 2 * np.trace(root).real
    assert frechet_distance(with_moments(mean, a), with_moments(mean, b, seed=3)) == pytest.approx(expected, rel=1e-9)


def test_covariances_of_one_direction_each_have_their_closed_form():
    """C_a = u u', C_b = v v': the trace of the root is |u . v|."""
    u, v = torch.randn(2, 8, dtype=torch.float64)
    a, b = (with_moments(torch.zeros(8, dtype=torch.float64), torch.outer(w, w)) for w in (u, v))
    expected = float(u @ u + v @ v - 2 * (u @ v).abs())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_it_does_not_change_when_features_are_rotated_and_shifted_together():
    a, b = torch.randn(200, 7) @ spread(1, 7).float(), 1 + torch.randn(150, 7)
    turn = torch.linalg.qr(torch.randn(7, 7))[0]
    assert frechet_distance(a @ turn + 5, b @ turn + 5) == pytest.approx(frechet_distance(a, b), rel=1e-4)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


@pytest.mark.parametrize("scale", [pytest.param(1.0, marks=pytest.mark.slow), 1.6])
def test_extrapolated_it_is_right_on_average_where_the_plain_one_is_too_large_and_so_is_its_error(scale):
    """Features N(0, I) against N(0, scale^2 I): 5 (scale - 1)^2. Over 120 draws, four standard errors."""
    draws = [jackknifed(torch.randn(120, 5), scale * torch.randn(160, 5)) for _ in range(120)]
    truth = 5 * (scale - 1) ** 2
    values = np.array([[draw.value, draw.extrapolated, draw.stderr] for draw in draws])
    sd = values.std(0, ddof=1)
    mean, error = values.mean(0), sd / len(draws) ** 0.5
    assert mean[0] - truth > 10 * error[0]
    assert abs(mean[1] - truth) < 4 * error[1]
    longest = 1.6 if scale == 1.0 else 1.25  # where the laws agree it may be sqrt(2) too large
    assert 0.8 < mean[2] / sd[1] < longest


def test_the_jackknife_is_that_of_the_distance_with_one_group_of_either_side_left_out():
    a, b = torch.randn(90, 4), 2 + torch.randn(77, 4)
    whole = frechet_distance(a, b)
    left_out = []
    for rows, columns in zip(np.array_split(np.arange(90), 20), np.array_split(np.arange(77), 20), strict=True):
        left_out.append(frechet_distance(without(a, rows), without(b, columns)))
    found = jackknifed(a, b)
    assert found.value == pytest.approx(whole, rel=1e-9)
    assert found.extrapolated == pytest.approx(20 * whole - 19 * np.mean(left_out), rel=1e-9)
    assert found.stderr == pytest.approx(19**0.5 * np.std(left_out), rel=1e-9)


def test_too_few_examples_for_its_groups_are_refused():
    with pytest.raises(BadData, match="40 examples or more on either side, got 39, 80"):
        jackknifed(torch.randn(39, 2), torch.randn(80, 2))
