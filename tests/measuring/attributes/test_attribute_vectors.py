"""Attribute vectors against the means and effects that made the codes."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.attributes import METHODS, find_vectors
from termwise.measuring.attributes.vectors import mean_difference, regression

N = 20_000
EFFECTS = np.array([[2.0, 0.0, 0.0], [0.0, -1.0, 0.5]])  # (A, D)


def correlated(rho: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes a EFFECTS + N(0, I), and attributes a, of which the second is as the first with chance (1 + rho) / 2."""
    rng = np.random.default_rng(seed)
    first = rng.integers(2, size=N)
    attributes = np.stack([first, np.where(rng.random(N) < (1 + rho) / 2, first, 1 - first)], 1).astype(float)
    return attributes @ EFFECTS + rng.standard_normal((N, 3)), attributes


def test_a_mean_difference_carries_what_comes_along_and_a_regression_does_not():
    codes, attributes = correlated(0.6)
    error = 2 / np.sqrt(N * (1 - 0.6**2))  # of an effect, at unit noise and with a partner of correlation 0.6
    # the second's effect on the first's mean difference has the share's noise besides: |effect| 2 sqrt(p (1 - p) / N)
    confounded = EFFECTS + 0.6 * EFFECTS[::-1]
    np.testing.assert_allclose(mean_difference(codes, attributes), confounded, atol=5 * (error + 4 / np.sqrt(N)))
    np.testing.assert_allclose(regression(codes, attributes), EFFECTS, atol=5 * error)
    assert np.abs(confounded - EFFECTS).max() > 20 * error


def test_regression_is_that_of_scikit_learn():
    codes, attributes = correlated(0.9, seed=1)
    np.testing.assert_allclose(
        regression(codes, attributes), LinearRegression().fit(attributes, codes).coef_.T, atol=1e-9
    )


def test_of_one_attribute_both_are_the_same():
    codes, attributes = correlated(0.3, seed=2)
    one = attributes[:, :1]
    np.testing.assert_allclose(regression(codes, one), mean_difference(codes, one), atol=1e-9)
    assert mean_difference(codes, one)[0, 0] > 0


def test_of_classes_a_regression_points_from_the_mean_of_class_means_to_each():
    rng = np.random.default_rng(3)
    labels, codes = rng.choice(3, size=200, p=[0.6, 0.3, 0.1]), rng.standard_normal((200, 4))
    means = np.stack([codes[labels == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(regression(codes, np.eye(3)[labels]), means - means.mean(0), atol=1e-9)


def test_an_edit_moves_by_the_strength_in_units_of_the_vector():
    codes, attributes = (torch.from_numpy(values) for values in correlated(0.0))
    found = find_vectors(codes, attributes.long(), ("wide", "warm"), "mean-difference")
    z = torch.randn(5, 3)
    torch.testing.assert_close(found.edit(z, "warm", -0.5), z - 0.5 * found.vectors[1])
    torch.testing.assert_close(found.shares, attributes.float().mean(0))
    assert (found.method, found.n) == ("mean-difference", N)
    with pytest.raises(UnknownName, match="Did you mean 'warm'"):
        found.edit(z, "worm")


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_told_apart_is_refused(method):
    codes, attributes = torch.randn(6, 2), torch.tensor([[0, 1]] * 3 + [[1, 1]] * 3)
    with pytest.raises(BadData, match="agree in hat: leave"):
        find_vectors(codes, attributes, ("large", "hat"), method)
    with pytest.raises(Refused, match="and 1 names"):
        find_vectors(codes, attributes, ("large",), method)
    with pytest.raises(BadData, match="not finite"):
        find_vectors(codes / 0, attributes[:, :1], ("large",), method)
    with pytest.raises(UnknownName, match="mean-difference, regression"):
        find_vectors(codes, attributes, ("large", "hat"), "median")
