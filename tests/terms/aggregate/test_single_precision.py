import math

import pytest
import torch
from torch.distributions import Beta, Dirichlet, Gamma, Independent, VonMises

from helpers.brute_force import full_covariance_log_prob, mixture_log_prob
from termwise.fast_paths import SWITCH
from termwise.models.codes import Codes
from termwise.products import linear
from termwise.terms.aggregate import single_precision
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.discrete_components import BernoulliComponents, CategoryComponents
from termwise.terms.aggregate.exponential_components import ExponentialComponents
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.mixture import log_density
from termwise.terms.aggregate.single_precision import SINGLE_FIRST, log_density_in_single
from termwise.terms.aggregate.singles import BITS


def world(scale, count=1500, dimension=6, codes=70, seed=0):
    """Means, standard deviations and one code of each of the first components; a scale, a range, or a law of one."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, dimension, generator=generator)
    low, high = scale if isinstance(scale, tuple) else (scale, scale)
    spread = low * (high / low) ** torch.rand(count, dimension, generator=generator)
    return mean, spread, (mean + spread * torch.randn(count, dimension, generator=generator))[:codes]


def found_and_truth(mean, spread, z, tolerance=1e-5, weights=None, **options):
    weights = weights or LogWeights.uniform(len(mean))
    found = log_density_in_single(Codes.at(z), Gaussians(mean, spread), weights, True, tolerance, **options)
    exact = z.double().requires_grad_()
    truth = mixture_log_prob(exact, mean, spread, torch.tensor(weights.other, dtype=torch.float64))[0]
    return found, truth.detach(), torch.autograd.grad(truth.sum(), exact)[0]


SCALES = [0.01, 0.1, 0.4, 1.0, (0.05, 1.0), (1e-3, 10.0), 1e-3, 1e-4]
WIDE = 2e-3
"""Nats that are tolerated where many components count, so that float32 will do; a tenth is what it comes to."""


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_sure_is_within_what_is_tolerated_of_brute_force_and_so_is_its_gradient(scale):
    mean, spread, z = world(scale)
    wide = scale in (0.1, 0.4, 1.0, (0.05, 1.0))
    found, truth, slope = found_and_truth(mean, spread, z, WIDE if wide else 1e-5)
    if found is None:
        assert scale == (1e-3, 10.0)
        return
    assert found.sure.float().mean() > (0.1 if scale == (1e-3, 10.0) else 0.5)
    assert (found.value - truth)[found.sure].abs().max() < (WIDE / 10 if wide else 1e-5)
    assert (found.gradient - slope)[found.sure].norm() < 1e-4 * slope[found.sure].norm()


@pytest.mark.parametrize("elements", [2**13, 2**15])
@pytest.mark.parametrize("scale", [0.1, 0.4, 1.0, (0.05, 1.0)])
def test_block_after_block_is_as_good_as_all_at_once(scale, elements):
    mean, spread, z = world(scale, count=3000)
    found, truth, slope = found_and_truth(mean, spread, z, WIDE, elements=elements)
    assert found.sure.float().mean() > 0.5
    assert (found.value - truth)[found.sure].abs().max() < WIDE / 10
    assert (found.gradient - slope)[found.sure].norm() < 1e-4 * slope[found.sure].norm()


def test_a_certificate_is_never_broken():
    """Codes of 60 worlds of all sizes, near and far, against float64: what is sure is within what is tolerated."""
    generator = torch.Generator().manual_seed(5)
    sure = total = 0
    for seed in range(60):
        draw = torch.rand(6, generator=generator).tolist()
        low = 10 ** (3.5 * draw[0] - 3)
        scale = (low, low * 10 ** (2 * draw[1]))
        count, dimension = int(200 + 2000 * draw[2]), int(1 + 11 * draw[3])
        mean, spread, z = world(scale, count, dimension, codes=40, seed=seed)
        mean[: count // 4] = mean[0]  # alike
        z = torch.cat([z, z * 3, z + 5 * draw[4], mean[:10]])
        tolerance = 10 ** (-7 + 4 * draw[5])
        found, truth, _ = found_and_truth(mean, spread, z, tolerance)
        if found is None:
            continue
        sure, total = sure + int(found.sure.sum()), total + len(z)
        assert ((found.value - truth).abs() <= tolerance + 1e-9 * truth.abs())[found.sure].all(), seed
    assert sure > total / 2


@pytest.mark.parametrize("tolerance", [1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("scale", [(0.2, 0.8), 0.5, 1.0])
def test_where_float32_is_not_good_enough_for_many_that_count_it_says_so(scale, tolerance):
    mean, spread, z = world(scale, count=2000, dimension=8, codes=150)
    found, truth, _ = found_and_truth(mean, spread, z, tolerance)
    if found is not None:
        assert ((found.value - truth).abs() <= tolerance)[found.sure].all()
    alone, truth, _ = found_and_truth(mean, spread, z, 1e-2)
    assert ((alone.value - truth).abs() > tolerance).any()


@pytest.mark.parametrize("scale", [1e-4, 3e-5])
def test_components_that_float32_cannot_tell_apart_are_all_found(scale):
    """Of 300 heaps, the components of each within some sigmas of one another, where products are off by many nats."""
    generator = torch.Generator().manual_seed(7)
    centres = 2 + torch.randn(300, 1, 6, generator=generator)
    mean = (centres + scale * torch.randn(300, 8, 6, generator=generator)).flatten(0, 1).double()
    spread = torch.full_like(mean, scale)
    z = (mean + scale * torch.randn(mean.shape, generator=generator).double())[::20]
    found, truth, slope = found_and_truth(mean, spread, z)
    assert found is not None and found.sure.all()
    assert (found.value - truth).abs().max() < 1e-5
    assert (found.gradient - slope).norm() < 1e-6 * slope.norm()


@pytest.mark.parametrize("dimension", [1, 2, 6])
@pytest.mark.parametrize("scale", [1e-2, 1e-3, 1e-4])
def test_of_more_such_components_than_are_taken_exactly_nothing_is_said_that_is_not_sure(scale, dimension):
    generator = torch.Generator().manual_seed(8)
    centres = 2 + torch.randn(4, 1, dimension, generator=generator)
    mean = (centres + 5 * scale * torch.randn(4, 500, dimension, generator=generator)).flatten(0, 1).double()
    spread = torch.full_like(mean, scale)
    z = (mean + scale * torch.randn(mean.shape, generator=generator).double())[::20]
    found, truth, _ = found_and_truth(mean, spread, z)
    assert found is None or not found.sure.any() or (found.value - truth)[found.sure].abs().max() < 1e-5


@pytest.mark.parametrize("dimension", [1, 6, 40])
def test_no_product_is_further_off_than_its_bound_nor_often_as_far_as_the_usual_one(dimension):
    for seed, scale in enumerate([0.01, 0.1, 0.4, 1.0, (0.05, 1.0), (1e-2, 10.0)]):
        mean, spread, z = world(scale, dimension=dimension, seed=seed)
        components = Gaussians(mean, spread)
        features, singles = components.features(z.double()), components.singles()
        found = linear(features.float(), singles.slope, singles.intercept)[:, : len(mean)]
        exact = (features @ components.slope.T + components.intercept) * BITS
        off = (found.double() - exact).abs()
        assert (off.amax(1) <= singles.largest(features) * singles.most).all()
        slope, intercept = (of[: len(mean)].double().abs() for of in (singles.slope, singles.intercept))
        off /= features.abs() @ slope.T + intercept
        assert off.max() <= singles.most
        assert off.square().mean().sqrt() <= singles.usual / 3


@pytest.mark.parametrize("own", ["stratified", "without"])
@pytest.mark.parametrize("scale", [0.02, 0.3, 1.0])
def test_a_code_s_own_component_has_its_own_weight(own, scale):
    mean, spread, z = world(scale)
    index = torch.arange(len(z))
    index[::5] = -1 if own == "without" else index[::5]  # of nobody
    weights = (
        LogWeights.stratified(index, len(mean), 20_000) if own == "stratified" else LogWeights(0.0, -math.inf, index)
    )
    table = torch.full((len(z), len(mean)), weights.other, dtype=torch.float64)
    here = index >= 0
    table[here.nonzero().squeeze(1), index[here]] = weights.own
    found = log_density_in_single(Codes.at(z), Gaussians(mean, spread), weights, True, WIDE if scale > 0.1 else 1e-5)
    exact = z.double().requires_grad_()
    truth = mixture_log_prob(exact, mean, spread, table)[0]
    slope = torch.autograd.grad(truth.sum(), exact)[0]
    assert found.sure.float().mean() > 0.8
    assert (found.value - truth)[found.sure].abs().max() < (WIDE / 10 if scale > 0.1 else 1e-5)
    assert (found.gradient - slope)[found.sure].norm() < 1e-4 * slope[found.sure].norm()


@pytest.mark.parametrize("scale", [0.05, 0.5])
def test_full_covariances_agree_with_multivariate_normals(scale):
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(1000, 4, generator=generator)
    factor = 0.3 * scale * torch.randn(1000, 4, 4, generator=generator).tril(-1)
    factor = factor + torch.diag_embed(scale * (0.5 + torch.rand(1000, 4, generator=generator)))
    z = (mean + (factor @ torch.randn(1000, 4, 1, generator=generator)).squeeze(2))[:60]
    weights = LogWeights.uniform(1000)
    found = log_density_in_single(Codes.at(z), Gaussians(mean, factor), weights, True, WIDE)
    exact = z.double().requires_grad_()
    truth = full_covariance_log_prob(exact, mean, factor, weights.other)
    (slope,) = torch.autograd.grad(truth.sum(), exact)
    assert found.sure.float().mean() > 0.8
    assert (found.value - truth)[found.sure].abs().max() < 1e-4
    assert (found.gradient - slope)[found.sure].norm() < 1e-3 * slope[found.sure].norm()


FAMILIES = {
    "gamma": lambda u: Gamma(1 + 4 * u, 1 + u.flip(0)),
    "beta": lambda u: Beta(1 + 4 * u, 1 + 4 * u.flip(0)),
    "von mises": lambda u: VonMises(6 * u - 3, 1 + 9 * u.flip(0)),
}


@pytest.mark.parametrize("family", [*FAMILIES, "dirichlet"])
def test_exponential_families_agree_with_torch(family):
    torch.manual_seed(2)
    u = torch.rand(900, 3, dtype=torch.float64)
    law = Dirichlet(1 + 4 * u) if family == "dirichlet" else Independent(FAMILIES[family](u), 1)
    z = law.sample()[:50].requires_grad_()
    weights = LogWeights.uniform(900)
    found = log_density_in_single(Codes.at(z).detached(), ExponentialComponents.of(law), weights, True, WIDE)
    law = Dirichlet(1 + 4 * u, validate_args=False) if family == "dirichlet" else law
    truth = (law.log_prob(z.unsqueeze(1)) + weights.other).logsumexp(1)
    (slope,) = torch.autograd.grad(truth.sum(), z)
    assert found.sure.float().mean() > 0.8
    assert (found.value - truth)[found.sure].abs().max() < 1e-4
    difference = found.gradient - slope
    if family == "dirichlet":  # within the simplex: along (1, 1, 1) there is no density
        difference = difference - difference.mean(1, keepdim=True)
    assert difference[found.sure].norm() < 1e-3 * slope.norm()


def test_discrete_codes_and_codes_of_blocks_are_found_without_their_gradient():
    torch.manual_seed(3)
    log_probs = (3 * torch.randn(900, 4, 5)).log_softmax(-1)
    categories = torch.nn.functional.one_hot(torch.distributions.Categorical(logits=log_probs).sample(), 5).float()
    logits = 2 * torch.randn(900, 6)
    bits = (torch.rand(900, 6) < logits.sigmoid()).float()
    mean, spread, numbers = world(0.2, count=900, codes=900)
    blocks = BlockComponents([CategoryComponents(log_probs), BernoulliComponents(logits), Gaussians(mean, spread)])
    z = torch.cat([categories.flatten(1), bits, numbers], 1)[:50]
    pairs = (
        (categories[:50].flatten(1).double() @ log_probs.flatten(1).double().T)
        + (bits[:50].double() @ logits.double().T - torch.nn.functional.softplus(logits.double()).sum(1))
        + torch.distributions.Normal(mean.double(), spread.double()).log_prob(numbers[:50].double().unsqueeze(1)).sum(2)
    )
    weights = LogWeights.uniform(900)
    found = log_density_in_single(Codes.at(z), blocks.linear, weights, False, WIDE)
    assert found.sure.float().mean() > 0.8
    assert (found.value - (pairs + weights.other).logsumexp(1))[found.sure].abs().max() < WIDE / 10


def test_codes_that_are_too_far_or_no_numbers_are_left_to_float64(monkeypatch):
    monkeypatch.setattr(single_precision, "FROM", 0)
    mean, spread, z = world(0.1)
    z[3], z[5, 0], z[7] = 1e6, math.nan, 300.0
    found, truth, _ = found_and_truth(mean, spread, z)
    assert not found.sure[3] and not found.sure[5]
    value = log_density(z, Gaussians(mean, spread), LogWeights.uniform(len(mean))).double()
    assert value[5].isnan()
    rest = torch.arange(len(z)) != 5
    assert torch.allclose(value[rest], truth[rest], atol=1e-5, rtol=1e-6)
    assert log_density_in_single(Codes.at(z), Gaussians(mean, 1e-9 * spread), LogWeights(0.0), True, 1e-5) is None


def test_rows_replaced_in_place_are_those_of_fresh_components():
    mean, spread, z = world(0.4)
    weights = LogWeights.uniform(len(mean))
    changed = Gaussians(mean.clone(), spread.clone())
    before = log_density_in_single(Codes.at(z), changed, weights, True, WIDE)
    rows = torch.tensor([3, 77, 500, 1499])
    other = Gaussians(mean[rows] + 1, 0.8 * spread[rows])
    changed.write(rows, other)
    mean[rows], spread[rows] = other.mean, other.spread
    fresh = Gaussians(mean, spread)
    after, wanted = (log_density_in_single(Codes.at(z), one, weights, True, WIDE) for one in (changed, fresh))
    assert torch.equal(after.value, wanted.value) and torch.equal(after.gradient, wanted.gradient)
    assert torch.equal(changed.singles().steepest, fresh.singles().steepest)
    assert not torch.equal(before.value, after.value)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_with_and_without_it_log_densities_and_gradients_are_the_same(scale, dtype, monkeypatch):
    mean, spread, z = (of.to(dtype) for of in world(scale))
    both = []
    for switch in ("on", "off"):
        monkeypatch.setenv(SWITCH, switch)
        SINGLE_FIRST.anew()
        codes = z.clone().requires_grad_()
        value = log_density(codes, Gaussians(mean, spread), LogWeights.uniform(len(mean)))
        both.append((value, torch.autograd.grad(value.sum(), codes)[0]))
    SINGLE_FIRST.anew()
    (value, slope), (wanted, its_slope) = both
    assert (value - wanted).abs().max() < (1e-4 if dtype == torch.float32 else 2e-6)  # float64 at once may cancel
    assert (slope - its_slope).norm() < 1e-3 * its_slope.norm()


def test_what_is_sparse_and_what_is_dense_both_happen(monkeypatch):
    """Half of the components narrow, half wide, so that some codes have few that count and others many."""
    mean, spread, _ = world(0.1, count=3000)
    spread[::2] = 1.0
    z = torch.cat([mean[1:60:2] + 8, mean[:30]])
    found, truth, _ = found_and_truth(mean, spread, z, WIDE)
    assert (found.value - truth)[found.sure].abs().max() < WIDE / 10
    assert found.sure.float().mean() > 0.5
