import math

import pytest
import torch

from helpers.brute_force import component_log_prob, full_covariance_log_prob, mixture_log_prob
from termwise.terms.aggregate import clustered
from termwise.terms.aggregate.clustered import Clusters, Halves
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.singles import GROUP


def world(scale, count=6000, dimension=4, codes=300, seed=0):
    """Means, standard deviations up to a scale, and codes: of every so many components, and some anywhere."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, dimension, generator=generator)
    spread = scale * (0.3 + 0.7 * torch.rand(count, dimension, generator=generator))
    near = (mean + spread * torch.randn(count, dimension, generator=generator))[:: count // codes][:codes]
    near[::7] = 2 * torch.randn(len(near[::7]), dimension, generator=generator)
    return mean, spread, near


@pytest.mark.parametrize("dimension", [1, 4, 10])
@pytest.mark.parametrize("scale", [1e-4, 0.01, 0.1, 0.5])
def test_it_is_within_what_is_tolerated_of_brute_force_and_less_is_asked_where_posteriors_are_narrow(scale, dimension):
    mean, spread, z = world(scale, dimension=dimension)
    clusters, weights = Clusters(Gaussians(mean, spread), size=2 * GROUP), LogWeights.uniform(len(mean))
    value = clusters.log_density(z.double(), weights)
    truth = mixture_log_prob(z, mean, spread, torch.tensor(weights.other, dtype=torch.float64))[0]
    assert torch.allclose(value, truth, atol=2.1e-5, rtol=1e-9)
    if scale <= 0.01 and dimension > 1:
        assert clusters.asked < 0.5


@pytest.mark.parametrize("own", ["stratified", "without"])
def test_a_code_s_own_component_has_its_own_weight(own):
    mean, spread, _ = world(0.05)
    index = torch.arange(0, 6000, 30)
    z = mean[index]
    index[::5] = -1 if own == "without" else index[::5]
    weights = LogWeights.stratified(index, 6000, 10**9) if own == "stratified" else LogWeights(0.0, -math.inf, index)
    table = torch.full((len(z), len(mean)), weights.other, dtype=torch.float64)
    here = (index >= 0).nonzero().squeeze(1)
    table[here, index[here]] = weights.own
    value = Clusters(Gaussians(mean, spread), size=GROUP).log_density(z.double(), weights)
    assert torch.allclose(value, mixture_log_prob(z, mean, spread, table)[0], atol=2.1e-5, rtol=0)


def test_one_that_weighs_far_more_than_others_is_not_passed_over():
    """The own component of every code is far away, and outweighs all that are near."""
    mean, spread, z = world(0.02, codes=100)
    index = torch.arange(len(z)).flip(0) * 50
    weights = LogWeights(-3000.0, 0.0, index)
    spread[index] = 0.05
    table = torch.full((len(z), len(mean)), -3000.0, dtype=torch.float64)
    table[torch.arange(len(z)), index] = 0.0
    value = Clusters(Gaussians(mean, spread), size=GROUP).log_density(z.double(), weights)
    assert torch.allclose(value, mixture_log_prob(z, mean, spread, table)[0], atol=2.1e-5, rtol=0)


def test_full_covariances_agree_with_multivariate_normals():
    generator = torch.Generator().manual_seed(1)
    mean = torch.randn(3000, 3, generator=generator)
    factor = 0.01 * torch.randn(3000, 3, 3, generator=generator).tril(-1)
    factor = factor + torch.diag_embed(0.01 + 0.02 * torch.rand(3000, 3, generator=generator))
    z = (mean + (factor @ torch.randn(3000, 3, 1, generator=generator)).squeeze(2))[::20]
    clusters, weights = Clusters(Gaussians(mean, factor), size=GROUP), LogWeights.uniform(3000)
    value = clusters.log_density(z.double(), weights)
    assert torch.allclose(value, full_covariance_log_prob(z, mean, factor, weights.other), atol=2.1e-5, rtol=0)
    assert clusters.asked < 0.5


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0])
def test_no_cluster_is_above_its_bound(scale, full):
    mean, spread, z = world(scale, count=2000)
    z = torch.cat([z, 5 * z]).double()
    if full:
        below = 0.5 * scale * torch.randn(2000, 4, 4, generator=torch.Generator().manual_seed(2)).tril(-1)
        factor = below + torch.diag_embed(spread)
        law = torch.distributions.MultivariateNormal(mean.double(), scale_tril=factor.double())
        clusters, pairs = Clusters(Gaussians(mean, factor), size=GROUP), law.log_prob(z.unsqueeze(1))
    else:
        clusters = Clusters(Gaussians(mean, spread), size=GROUP)
        pairs = component_log_prob(z, mean, spread).sum(2)
    bounds = clusters.bounds(z)
    for cluster, rows in enumerate(clusters.rows):
        assert (pairs[:, rows].logsumexp(1) <= bounds[:, cluster] + 1e-9).all()


def test_where_all_count_all_are_asked_and_codes_come_back_in_their_order(monkeypatch):
    monkeypatch.setattr(clustered, "CODES", 64)
    for scale, share in ((1.0, 1.0), (0.01, 0.3)):
        mean, spread, z = world(scale)
        clusters, weights = Clusters(Gaussians(mean, spread), size=2 * GROUP), LogWeights.uniform(len(mean))
        done = []
        value = clusters.log_density(z.double(), weights, progress=lambda *at, done=done: done.append(at))
        truth = mixture_log_prob(z, mean, spread, torch.tensor(weights.other, dtype=torch.float64))[0]
        assert torch.allclose(value, truth, atol=2.1e-5, rtol=0)
        assert share / 10 < clusters.asked <= share
        assert done == sorted(done) and done[-1] == (len(z), len(z)) and len(done) > 3


def test_codes_that_are_no_numbers_or_nowhere_near_are_taken_as_without_clusters():
    mean, spread, z = world(0.01)
    z[0, 0], z[1] = math.nan, 1e4
    weights = LogWeights.uniform(len(mean))
    value = Clusters(Gaussians(mean, spread), size=GROUP).log_density(z.double(), weights)
    truth = mixture_log_prob(z, mean, spread, torch.tensor(weights.other, dtype=torch.float64))[0]
    assert value[0].isnan()
    assert torch.allclose(value[1:], truth[1:], atol=2.1e-5, rtol=1e-9)


def test_heaps_hold_every_point_once_and_a_point_is_of_its_own_heap():
    points = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)).double()
    halves = Halves(points, 100, 16)
    assert torch.cat(halves.heaps).sort().values.tolist() == list(range(1000))
    assert all(len(rows) % 16 == 0 for rows in halves.heaps[:-1]) and max(map(len, halves.heaps)) <= 100
    heap = halves.heap_of(points)
    assert all((heap[rows] == place).all() for place, rows in enumerate(halves.heaps))


def test_points_that_are_all_alike_fall_into_heaps_nevertheless():
    halves = Halves(torch.zeros(300, 2), 64, 16)
    assert sorted(map(len, halves.heaps)) == [44, 64, 64, 64, 64] or max(map(len, halves.heaps)) <= 64
    assert len(halves.heap_of(torch.zeros(5, 2).double())) == 5
