import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import mutual_info_score

from helpers.factor_codes import grid, perfect, random, rotated
from termwise.errors import BadData, Refused
from termwise.measuring.disentanglement import binned_information, factors_from, mig, mixture_information
from termwise.measuring.disentanglement.information import BINS
from termwise.measuring.disentanglement.score import bootstrapped
from termwise.terms.aggregate.mixture import Gaussians


def noisy_perfect(factors, sigma, seed=0):
    """Codes v_k + sigma noise, one dimension a factor, and their posteriors N(v_k, sigma^2)."""
    mean = torch.tensor(factors.index, dtype=torch.float32)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
    return mean + sigma * noise, Gaussians(mean, torch.full_like(mean, sigma))


def information_by_quadrature(size, sigma):
    """I(z; v) of z = v + sigma noise, v uniform on 0 ... size - 1: the entropy of the mixture less the noise's."""

    def density(z):
        return norm.pdf(z, loc=np.arange(size), scale=sigma).mean()

    mixture, _ = quad(
        lambda z: -density(z) * np.log(density(z)), -8 * sigma, size - 1 + 8 * sigma, limit=500, points=range(size)
    )
    return mixture - norm(scale=sigma).entropy()


def test_a_perfect_code_without_noise_has_a_gap_of_one():
    factors = grid(3, 4, 5, 6)
    score = mig(binned_information(perfect(factors), factors))
    assert score.by_factor == pytest.approx([1, 1, 1, 1], abs=1e-12)
    assert score.value == pytest.approx(1, abs=1e-12)


def test_a_perfect_code_has_a_gap_of_one_whatever_the_frequencies_of_the_values():
    values = np.repeat([0, 1, 2], [70, 20, 10])
    crossed = factors_from(np.stack([np.tile(values, 100), np.repeat(values, 100)], axis=1))
    assert mig(binned_information(crossed.index, crossed)).value == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0])
def test_exact_mixtures_agree_with_the_quadrature_of_a_noisy_perfect_code(sigma):
    factors = grid(3, 6, copies=150)
    information = mixture_information(*noisy_perfect(factors, sigma), factors)
    shared, entropy = information.mean(np.ones(len(factors)))
    stderr = information.pointwise.std(axis=0) / np.sqrt(len(factors))
    truth = np.array([information_by_quadrature(size, sigma) for size in (3, 6)])
    assert entropy == pytest.approx(np.log([3, 6]))
    assert (np.abs(shared.diagonal() - truth) < 4 * stderr.diagonal() + 1e-6).all()
    assert np.abs([shared[0, 1], shared[1, 0]]).max() < 1e-5  # each value's mixture in the other dimension is the same
    estimate = bootstrapped(lambda weights: mig(information, weights), len(information), seed=0)
    gaps = truth / np.log([3, 6])
    assert abs(estimate.score.value - gaps.mean()) < 4 * estimate.stderr.value + 1e-5
    assert (np.abs(np.array(estimate.score.by_factor) - gaps) < 4 * np.array(estimate.stderr.by_factor) + 1e-5).all()


def test_many_components_are_taken_from_tables_that_agree_with_the_densities(monkeypatch):
    monkeypatch.setattr("termwise.terms.aggregate.convolution.CONVOLVED_FROM", 150)
    factors = grid(3, 6, copies=20)  # 360 codes; 120 of a value of the first factor, 60 of the second's
    z, components = noisy_perfect(factors, 0.5)
    pointwise = mixture_information(z, components, factors).pointwise
    for k, size in enumerate((3, 6)):
        values = np.arange(size)
        given = norm.logpdf(z[:, k], loc=factors.index[:, k], scale=0.5)
        mixed = np.log(norm.pdf(z[:, k, None], loc=values, scale=0.5).mean(axis=1))
        assert pointwise[:, k, k] == pytest.approx(given - mixed, abs=1e-4)


def test_posteriors_with_a_full_covariance_count_by_their_marginals():
    factors = grid(3, 6, copies=20)
    z, own = noisy_perfect(factors, 0.5)
    correlated = 0.5 * torch.linalg.cholesky(torch.tensor([[1.0, 0.8], [0.8, 1.0]])).expand(len(z), 2, 2)
    full = mixture_information(z, Gaussians(own.mean, correlated), factors)
    assert full.pointwise == pytest.approx(mixture_information(z, own, factors).pointwise, abs=1e-4)


def test_two_factors_mixed_by_45_degrees_leave_no_gap_for_either():
    factors = grid(4, 4)
    information = binned_information(rotated(factors), factors)
    shared, _ = information.mean(np.ones(len(factors)))
    steps = np.array([1, 2, 3, 4, 3, 2, 1]) / 16  # the law of the sum of two uniform values
    assert shared == pytest.approx(-(steps * np.log(steps)).sum() - np.log(4))
    assert mig(information).value == pytest.approx(0, abs=1e-12)


def test_a_duplicated_perfect_code_has_no_gap():
    factors = grid(3, 5)
    codes = perfect(factors)
    assert mig(binned_information(np.concatenate([codes, codes], axis=1), factors)).value == pytest.approx(0, abs=1e-12)


def test_a_random_code_has_the_gap_that_counting_gives_by_chance():
    factors = grid(3, 5, copies=500)
    score = mig(binned_information(random(factors, 6), factors))
    for size, gap in zip((3, 5), score.by_factor, strict=True):  # 2 N I is chi-squared, of (BINS - 1)(size - 1) degrees
        assert 0 <= gap < 6 * np.sqrt(2 * (BINS - 1) * (size - 1)) / (2 * len(factors)) / np.log(size)


def test_binned_information_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    factors = factors_from(np.stack([rng.geometric(0.4, 1000).clip(max=5), rng.integers(3, size=1000)], axis=1))
    codes = factors.index @ rng.standard_normal((2, 3)) + rng.standard_normal((1000, 3))
    shared, entropy = binned_information(codes, factors).mean(np.ones(1000))
    for j, column in enumerate(codes.T):
        place = np.digitize(column, np.histogram_bin_edges(column, BINS)[:-1])
        for k, v in enumerate(factors.index.T):
            assert shared[j, k] == pytest.approx(mutual_info_score(v, place), abs=1e-12)
            assert entropy[k] == pytest.approx(mutual_info_score(v, v), abs=1e-12)


def test_the_bootstraps_error_is_the_spread_over_data_sets():
    values, stderrs = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        factors = factors_from(rng.integers(4, size=(400, 2)))
        information = mixture_information(*noisy_perfect(factors, 0.4, seed), factors)
        estimate = bootstrapped(lambda weights, of=information: mig(of, weights), 400, seed, resamples=60)
        values.append(estimate.score.value)
        stderrs.append(estimate.stderr.value)
    spread = np.std(values, ddof=1)  # known to 1 / sqrt(2 * 59) = 9% itself
    assert np.mean(stderrs) == pytest.approx(spread, rel=0.36)


def test_what_cannot_be_counted_is_refused():
    factors = grid(3, 4)
    with pytest.raises(BadData, match="whole numbers"):
        factors_from(np.ones((4, 2)) * 0.5)
    with pytest.raises(BadData, match="never varies"):
        factors_from(np.array([[0, 1], [0, 2]]))
    with pytest.raises(BadData, match="12 rows of factors, got 11"):
        binned_information(np.ones((11, 2)), factors)
    with pytest.raises(BadData, match="finite"):
        binned_information(np.full((12, 2), np.nan), factors)
    with pytest.raises(Refused, match="one dimension"):
        binned_information(np.ones((12, 1)), factors)
    with pytest.raises(BadData, match="12 posteriors, got 5"):
        mixture_information(torch.zeros(12, 2), Gaussians(torch.zeros(5, 2), torch.ones(5, 2)), factors)
