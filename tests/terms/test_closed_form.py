import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Independent, MultivariateNormal, Normal, StudentT, kl_divergence

from termwise.errors import Refused
from termwise.terms.closed_form import kl


def diagonal(loc, scale):
    return Independent(Normal(loc, scale), 1)


def test_normals_agree_with_quadrature():
    value = kl(
        diagonal(torch.tensor([[0.7]]), torch.tensor([[0.4]])), diagonal(torch.tensor([-0.2]), torch.tensor([1.5]))
    )
    q, p = stats.norm(0.7, 0.4), stats.norm(-0.2, 1.5)
    wanted, _ = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -4, 6, epsabs=1e-12)
    assert float(value) == pytest.approx(wanted, rel=1e-6)


def test_a_diagonal_posterior_has_a_value_by_dimension_that_sums_to_torch_s():
    left, right = diagonal(torch.randn(5, 3), torch.rand(5, 3) + 0.1), diagonal(torch.randn(3), torch.rand(3) + 0.5)
    assert kl(left, right).shape == (5, 3)
    assert torch.allclose(kl(left, right).sum(1), kl_divergence(left, right), rtol=1e-5)


def test_a_full_covariance_agrees_with_torch_s_closed_form():
    factor = torch.randn(5, 3, 3).tril(-1) + torch.diag_embed(torch.rand(5, 3) + 0.1)
    left = MultivariateNormal(torch.randn(5, 3), scale_tril=factor)
    loc, scale = torch.randn(3), torch.rand(3) + 0.5
    wanted = kl_divergence(left, MultivariateNormal(loc, torch.diag(scale.square())))
    assert torch.allclose(kl(left, diagonal(loc, scale)), wanted, rtol=1e-4)


def test_a_pair_without_a_closed_form_is_refused_and_told_what_would_do():
    with pytest.raises(Refused, match="MonteCarlo"):
        kl(diagonal(torch.zeros(2, 3), torch.ones(2, 3)), Independent(StudentT(torch.ones(3)), 1))
