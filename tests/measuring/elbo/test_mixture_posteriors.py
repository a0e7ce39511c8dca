"""Posteriors that are mixtures of normals, as components of q(z): against torch's own mixtures, and quadrature."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, Laplace, MixtureSameFamily, MultivariateNormal, Normal

import termwise as tw
from termwise.account.glossary import of_population
from termwise.data import load_data
from termwise.measuring.elbo.fitted_laws import FittedNormal
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors
from termwise.measuring.elbo.split_aggregate import SplitAggregate
from termwise.models.codes import Codes
from termwise.terms.aggregate import clustered
from termwise.worlds import mixture_world
from termwise.worlds.discrete import DiscreteWorld

COUNT, K, D = 60, 3, 2
TERMS = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")


def mixtures(full, sigma=0.4) -> MixtureSameFamily:
    """Sixty of them, some components all but without weight."""
    logits = 3 * torch.randn(COUNT, K, dtype=torch.float64)
    logits[0, 0] = -2000.0
    mean, spread = torch.randn(COUNT, K, D).double(), sigma * (0.5 + torch.rand(COUNT, K, D).double())
    if full:
        factor = spread.diag_embed() + 0.3 * sigma * torch.randn(COUNT, K, D, D).double().tril(-1)
        return MixtureSameFamily(Categorical(logits=logits), MultivariateNormal(mean, scale_tril=factor))
    return MixtureSameFamily(Categorical(logits=logits), Independent(Normal(mean, spread), 1))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("sigma", [0.4, 0.01])
def test_with_and_without_the_own_example_the_sum_is_torch_s_own_over_the_others(full, sigma):
    posterior = mixtures(full, sigma)
    z, index = posterior.sample(), torch.arange(COUNT)
    of_all = posterior.log_prob(z.unsqueeze(1))  # log q(z_b|x_n), (B, N)
    marginals = NormalPosteriors.of(posterior).marginals().base_dist
    of_all_j = marginals.log_prob(z.unsqueeze(1))  # (B, N, D)
    split = SplitAggregate(NormalPosteriors.of(posterior))
    own, own_j = of_all.diagonal(), of_all_j.diagonal().T
    joint, by_dimension = split.joint(Codes.at(z), index, own), split.by_dimension(Codes.at(z), index, own_j)
    others = torch.eye(COUNT).bool()
    left_out = of_all.masked_fill(others, -math.inf).logsumexp(1) - math.log(COUNT - 1)
    left_out_j = of_all_j.masked_fill(others.unsqueeze(-1), -math.inf).logsumexp(1) - math.log(COUNT - 1)
    for found, exact, without in (
        (joint, of_all.logsumexp(1) - math.log(COUNT), left_out),
        (by_dimension, of_all_j.logsumexp(1) - math.log(COUNT), left_out_j),
    ):
        torch.testing.assert_close(found.of_points(), exact, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.of_others(0.0, found.own), without, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_the_marginals_and_the_fitted_normal_have_the_moments_of_the_mixtures(full):
    posterior = mixtures(full)
    marginals = NormalPosteriors.of(posterior).marginals().base_dist
    torch.testing.assert_close(marginals.mean, posterior.mean)
    torch.testing.assert_close(marginals.variance, posterior.variance)
    torch.testing.assert_close(NormalPosteriors.of(posterior).means, posterior.mean)
    own = NormalPosteriors.of(posterior)
    fitted = FittedNormal(own)
    torch.testing.assert_close(fitted.joint.mean, posterior.mean.mean(0))
    spread = posterior.variance.mean(0) + posterior.mean.var(0, unbiased=False)
    torch.testing.assert_close(fitted.joint.variance, spread)
    z = posterior.sample((20_000,))
    for sampled, expected in (
        (fitted.log_prob(Codes.at(z)), fitted.expected_log_prob(own)),
        (
            fitted.log_prob_by_dimension(Codes.at(z)),
            fitted.expected_log_prob_by_dimension(own),
        ),
    ):
        assert ((sampled.mean(0) - expected).abs() < 4.5 * sampled.std(0) / math.sqrt(20_000)).all()


def equal(seed) -> DiscreteWorld:
    """A world of mixtures, its sixteen examples of equal weight."""
    world = mixture_world(seed)
    return DiscreteWorld(examples=world.examples, encode=world.encode, decode=world.decode)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_term_of_a_world_of_mixtures_is_that_of_quadrature(seed):
    world = equal(seed)
    whole = load_data(world.examples.float().repeat(128, 1))
    account, truth = tw.measure(world, whole.subset(torch.arange(2048))), world.truth()
    for name in (*TERMS, "rate", "elbo"):
        reading = account[name]
        assert abs(reading.value - truth[name]) < 4 * reading.stderr, f"{reading}; the truth is {truth[name]:.4f}"
        assert reading.stderr < 0.08
    for name in TERMS:
        reading = account[of_population(name)]
        assert reading.lower < truth[name] < reading.upper and reading.upper - reading.lower < 0.5
    by_dimension = account["dimension_wise_kl_by_dimension"].value
    assert sum(by_dimension) == pytest.approx(account["dimension_wise_kl"].value, abs=0.02)
    assert not any("not measured" in sentence for sentence in account.diagnosis)
    values = account.per_example
    torch.testing.assert_close(values["index_code_mi"] + values["marginal_kl"], values["rate"])


def test_a_mixture_of_anything_else_has_the_links_that_need_no_marginals():
    def encode(x):
        return MixtureSameFamily(
            Categorical(logits=torch.zeros(len(x), 2)), Independent(Laplace(x.unflatten(1, (2, 2)), 1.0), 1)
        )

    torch.manual_seed(0)
    x = 3 * torch.randn(50, 4)
    account = tw.measure(tw.adapt(encode=encode), x)
    law = encode(x.double())
    z = law.sample((400,))
    joint = law.log_prob(z.unsqueeze(2)).logsumexp(2) - math.log(50)  # every code under every law
    mi = (law.log_prob(z) - joint).mean(0)
    assert abs(account["index_code_mi"].value - float(mi.mean())) < 4 * account["index_code_mi"].stderr
    assert "marginal_kl" in account and "total_correlation" not in account


def test_many_codes_are_asked_cluster_by_cluster_and_get_the_same(monkeypatch):
    monkeypatch.setattr(clustered, "CODES", 2**9)
    generator = torch.Generator().manual_seed(3)
    mean, spread = torch.randn(1500, 2, generator=generator), 0.02 + 0.02 * torch.rand(1500, 2, generator=generator)
    law = Independent(Normal(mean, spread), 1)
    total = NormalPosteriors.of(law).summed()
    codes, place = Codes.of(law), torch.arange(1500)
    few = torch.cat([total.joint(codes[rows], place[rows]) for rows in place.split(100)])
    assert "clusters" not in vars(total)
    many = total.joint(codes, place)
    assert torch.allclose(many, few, atol=5e-5, rtol=0) and vars(total)["clusters"].asked < 0.9
