"""Against scipy's densities, and a quadrature over tau alone, with mu and theta taken out by normal algebra."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from termwise.worlds import Grid
from termwise.worlds.eight_schools import (
    EFFECTS,
    ERRORS,
    LATENT,
    SchoolsPrior,
    effects_log_prob,
    exact_posterior,
    log_evidence,
    population,
)

Y, SIGMA = EFFECTS.numpy(), ERRORS.numpy()
ALL = np.ones((8, 8))


LOG_TAU = np.linspace(-25, 8, 1321)  # analytic, and gone at both ends: the trapezoid rule converges at once
TAU = np.exp(LOG_TAU)
COVARIANCE = 25 * ALL + TAU[:, None, None] ** 2 * np.eye(8)  # of theta, given tau
TOTAL = COVARIANCE + np.diag(SIGMA**2)  # of y
JOINT = stats.halfcauchy(scale=5).pdf(TAU) * TAU * [stats.multivariate_normal(np.zeros(8), c).pdf(Y) for c in TOTAL]


def over_tau(values=1.0):
    """int p(tau) p(y|tau) values dtau, of values at TAU."""
    return integrate.trapezoid(JOINT * values, LOG_TAU)


def test_the_evidence_is_scipy_s():
    assert log_evidence() == pytest.approx(math.log(over_tau()), abs=1e-7)
    assert log_evidence(Grid(reach=14.0, step=0.2)) == pytest.approx(log_evidence(), abs=1e-7)


def test_the_likelihood_is_scipy_s():
    z = torch.randn(6, LATENT)
    mu, tau = population(z)
    theta = mu[:, None] + tau[:, None] * z[:, 2:]
    expected = stats.norm(theta.numpy(), SIGMA).logpdf(Y).sum(1)
    assert np.allclose(effects_log_prob(z).numpy(), expected)


def test_the_prior_is_normal_and_half_cauchy():
    z = torch.randn(50, LATENT, dtype=torch.float64)
    tau = population(z)[1].numpy()
    slope = tau * math.pi / 2  # dtau / dz_tau
    others = np.delete(z.numpy(), 1, axis=1)
    expected = stats.halfcauchy(scale=5).logpdf(tau) + np.log(slope) + stats.norm.logpdf(others).sum(1)
    assert np.allclose(SchoolsPrior().log_prob(z).numpy(), expected)


def test_draws_of_the_prior_are_of_its_laws():
    z = SchoolsPrior().sample((4000,))
    mu, tau = (one.numpy() for one in population(z))
    least = 1e-3  # of a p-value
    assert stats.kstest(tau, stats.halfcauchy(scale=5).cdf).pvalue > least
    assert stats.kstest(mu, stats.norm(scale=5).cdf).pvalue > least
    assert stats.kstest(z[:, 2:].flatten().numpy(), stats.norm.cdf).pvalue > least


def test_draws_of_the_posterior_have_its_moments():
    count = 40_000
    z = exact_posterior(count)
    mu, tau = population(z)
    theta = mu[:, None] + tau[:, None] * z[:, 2:]

    solved = np.linalg.solve(TOTAL, np.broadcast_to(Y, (len(TAU), 8))[..., None])[..., 0]  # (tau, 8)
    of_theta = np.einsum("tij,tj->ti", COVARIANCE, solved)
    checks = (
        (mu, 25 * solved.sum(1)),
        (theta[:, 0], of_theta[:, 0]),
        (theta[:, 6], of_theta[:, 6]),
        (tau.log(), LOG_TAU),
        (torch.tanh(tau.log()), np.tanh(LOG_TAU)),
    )
    for found, given_tau in checks:
        expected = over_tau(given_tau) / over_tau()
        assert float(found.mean()) == pytest.approx(expected, abs=4 * float(found.std()) / math.sqrt(count))
