"""Functions of samples, moments and logits: by hand, against scikit-learn, and against the terms of training."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import rbf_kernel

from termwise import functional
from termwise.errors import Refused


def test_the_mmd_is_that_of_the_kernel_matrices():
    torch.manual_seed(0)
    a, b = torch.randn(40, 3).double(), torch.randn(30, 3).double() + 0.5
    aa, bb, ab = (rbf_kernel(*(one.numpy() for one in pair), gamma=0.5) for pair in ((a, a), (b, b), (a, b)))
    expected = (aa.sum() - 40) / (40 * 39) + (bb.sum() - 30) / (30 * 29) - 2 * ab.mean()
    assert float(functional.mmd2(a, b, "rbf", bandwidth=1.0)) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(Refused, match="two samples of each law"):
        functional.mmd2(a[:1], b)


def test_hsic_is_nothing_in_the_mean_of_codes_that_are_independent():
    torch.manual_seed(0)
    values = torch.stack([functional.hsic(torch.randn(20, 3)) for _ in range(300)])
    assert abs(float(values.mean())) < 4 * float(values.std()) / 300**0.5


def test_dip_is_of_the_covariances_that_numpy_gives():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(50, 3).double(), torch.randn(50, 3).double()
    means = np.cov(mean.numpy().T)
    for kind, covariance in (("i", means), ("ii", means + np.diag(log_variance.exp().mean(0).numpy()))):
        off, on = functional.dip((mean, log_variance), kind)
        away = covariance - np.diag(np.diag(covariance))
        assert float(off) == pytest.approx((away**2).sum()) and float(on) == pytest.approx(
            ((np.diag(covariance) - 1) ** 2).sum()
        )


def test_the_bound_of_one_code_is_the_elbo_and_rises_to_log_p():
    torch.manual_seed(0)
    scale = 0.8  # x = z + e, z and e standard normal: p(x) = N(0, 2), p(z|x) = N(x / 2, 1 / 2)
    x = torch.tensor([1.3]).double()
    z = 0.5 + scale * torch.randn(20_000, 1).double()
    log = torch.distributions.Normal(torch.tensor(0.0).double(), 1.0).log_prob
    log_w = log(z) + log(x - z) - torch.distributions.Normal(0.5, scale).log_prob(z)
    elbo = float(functional.iwae_bound(log_w.T))
    exact = float(torch.distributions.Normal(torch.tensor(0.0).double(), math.sqrt(2)).log_prob(x))
    gap = 0.5 * (scale**2 / 0.5 + (0.5 - 0.65) ** 2 / 0.5 - 1 - math.log(scale**2 / 0.5))
    assert elbo == pytest.approx(exact - gap, abs=4 * float(log_w.std()) / 20_000**0.5)
    assert float(functional.iwae_bound(log_w)) == pytest.approx(exact, abs=0.02)


def test_divergences_at_the_true_ratio_are_those_of_the_laws():
    torch.manual_seed(0)
    z = torch.randn(200_000).double()
    t = z - 0.5 - 0.0 * z  # log N(z; 1, 1) / N(z; 0, 1) = z - 1/2
    left = z + 1
    ratio = left - 0.5
    assert float(functional.f_divergence(ratio)) == pytest.approx(0.5, abs=0.01)
    bound = functional.f_divergence_loss(ratio, t, "kl")
    assert float(bound) == pytest.approx(0.5, abs=0.03)
    assert float(functional.f_divergence(ratio, "hellinger")) == pytest.approx(2 - 2 * math.exp(-1 / 8), abs=0.01)


def test_losses_of_players_are_cross_entropies():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 0.0])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    one, zero = torch.ones(2), torch.zeros(2)
    both = entropy(real, one) + entropy(fake, zero)
    assert torch.allclose(functional.critic_loss(real, fake), both)
    assert torch.allclose(functional.gan_loss(real, fake, fake), both + entropy(fake, zero))
    assert torch.allclose(functional.non_saturating_loss(fake), entropy(fake, one))
    target = torch.randn(3, 2, 2, requires_grad=True)
    made = torch.randn(3, 2, 2, requires_grad=True)
    loss = functional.feature_distortion(target, made)
    loss.backward()
    assert target.grad is None and made.grad is not None
    with pytest.raises(Refused, match="of one shape"):
        functional.gan_loss(real, fake[:1])


def test_shapes_are_pulled_where_they_should_be():
    value = torch.tensor([0.1, 2.0], requires_grad=True)
    functional.free_bits(value, 0.25).backward()
    assert value.grad.tolist() == [0.0, 1.0]
    rising = {"schedule": "linear", "end": 10.0, "steps": 10}
    assert float(functional.gap(torch.tensor(3.0), rising, step=5)) == 2.0
    assert float(functional.floor(torch.tensor(3.0), rising, step=5)) == 2.0
    assert float(functional.capacity(torch.tensor(3.0), 5, end=10.0, steps=10)) == 2.0
