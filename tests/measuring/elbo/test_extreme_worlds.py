"""Accounts of extreme posteriors, against every pair at sixty digits: sigma from 1e-20 to 1e20, means to 1e6, copies.

The guard is off: what is right here is right of itself.
"""

import math
from unittest.mock import patch

import mpmath
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings, strategies as some
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

import termwise as tw
from termwise.account.guard import unguarded
from termwise.measuring.elbo.remedies import Remedies
from termwise.models.codes import Codes

mpmath.mp.dps = 60
HALF_LOG_2PI = mpmath.log(2 * mpmath.pi) / 2


def exactly(tensor):
    return [[mpmath.mpf(float(entry)) for entry in row] for row in tensor.double()]


def standardised(posterior, code, m):
    """(z - mu_m) / sigma_m, and log sigma_m, by dimension; of a full covariance, L^-1 (z - mu_m) and log diag L."""
    mean, spread = posterior
    apart = [z - mu for z, mu in zip(code, mean[m], strict=True)]
    if not isinstance(spread[m][0], list):
        return [a / s for a, s in zip(apart, spread[m], strict=True)], [mpmath.log(s) for s in spread[m]]
    solved = []
    for i, row in enumerate(spread[m]):
        solved.append((apart[i] - sum(row[j] * solved[j] for j in range(i))) / row[i])
    return solved, [mpmath.log(row[i]) for i, row in enumerate(spread[m])]


def log_normals(posterior, code, m):
    """log N(z_j; mu_mj, sigma_mj^2) by dimension of the whitened code: their sum is log q(z|x_m)."""
    standard, log_scale = standardised(posterior, code, m)
    return [-(s**2) / 2 - log_s - HALF_LOG_2PI for s, log_s in zip(standard, log_scale, strict=True)]


def log_mean(values):
    peak = max(values)
    return peak + mpmath.log(sum(mpmath.exp(v - peak) for v in values) / len(values))


def links(posterior, codes):
    """Index-code MI, and what the dimensions tell of their examples each, on average; of the points, at these codes."""
    mean, spread = posterior
    n, latent = len(mean), len(mean[0])
    scale = spread
    if isinstance(spread[0][0], list):
        scale = [[mpmath.sqrt(sum(entry**2 for entry in row)) for row in factor] for factor in spread]
    mi, mi_j = [], [[] for _ in range(latent)]
    for own, code in enumerate(codes):
        whole = [sum(log_normals(posterior, code, m)) for m in range(n)]
        mi.append(whole[own] - log_mean(whole))
        each = [log_normals((mean, scale), code, m) for m in range(n)]
        for j in range(latent):
            mi_j[j].append(each[own][j] - log_mean([one[j] for one in each]))
    return float(sum(mi) / n), [float(sum(of) / n) for of in mi_j]


def rate_of(posterior, prior_mean, prior_scale):
    """KL(q(z|x_n) || N(m, s^2)) on average over examples."""
    mean, spread = posterior
    total = mpmath.mpf(0)
    for mu, one in zip(mean, spread, strict=True):
        full = isinstance(one[0], list)
        for j, centre in enumerate(mu):
            variance = sum(entry**2 for entry in one[j]) if full else one[j] ** 2
            log_scale = mpmath.log(one[j][j] if full else one[j])
            energy = (variance + (centre - prior_mean) ** 2) / prior_scale**2
            total += (energy - 1) / 2 - log_scale + mpmath.log(prior_scale)
    return float(total / len(mean))


def nothing_tried():
    """So that no codes are drawn but the account's own: what it would advise is else tried on more."""
    return patch("termwise.measuring.elbo.measure.Remedies", lambda batches: Remedies())


def measured(law, prior=None, n=None):
    """The account of posteriors, and their codes, at sixty digits."""
    drawn = []
    of = Codes.of

    def recorded(posterior, *shape):
        drawn.append(of(posterior, *shape))
        return drawn[-1]

    n = n or len(law.mean)
    model = tw.adapt(encode=lambda _: law, prior=prior)
    with patch.object(Codes, "of", recorded), unguarded(), nothing_tried():
        account = tw.measure(model, torch.arange(float(n))[:, None])
    parts = exactly(drawn[-1].centre), exactly(drawn[-1].offset)
    return account, [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(*parts, strict=True)]


@some.composite
def posteriors(draw):
    """N means and sigmas over D dimensions, some of them copies, some dimensions constant."""
    n, latent = draw(some.integers(2, 7)), draw(some.integers(1, 3))
    torch.manual_seed(draw(some.integers(0, 2**32 - 1)))
    low = draw(some.floats(-20, 20))
    exponents = low + (draw(some.sampled_from([0.0, 1.0])) * (20 - low)) * torch.rand(n, latent, dtype=torch.float64)
    mean = 10 ** draw(some.floats(-6, 6)) * torch.randn(n, latent, dtype=torch.float64)
    mean = mean + draw(some.sampled_from([0.0, 1e6, -3.5]))
    if draw(some.booleans()):
        mean[:, 0], exponents[:, 0] = mean[0, 0], exponents[0, 0]  # a constant dimension
    if draw(some.booleans()):
        mean[1], exponents[1] = mean[0], exponents[0]  # a copy
    dtype = draw(some.sampled_from([torch.float32, torch.float64]))
    return mean.to(dtype), (10**exponents).to(dtype)


def extreme(worlds):
    """So many worlds, the same every time."""
    healthy, phases = list(HealthCheck), [Phase.generate]
    return settings(derandomize=True, deadline=None, suppress_health_check=healthy, phases=phases, max_examples=worlds)


def close(found, wanted):
    return found == pytest.approx(wanted, rel=1e-5, abs=2e-5)


def a_diagonal_normal_of_any_size_has_the_links_of_brute_force(of):
    mean, scale = of
    account, codes = measured(Independent(Normal(mean, scale), 1))
    exact = exactly(mean), exactly(scale)
    mi, mi_j = links(exact, codes)
    rate = rate_of(exact, 0, 1)
    n = len(mean)
    assert close(account["index_code_mi"].value, mi)
    assert account["index_code_mi"].value <= math.log(n) + 1e-9
    assert account["total_correlation"].value == pytest.approx(
        sum(mi_j) - mi, abs=1e-4
    )  # of normals without covariance
    assert close(account["rate"].value, rate)
    assert close(account["marginal_kl"].value, rate - mi)
    assert account.by_dimension["index_code_mi_by_dimension"].value == pytest.approx(mi_j, rel=1e-5, abs=2e-5)


def a_full_normal_of_any_size_has_the_links_of_brute_force_under_any_normal_prior(of, prior):
    mean, scale = of
    shape = torch.eye(mean.shape[1]) + 0.9 * torch.randn(*mean.shape, mean.shape[1]).tril(-1)
    factor = scale.unsqueeze(-1) * shape.to(scale.dtype)
    law = Independent(Normal(torch.full_like(mean[0], prior[0]), prior[1]), 1)
    account, codes = measured(MultivariateNormal(mean, scale_tril=factor, validate_args=False), law)
    exact = exactly(mean), [exactly(one) for one in factor]
    mi, _ = links(exact, codes)
    assert close(account["index_code_mi"].value, mi)
    assert close(account["rate"].value, rate_of(exact, *map(mpmath.mpf, prior)))


def a_mixture_of_any_size_has_the_links_of_brute_force(of):
    mean, scale = of
    means, scales = torch.stack([mean, mean.flip(0) + scale], 1), torch.stack([scale, scale.flip(0)], 1)
    weights = torch.randn(len(mean), 2, dtype=mean.dtype).softmax(1)
    law = MixtureSameFamily(Categorical(weights, validate_args=False), Independent(Normal(means, scales), 1))
    account, codes = measured(law)
    parts = [(exactly(means[:, k]), exactly(scales[:, k])) for k in range(2)]
    log_weights = law.mixture_distribution.logits.double()
    mi = []
    for own, code in enumerate(codes):
        whole = []
        for m in range(len(mean)):
            each = [sum(log_normals(parts[k], code, m)) + mpmath.mpf(float(log_weights[m, k])) for k in range(2)]
            whole.append(log_mean(each) + mpmath.log(2))
        mi.append(whole[own] - log_mean(whole))
    assert close(account["index_code_mi"].value, float(sum(mi) / len(mi)))


def the_rate_of_a_law_of_any_size_without_a_mixture_of_normals_is_its_own(of):
    mean, scale = of
    middle, width = mean[0], 1e-20 + (mean - mean[0]).abs().amax(0) + scale.amax(0)  # a prior as wide as the codes
    prior = Independent(Normal(middle, width), 1)
    account, _ = measured(Independent(StudentT(5.0, mean, scale), 1), prior, n=len(mean))
    entropy = float(StudentT(torch.tensor(5.0).double()).entropy())  # whose variance is 5/3 of the scale's square
    rate = mpmath.mpf(0)
    for at, spread in zip(exactly(mean), exactly(scale), strict=True):
        for m, s, a, w in zip(at, spread, exactly(middle[None])[0], exactly(width[None])[0], strict=True):
            rate += mpmath.log(2 * mpmath.pi) / 2 + mpmath.log(w / s) - entropy
            rate += ((m - a) ** 2 + mpmath.mpf(5) / 3 * s**2) / (2 * w**2)
    assert account["rate"].value == pytest.approx(float(rate / len(mean)), rel=1e-5, abs=1e-4)


PROPERTIES = [
    (a_diagonal_normal_of_any_size_has_the_links_of_brute_force, (posteriors(),)),
    (
        a_full_normal_of_any_size_has_the_links_of_brute_force_under_any_normal_prior,
        (
            posteriors(),
            some.sampled_from([(0.0, 1.0), (2.0, 0.1), (-1e5, 1e4)]),
        ),
    ),
    (a_mixture_of_any_size_has_the_links_of_brute_force, (posteriors(),)),
    (the_rate_of_a_law_of_any_size_without_a_mixture_of_normals_is_its_own, (posteriors(),)),
]


@pytest.mark.parametrize("worlds", [12, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("holds", "of"), PROPERTIES)
def test_in_extreme_worlds(holds, of, worlds):
    extreme(worlds)(given(*of)(holds))()


@pytest.mark.parametrize("log_variance", [-10.0, -30.0, -60.0])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_model_of_any_precision_with_codes_apart_tells_each_example(dtype, log_variance):
    torch.manual_seed(0)
    mean = (torch.randn(16, 128) * 5.5).to(dtype)
    model = tw.adapt(encode=lambda x: (mean[x[:, 0].long()], torch.full((len(x), 128), log_variance, dtype=dtype)))
    with unguarded():
        account = tw.measure(model, torch.arange(16.0)[:, None])
    assert account["index_code_mi"].value == pytest.approx(math.log(16), abs=1e-9)


@pytest.mark.parametrize(
    "sigma", [1e-20, *(pytest.param(sigma, marks=pytest.mark.slow) for sigma in (1e-9, 1e-3)), 1e20]
)
@pytest.mark.parametrize("count", [500, 1500])  # one by one, and by convolution
def test_many_points_have_the_links_of_float64(count, sigma):
    torch.manual_seed(0)
    mean, scale = 3 * torch.randn(count, 2), sigma * (1 + torch.rand(count, 2))
    mean[1], scale[1] = mean[0], scale[0]
    drawn = []
    of = Codes.of
    record = lambda posterior: drawn.append(of(posterior)) or drawn[-1]  # noqa: E731
    model = tw.adapt(encode=lambda x: Independent(Normal(mean[x[:, 0].long()], scale[x[:, 0].long()]), 1))
    with patch.object(Codes, "of", record), unguarded(), nothing_tried():
        account = tw.measure(model, torch.arange(float(count))[:, None], batch_size=count)
    codes = drawn[-1].in_double()
    standard = codes[:, None].beyond(mean.double()) / scale.double()  # (N, N, D)
    pairs = -0.5 * standard.square() - scale.double().log()
    joint = pairs.sum(2).diagonal() - (pairs.sum(2).logsumexp(1) - math.log(count))
    alone = pairs.diagonal().T - (pairs.logsumexp(1) - math.log(count))
    for name, values in {"index_code_mi": joint, "total_correlation": alone.sum(1) - joint}.items():
        error = float(values.std()) / math.sqrt(count)
        assert abs(account[name].value - float(values.mean())) < 4 * error + 1e-5, name
    assert account["index_code_mi"].value < math.log(count) + 1e-6


def test_fewer_points_than_dimensions_and_points_that_are_copies_have_their_links():
    torch.manual_seed(0)
    mean = torch.randn(32, 4096)
    model = tw.adapt(encode=lambda x: (mean[x[:, 0].long()], torch.full((len(x), 4096), -2.0)))
    with unguarded():
        account = tw.measure(model, torch.arange(32.0)[:, None])
        assert account["index_code_mi"].value == pytest.approx(math.log(32), abs=1e-9)
        assert account["total_correlation"].stderr > 0
    mean = torch.zeros(200, 2)
    model = tw.adapt(encode=lambda x: (mean, torch.full((200, 2), -40.0)))
    with unguarded():
        account = tw.measure(model, torch.arange(200.0)[:, None])
    for name in ("index_code_mi", "total_correlation", "population_mi", "population_total_correlation"):
        assert account[name].value == pytest.approx(0.0, abs=1e-6), name


@pytest.mark.parametrize("log_variance", [87.0, 100.0, 150.0, 176.0])
def test_one_variance_of_any_size_is_measured(log_variance):
    torch.manual_seed(0)
    mean, log_variances = torch.randn(200, 3), torch.zeros(200, 3)
    log_variances[0, 0] = log_variance
    model = tw.adapt(encode=lambda x: (mean[x[:, 0].long()], log_variances[x[:, 0].long()]))
    account = tw.measure(model, torch.arange(200.0)[:, None])
    deviation = (log_variances.double() / 2).exp().float().double()
    rate = 0.5 * (deviation.square() + mean.double().square() - 1).sum(1) - deviation.log().sum(1)
    assert account["rate"].value == pytest.approx(float(rate.mean()), rel=1e-5)
    assert 0 < account["index_code_mi"].value < math.log(200)
