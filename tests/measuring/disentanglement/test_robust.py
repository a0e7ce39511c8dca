"""Modularity, IRS and the Gaussian total correlation."""

import numpy as np
import pytest

from helpers.factor_codes import grid, perfect, random, rotated
from termwise.errors import Refused
from termwise.measuring.disentanglement import binned_information, factors_from, gaussian_tc, irs, modularity
from termwise.measuring.disentanglement.information import Information
from termwise.measuring.disentanglement.score import bootstrapped


def test_modularity_is_what_it_is_by_hand():
    shared = np.array([[2.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    information = Information(np.stack([shared, shared]), np.ones((2, 3)))
    # 1 - 1 / (4 * 2) and 1 - 0.25 / (0.25 * 2); the third dimension says nothing and is left out.
    assert modularity(information).value == pytest.approx((7 / 8 + 1 / 2) / 2)


def test_a_perfect_code_is_modular_also_where_it_is_duplicated():
    factors = grid(3, 4, 5)
    codes = perfect(factors)
    assert modularity(binned_information(codes, factors)).value == pytest.approx(1)
    assert modularity(binned_information(np.concatenate([codes, codes], axis=1), factors)).value == pytest.approx(1)


def test_two_factors_mixed_by_45_degrees_make_nothing_modular_but_the_third():
    assert modularity(binned_information(rotated(grid(4, 4)), grid(4, 4))).value == pytest.approx(0, abs=1e-12)
    # Of three factors two share a dimension alike: 1 - 1 / (3 - 1), twice; and 1.
    factors = grid(4, 4, 4)
    assert modularity(binned_information(rotated(factors), factors)).value == pytest.approx(2 / 3)


def test_modularity_of_one_factor_or_of_nothing_is_refused():
    one = factors_from(np.arange(10)[:, None] % 2)
    with pytest.raises(Refused, match="two or more"):
        modularity(binned_information(random(one, 2), one))
    with pytest.raises(Refused, match="nothing to call modular"):
        modularity(binned_information(np.zeros((16, 2)), grid(4, 4)))


def test_a_perfect_code_is_robust_and_dead_dimensions_dont_count():
    factors = grid(3, 4, 5, copies=2)
    still = np.concatenate([perfect(factors), np.ones((len(factors), 2))], axis=1)
    assert irs(still, factors).value == pytest.approx(1)
    with pytest.raises(Refused, match="constant"):
        irs(np.ones((16, 2)), grid(4, 4))
    with pytest.raises(Refused, match="compares factors"):
        irs(np.ones((4, 2)), factors_from(np.arange(4)[:, None]))


@pytest.mark.parametrize("quantile", [0.9, 0.99])
def test_two_uniform_factors_mixed_by_45_degrees_are_as_robust_as_quantiles_of_their_sum_say(quantile):
    # On [-1, 1]: one alone strays by q, their sum (triangular) by 2 - 2 sqrt(1 - q). A grid of 100 is off by about 1%.
    factors = grid(100, 100)
    truth = 1 - quantile / (2 - 2 * np.sqrt(1 - quantile))
    assert irs(rotated(factors), factors, quantile=quantile).value == pytest.approx(truth, abs=0.02)


def test_a_random_code_is_moved_as_far_with_a_factor_fixed_as_without():
    factors = grid(4, 4, copies=1000)
    # A 99% quantile of n normals' sizes errs by sqrt(0.01 * 0.99 / n) / density = 3.44 / sqrt(n); here n is 4000.
    error = np.sqrt(0.01 * 0.99 / 4000) / 0.0289 / 2.576
    assert abs(irs(random(factors, 3), factors).value) < 4 * error


def test_values_count_in_robustness_as_often_as_they_occur():
    values = np.repeat([0, 1], [900, 100])
    factors = factors_from(np.stack([values, np.tile([0, 1], 500)], axis=1))
    moved = np.where(values == 1, 1.0, 0.0) * np.where(factors.index[:, 1] == 1, 1, -1)  # by the second, where v is 1
    codes = np.stack([moved, moved], axis=1)
    # With v fixed it strays by 0 nine times of ten, and by 1 once; with nothing fixed by 1: 1 - 0.1.
    assert irs(codes, factors).value == pytest.approx(0.9)


def test_dimensions_count_in_robustness_by_their_reach():
    factors = grid(2, 2, copies=10)
    first, second = factors.index.T
    codes = np.stack([10 * first, first ^ second], axis=1)  # the latter strays as far whatever is fixed
    assert irs(codes, factors).value == pytest.approx(5 / (5 + 0.5))


def with_covariance(covariance, count=2000, seed=0):
    """Samples whose covariance is `covariance` exactly, and whose mean is 3."""
    noise = np.random.default_rng(seed).standard_normal((count, len(covariance)))
    noise -= noise.mean(axis=0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / count)).T
    return 3 + white @ np.linalg.cholesky(covariance).T


def test_the_gaussian_total_correlation_is_its_closed_form():
    covariance = np.array([[2.0, 0.9, 0.1], [0.9, 1.0, -0.3], [0.1, -0.3, 0.5]])
    truth = 0.5 * (np.log(covariance.diagonal()).sum() - np.log(np.linalg.det(covariance)))
    codes = with_covariance(covariance)
    assert gaussian_tc(codes).value == pytest.approx(truth, rel=1e-9)
    assert gaussian_tc(codes * [1e-3, 1, 1e3]).value == pytest.approx(truth, rel=1e-9)
    assert gaussian_tc(np.concatenate([codes, np.full((2000, 1), 7.0)], axis=1)).value == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize("whole", [False, True])
def test_the_aggregates_covariance_has_the_posteriors_own_in_it(whole):
    between, own = np.array([[1.0, 0.8], [0.8, 1.0]]), np.array([0.5, 0.2])
    covariance = between + np.diag(own)
    truth = 0.5 * (np.log(covariance.diagonal()).sum() - np.log(np.linalg.det(covariance)))
    within = np.tile(np.diag(own) if whole else own, (2000, *[1] * (1 + whole)))
    assert gaussian_tc(with_covariance(between), within).value == pytest.approx(truth, rel=1e-9)


def test_a_duplicated_dimension_makes_the_total_correlation_infinite_and_noise_in_it_finite():
    codes = with_covariance(np.eye(2))
    assert gaussian_tc(np.concatenate([codes, codes[:, :1]], axis=1)).value == np.inf
    nearly = codes[:, :1] + 1e-7 * codes[:, 1:]  # the log of so small an eigenvalue is rounding, nothing more
    assert gaussian_tc(np.concatenate([codes, nearly], axis=1)).value == np.inf
    assert gaussian_tc(np.concatenate([codes, codes[:, :1]], axis=1), np.ones((2000, 3))).value < 1


def test_the_bootstraps_error_of_the_total_correlation_is_the_correlation_over_root_n():
    # -1/2 log(1 - r^2) has the slope r / (1 - r^2), and r the standard error (1 - r^2) / sqrt(N), for normal codes.
    codes = with_covariance(np.array([[1.0, 0.6], [0.6, 1.0]]), count=4000)
    estimate = bootstrapped(lambda weights: gaussian_tc(codes, None, weights), 4000, seed=0)
    assert estimate.score.value == pytest.approx(-0.5 * np.log(1 - 0.36))
    assert estimate.stderr.value == pytest.approx(0.6 / np.sqrt(4000), rel=4 / np.sqrt(400))
