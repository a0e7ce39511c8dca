"""The normal with a posterior's moments, which are its own or those of its codes: it is the nearest, as numpy says."""

import numpy as np
import pytest
import torch
from torch.distributions import Gumbel, Independent, Laplace, MultivariateNormal, Normal, StudentT, kl_divergence

from termwise.models.posteriors import moment_matched_normal, normal_of_codes

FACTOR = torch.tensor([[[1.0, 0.0], [0.8, 0.5]]], dtype=torch.float64)


def test_a_normal_is_its_own():
    full = MultivariateNormal(torch.tensor([[1.0, -1.0]], dtype=torch.float64), scale_tril=FACTOR)
    assert moment_matched_normal(full, full=True) is full
    diagonal = moment_matched_normal(full)
    torch.testing.assert_close(diagonal.variance, torch.tensor([[1.0, 0.8**2 + 0.5**2]], dtype=torch.float64))
    own = Independent(Normal(torch.zeros(3, 2), torch.rand(3, 2) + 0.1), 1)
    for wide in (True, False):
        matched = moment_matched_normal(own, full=wide)
        assert isinstance(matched, Independent)
        torch.testing.assert_close((matched.mean, matched.stddev), (own.mean, own.stddev))


def test_of_the_normals_without_correlation_it_is_the_nearest():
    full = MultivariateNormal(torch.zeros(1, 2, dtype=torch.float64), scale_tril=FACTOR)
    matched = moment_matched_normal(full)

    def divergence(scale):
        other = torch.diag_embed(matched.stddev * scale)
        return kl_divergence(full, MultivariateNormal(matched.mean, scale_tril=other)).item()

    least = divergence(torch.ones(2))
    assert all(divergence(torch.tensor(scale)) > least for scale in ([1.1, 1.0], [0.9, 1.0], [1.0, 1.1], [1.0, 0.9]))


@pytest.mark.parametrize("full", [True, False])
def test_the_moments_of_codes_are_numpy_s(full):
    z = torch.randn(50, 4, 3, dtype=torch.float64) @ torch.randn(3, 3, dtype=torch.float64)
    normal = normal_of_codes(z, full)
    for b in range(4):
        covariance = np.cov(z[:, b].numpy(), rowvar=False)
        torch.testing.assert_close(normal.mean[b], z[:, b].mean(0))
        torch.testing.assert_close(normal.variance[b], torch.as_tensor(covariance.diagonal().copy()))
        if full:
            torch.testing.assert_close(normal.covariance_matrix[b], torch.as_tensor(covariance))


@pytest.mark.parametrize("full", [True, False])
def test_a_law_that_is_only_sampled_is_matched_by_as_many_codes_as_are_asked_for(full):
    law = Independent(Gumbel(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 2.0]])), 1)
    torch.manual_seed(0)
    matched = moment_matched_normal(law, 40_000, full=full)
    error = law.stddev / 40_000**0.5
    assert ((matched.mean - law.mean).abs() < 4 * error).all()
    assert ((matched.variance / law.variance - 1).abs() < 4 * (4.4 / 40_000) ** 0.5).all()  # a Gumbel's kurtosis is 5.4
    torch.manual_seed(1)
    z = law.rsample((512,))
    torch.manual_seed(1)
    torch.testing.assert_close(moment_matched_normal(law).stddev, z.std(0))


def test_a_law_that_says_its_moments_is_matched_by_them():
    for law in (Laplace(torch.ones(3, 2), 0.5), StudentT(4.0, torch.ones(3, 2), 0.5)):
        matched = moment_matched_normal(Independent(law, 1))
        torch.testing.assert_close((matched.mean, matched.variance), (law.mean, law.variance))


def test_codes_on_a_line_get_a_little_width_across_it():
    z = torch.linspace(-1, 1, 101, dtype=torch.float64)[:, None, None] * torch.tensor([3.0, 4.0], dtype=torch.float64)
    covariance = normal_of_codes(z, full=True, flattest=1e-6).covariance_matrix[0]
    along = z[:, 0, 0].var() * 25 / 9
    widths = torch.linalg.eigvalsh(covariance)
    torch.testing.assert_close(
        widths, torch.stack([1e-6 * along * 16 / 25, along * (1 + 1e-6 * 16 / 25)]), rtol=1e-6, atol=0
    )


def test_a_gradient_reaches_the_moments():
    scale = torch.tensor([[0.5, 2.0]], requires_grad=True)
    moment_matched_normal(Independent(Laplace(torch.zeros(1, 2), scale), 1), 64).variance.sum().backward()
    assert (scale.grad > 0).all()
