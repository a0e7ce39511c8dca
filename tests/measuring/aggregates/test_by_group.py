"""The law of codes of every group: against torch's mixtures, a world's own laws, and the jackknife done by hand."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

import termwise as tw
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.aggregates import GroupAggregates
from termwise.measuring.aggregates.by_group import _log_mean
from termwise.terms.aggregate.posterior_components import components_of
from termwise.worlds import ConditionalLinearGaussian

NAMES = ("a", "b", "c", "d")


def laws(count=50, dimension=3):
    torch.manual_seed(0)
    mean, scale = torch.randn(count, dimension), (0.3 * torch.randn(count, dimension) - 1).exp()
    groups = torch.arange(count) % 3
    groups[-1] = 3  # alone
    components = components_of(Independent(Normal(mean, scale), 1))
    return GroupAggregates(components, mean.double(), groups, NAMES), mean, scale


def mixture(mean, scale):
    parts = Independent(Normal(mean.double(), scale.double()), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(mean))), parts)


def test_densities_are_those_of_torch_s_mixtures():
    of, mean, scale = laws()
    z = torch.randn(20, 3).double()
    found = of.log_density(z)
    for group in range(4):
        rows = of.groups == group
        assert torch.allclose(found[:, group], mixture(mean[rows], scale[rows]).log_prob(z), atol=1e-5)
    assert of.sizes.tolist() == [17, 16, 16, 1]


def test_at_an_example_s_own_code_its_own_posterior_is_left_out():
    of, mean, scale = laws()
    found = of.log_density_of_data()
    for n in (0, 7, 20):
        for group in range(3):
            rows = of.groups == group
            rows[n] = False
            expected = mixture(mean[rows], scale[rows]).log_prob(mean[n].double())
            assert found[n, group] == pytest.approx(float(expected), abs=1e-5)
    assert found[-1, 3] == -math.inf and found[0, 3].isfinite()


def test_the_log_ratio_and_its_error_are_the_jackknife_s():
    of, _, _ = laws()
    z = torch.randn(5, 3).double()
    densities = of.log_density(z)
    found = of.log_ratio(["a", "c"], ["b", "d"], z)
    for m in range(5):
        a, b, c, d = densities[m].exp().tolist()
        assert found.log_ratio[m] == pytest.approx(math.log((a + c) / (b + d)), abs=1e-9)
        variance = sum((math.log(p) - math.log(q)) ** 2 / 4 for p, q in ((a, c), (b, d)))
        assert found.stderr[m] == pytest.approx(math.sqrt(variance), abs=1e-9)
    assert of.log_ratio(["a"], ["b", "c"], z).stderr is None


@pytest.mark.parametrize("count", [2, 3, 7])
def test_of_groups_that_hardly_differ_the_error_is_that_of_the_mean_of_their_densities(count):
    densities = 1 + 0.01 * torch.randn(4, count, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    mean, variance = _log_mean(densities.log())
    assert torch.allclose(mean, densities.mean(1).log(), atol=1e-12)
    assert torch.allclose(variance, densities.var(1) / count / densities.mean(1).square(), rtol=0.05)


def test_of_a_world_they_are_its_own_laws():
    world = ConditionalLinearGaussian.random(0, separation=2.0, mutual_information=1.0)
    data = tw.load_data(world.data(20_000), test=0.0)
    of = tw.group_aggregates(world, data, side={"kind": world.side(20_000)})
    z = of.codes[:200]
    centres, covariance = world.given_side()
    zero, one = (MultivariateNormal(centre, covariance).log_prob(z) for centre in centres)
    truth = one - zero
    near = truth.abs() < 4  # where both have examples
    assert (of.log_ratio(["1"], ["0"], z).log_ratio - truth)[near].abs().mean() < 0.1


def test_mistakes_are_refused_in_words():
    of, _, _ = laws()
    with pytest.raises(UnknownName, match="'e'"):
        of.log_ratio(["a"], ["e"])
    with pytest.raises(Refused, match="each named once"):
        of.log_ratio(["a"], ["a", "b"])
    with pytest.raises(BadData, match=r"shape \(M, 3\)"):
        of.log_density(torch.zeros(4, 2))
    world = ConditionalLinearGaussian.random(0)
    with pytest.raises(Refused, match="nothing does"):
        tw.group_aggregates(world, world.data(50))


def test_distances_are_means_of_the_densities_of_torch_s_mixtures():
    of, mean, scale = laws()
    found = of.distances()
    for s in range(3):
        rows, apart = (of.groups == s).nonzero().squeeze(1), torch.zeros(4, dtype=torch.float64)
        for n in rows.tolist():
            others = rows[rows != n]
            own = mixture(mean[others], scale[others]).log_prob(mean[n].double())
            for t in range(4):
                members = others if t == s else of.groups == t
                apart[t] += own - mixture(mean[members], scale[members]).log_prob(mean[n].double())
        assert torch.allclose(found[s], apart / len(rows), atol=1e-5)
    assert found[3].isnan().all()  # which has one example alone
