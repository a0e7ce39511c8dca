"""The MMD^2 of codes and prior: against quadrature, brute force, and laws for which it is known; in every account."""

import math

import pytest
import torch
from scipy.integrate import quad
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

import termwise as tw
from helpers.short_runs import examples, small
from termwise.measuring.elbo import marginal_mmd2 as room
from termwise.measuring.elbo.marginal_mmd2 import LEAST, marginal_mmd2
from termwise.terms.kernel import IMQ, mmd2

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def prior(dimensions: int, scale: float = 1.0) -> Independent:
    return Independent(Normal(torch.zeros(dimensions, dtype=torch.float64), scale), 1)


def alike(variances: torch.Tensor, shift: float | torch.Tensor = 0.0) -> float:
    """E k(a, b) where a - b ~ N(shift, diag variances), by quadrature over the kernel's own mixture of Gaussians."""
    square = torch.as_tensor(shift) ** 2

    def integrand(u: float, c: float) -> float:
        w = 1 + 2 * u / c * variances
        return math.exp(-u) * float((w.rsqrt() * (-(u / c) * square / w).exp()).prod())

    return sum(quad(integrand, 0, math.inf, args=(2 * len(variances) * s,), limit=200)[0] for s in SCALES)


def truth(variances: torch.Tensor, shift: float | torch.Tensor = 0.0) -> float:
    """MMD^2 of N(shift, diag variances) and N(0, I)."""
    one = torch.ones_like(variances)
    return alike(2 * variances) + alike(2 * one) - 2 * alike(variances + one, shift)


@pytest.mark.parametrize("dimensions", [1, 3, 40])
def test_the_means_over_a_normal_prior_are_the_kernel_s(dimensions):
    z = torch.linspace(-4, 4, 5, dtype=torch.float64).unsqueeze(1) * torch.ones(dimensions, dtype=torch.float64)
    means = room._means_over_prior(IMQ(), z, prior(dimensions))
    assert means is not None
    one = torch.ones(dimensions, dtype=torch.float64)
    assert means[0].tolist() == pytest.approx([alike(one, float(code[0])) for code in z], rel=1e-6)
    assert means[1].tolist() == pytest.approx([alike(2 * one)], rel=1e-6)


@pytest.mark.parametrize("law", ["normal", "of samples"])
@pytest.mark.parametrize(
    ("variances", "shift"),
    [
        ([1.0, 1.0], 0.0),
        pytest.param([0.25, 0.25], 0.0, marks=pytest.mark.slow),
        pytest.param([1.0, 1.0], 0.5, marks=pytest.mark.slow),
        ([0.04, 9.0, 1.0], 0.3),
    ],
)
def test_it_is_the_truth_of_normal_laws_within_its_error_which_is_that_of_repetitions(variances, shift, law):
    spread = torch.tensor(variances, dtype=torch.float64)
    n, repetitions = 300, 60
    known = prior(len(spread))
    p = known if law == "normal" else MultivariateNormal(torch.zeros(len(spread)), torch.eye(len(spread)))
    found = [
        marginal_mmd2(shift + spread.sqrt() * torch.randn(1, n, len(spread), dtype=torch.float64), p)
        for _ in range(repetitions)
    ]
    values = torch.tensor([reading.value for reading, _ in found])
    stderr = torch.tensor([reading.stderr for reading, _ in found]).mean()
    assert float(values.mean()) == pytest.approx(truth(spread, shift), abs=4 * float(values.std()) / repetitions**0.5)
    # the spread of 60 is known to 9%; where both laws are one, pairs are counted twice, which is sqrt(2) too wide
    assert 0.65 * stderr < values.std() < 1.35 * stderr


@pytest.mark.parametrize("n", [2, 5, 100])
def test_one_block_is_the_u_statistic_of_the_paper(n):
    """Against `mmd2` of the same codes and samples of the prior, whose cross term has the pairs of one index too."""
    z, p = torch.randn(n, 3).double(), torch.randn(n, 3).double()
    means = room._with_others(IMQ(), z, p, None)
    across = IMQ()(z, p)
    crossed = (across.sum() - across.trace()) / (n * (n - 1)) - across.mean()
    assert float(means.mean()) == pytest.approx(float(mmd2(z, p, IMQ()) - 2 * crossed), abs=1e-12)


def test_blocks_are_of_random_codes_and_pair_none_with_itself():
    """Codes in an order, as data sorted by class has them: blocks of neighbours would say 2 where pairs say 0."""
    z = torch.randn(4000, 1, generator=torch.Generator().manual_seed(1)).sort(0).values.double()
    reading, values = marginal_mmd2(z.unsqueeze(0), prior(1))
    assert abs(reading.value) < 4 * reading.stderr < 0.02
    assert len(values) == 4000 and float(values.mean()) == pytest.approx(reading.value)


def test_a_prior_as_wide_as_its_codes_is_told_from_one_that_is_not():
    z = 2 * torch.randn(1, 2000, 3)
    near, far = (marginal_mmd2(z, prior(3, scale))[0] for scale in (2.0, 1.0))
    assert abs(near.value) < 4 * near.stderr
    assert far.value > 10 * far.stderr
    assert marginal_mmd2(z, Independent(Laplace(torch.zeros(3), 1.0), 1))[0].value > 0


POSTERIORS = ["diagonal-normal", "full-normal", "noise-input+normal", "noise-basis"]


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_every_account_has_it_with_values_by_example(posterior):
    account = tw.measure(small(posterior=posterior), examples(), noises=8, samples=2)
    reading = account["marginal_mmd2"]
    assert (reading.unit, reading.n) == ("MMD^2", len(examples().test))
    assert "below 0 by chance" in reading.bias and "inverse multiquadrics" in reading.estimator
    assert float(account.per_example["marginal_mmd2"].mean()) == pytest.approx(reading.value)
    assert account.withheld == {}


def test_an_account_without_a_decoder_has_it_too():
    encoder = small()
    account = tw.measure(tw.adapt(encode=encoder.encode), examples())
    assert account["marginal_mmd2"].value == pytest.approx(tw.measure(encoder, examples())["marginal_mmd2"].value)


def test_of_a_world_it_is_what_its_aggregate_has():
    """Of a normal q(z), in the coordinates in which its covariance is diagonal: kernel and prior are the same there."""
    world = tw.worlds.LinearGaussian.random(seed=0, latent=3)
    covariance = world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance
    variances, axes = torch.linalg.eigh(covariance)
    shift = axes.T @ (world.encoder @ world.mean + world.offset)
    reading = tw.measure(world, world.data(1500))["marginal_mmd2"]
    assert reading.value > 20 * reading.stderr
    assert reading.value == pytest.approx(truth(variances, shift), abs=4 * reading.stderr)


def test_of_a_few_examples_there_is_none_since_its_error_would_be_of_too_few_pairs():
    law = Independent(Normal(torch.zeros(2), 1.0), 1)
    codes = torch.randn(1, LEAST, 2, generator=torch.Generator().manual_seed(0))
    assert marginal_mmd2(codes[:, :-1], law) is None
    assert marginal_mmd2(codes, law)[0].stderr > 0


def test_of_a_prior_of_each_example_there_is_none():
    assert marginal_mmd2(torch.randn(1, 40, 2), Independent(Normal(torch.zeros(40, 2), 1.0), 1)) is None
