"""Posterior families: which feature is what, and the density that they make, against scipy."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from termwise.errors import UnknownName
from termwise.models.posteriors import DiagonalNormal, FullNormal, posterior_family


def test_diagonal_features_are_the_means_and_then_the_log_variances():
    features = torch.tensor([[1.0, -2.0, 0.5, np.log(4.0), np.log(0.25), 0.0]], dtype=torch.float64)
    z = torch.tensor([[0.3, -2.2, 1.5]], dtype=torch.float64)
    law = DiagonalNormal(3)(features)
    expected = multivariate_normal([1.0, -2.0, 0.5], np.diag([4.0, 0.25, 1.0])).logpdf(z[0])
    assert law.log_prob(z).tolist() == pytest.approx([expected], rel=1e-12)
    assert (law.batch_shape, law.event_shape) == ((1,), (3,))


def test_full_features_are_the_means_the_log_diagonal_of_the_factor_and_the_rest_row_by_row():
    features = torch.tensor([[1.0, -2.0, 0.5, np.log(2.0), np.log(0.5), 0.0, 0.7, -0.3, 1.1]], dtype=torch.float64)
    factor = np.array([[2.0, 0.0, 0.0], [0.7, 0.5, 0.0], [-0.3, 1.1, 1.0]])
    z = torch.tensor([[0.3, -2.2, 1.5]], dtype=torch.float64)
    law = FullNormal(3)(features)
    expected = multivariate_normal([1.0, -2.0, 0.5], factor @ factor.T).logpdf(z[0])
    assert law.log_prob(z).tolist() == pytest.approx([expected], rel=1e-12)
    assert (law.batch_shape, law.event_shape) == ((1,), (3,))


@pytest.mark.parametrize(("name", "latent", "count"), [("diagonal-normal", 5, 10), ("full-normal", 5, 20)])
def test_a_family_says_how_many_features_it_needs_and_takes_as_many(name, latent, count):
    family = posterior_family(name, latent)
    assert family.features == count
    features = torch.randn(7, count, dtype=torch.float64)
    law = family(features)
    z = law.rsample()
    for row in range(7):
        reference = multivariate_normal(law.mean[row], torch.as_tensor(_covariance(law, row)))
        assert law.log_prob(z)[row].item() == pytest.approx(reference.logpdf(z[row]), rel=1e-8)


def _covariance(law, row):
    return law.covariance_matrix[row] if hasattr(law, "covariance_matrix") else torch.diag(law.variance[row])


@pytest.mark.parametrize("name", ["diagonal-normal", "full-normal"])
def test_a_code_carries_its_gradient_to_every_feature(name):
    family = posterior_family(name, 3)
    features = torch.randn(4, family.features, requires_grad=True)
    family(features).rsample().square().sum().backward()
    assert (features.grad != 0).all()


def test_an_unknown_family_is_told_which_are_near():
    with pytest.raises(UnknownName, match="Did you mean 'full-normal'"):
        posterior_family("ful-normal", 3)
