"""Margins of codes whose blocks are given categories, against sums over every law and value in float64."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

import termwise as tw
from termwise.errors import Refused
from termwise.models.block_law import Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.margin import group_log_density
from termwise.terms.aggregate.mixture import marginal_log_density
from termwise.terms.aggregate.posterior_components import components_of

N, K, M, D = 11, 3, 2, 2
DIMENSIONS = [[0, 1, 2], [3], [4], [5, 6], [7]]
"""kind (3 categories), two numbers given it, side (2 categories) given it, and a number given nothing."""


def tables(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return 2 * normal(N, K), 2 * normal(N, K, D), 0.3 + normal(N, K, D).abs(), 2 * normal(N, K, M), normal(N, 1)


def chained(full=False):
    kinds, mean, scale, sides, alone = tables()

    def picked(given, features, *shape):
        return torch.einsum("...k,...kd->...d", given, features.unflatten(-1, (K, *shape)))

    def style(given, features):
        place, spread = (picked(given, of, D) for of in features.chunk(2, -1))
        if full:
            return MultivariateNormal(place, scale_tril=torch.diag_embed(spread))
        return Independent(Normal(place, spread), 1)

    links = [
        Categories(kinds.unsqueeze(1)),
        Conditional(style, [0], D, torch.cat([mean.flatten(1), scale.flatten(1)], 1)),
        Conditional(lambda given, of: Categories(picked(given, of, M).unsqueeze(-2)), [0], M, sides.flatten(1)),
        Independent(Normal(alone, 1.0), 1),
    ]
    return ChainedLaw(links, ["kind", "style", "side", "alone"])


def every_law(z, group, log_weight):
    """log q(z_g), shape (B,): summed over laws and kinds, a kind that is in the group being the code's own."""
    kinds, mean, scale, sides, alone = tables()
    total = kinds.log_softmax(1).expand(len(z), N, K)
    if 0 in group:
        total = total + z[:, None, :K].clamp(min=1e-300).log()  # its own kind alone
    for j in range(D):
        if K + j in group:
            total = total + Normal(mean[..., j], scale[..., j]).log_prob(z[:, K + j, None, None])
    if 5 in group:
        total = total + torch.einsum("bm,nkm->bnk", z[:, 5:7], sides.log_softmax(2))
    if 7 in group:
        total = total + Normal(alone, 1.0).log_prob(z[:, 7, None, None])
    return (total + log_weight[..., None]).logsumexp((1, 2))


def weightings():
    index = torch.arange(N)
    log_weight = torch.full((N, N), math.log((90 - 1) / (90 * (N - 1))), dtype=torch.float64)
    log_weight[index, index] = -math.log(90)
    return {
        "uniform": (LogWeights.uniform(N), torch.full((N, N), -math.log(N), dtype=torch.float64)),
        "stratified": (LogWeights.stratified(index, N, 90), log_weight),
    }


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", ["uniform", "stratified"])
def test_every_dimension_is_a_sum_over_laws_and_categories_with_its_gradient(kind, full):
    law, (weights, log_weight) = chained(full), weightings()[kind]
    z = law.sample()
    codes = z.clone().requires_grad_()
    found = marginal_log_density(codes, components_of(law), weights)
    expected = torch.stack([every_law(z, group, log_weight) for group in DIMENSIONS], 1)
    assert torch.allclose(found, expected, atol=1e-5)
    (gradient,) = torch.autograd.grad(found.sum(), codes)
    for numbers in DIMENSIONS:
        if len(numbers) == 1:  # a number
            at = z.clone().requires_grad_()
            (slope,) = torch.autograd.grad(every_law(at, numbers, log_weight).sum(), at)
            assert torch.allclose(gradient[:, numbers], slope[:, numbers], atol=1e-4)
            continue
        for k, category in enumerate(torch.eye(len(numbers), dtype=torch.float64)):
            other = z.clone()
            other[:, numbers] = category
            assert torch.allclose(gradient[:, numbers[k]], every_law(other, numbers, log_weight), atol=1e-4)


@pytest.mark.parametrize("group", [[0, 1, 2], [3, 4], [4], [5, 6], [0, 1, 2, 4], [0, 1, 2, 5, 6, 7], [3, 7], [7]])
def test_every_group_is_a_sum_over_laws_and_what_categories_it_has_not(group):
    law, (weights, log_weight) = chained(), weightings()["stratified"]
    z = law.sample()
    found = group_log_density(Codes.at(z), components_of(law), group, weights)
    assert torch.allclose(found, every_law(z, group, log_weight), atol=1e-5)


def test_a_group_that_is_no_such_sum_is_refused_in_words():
    law = chained()
    with pytest.raises(Refused, match="Put all categories that are given beside them"):
        group_log_density(Codes.at(law.sample()), components_of(law), [3, 4, 5, 6], LogWeights.uniform(N))


STYLE = {"name": "style", "latent": 2, "given": ["kind"]}
CODE = [{"name": "kind", "latent": 4, "posterior": "categorical"}, STYLE]


@pytest.mark.parametrize("aggregate", ["minibatch-stratified", pytest.param("bank", marks=pytest.mark.slow)])
@pytest.mark.parametrize("recipe", ["beta-tcvae", pytest.param("hfvae", marks=pytest.mark.slow)])
def test_a_total_correlation_of_numbers_given_categories_is_trained_by(recipe, aggregate, tmp_path):
    tables = {
        "model": {"code": CODE, "options": {"hidden": [16]}, "likelihood": "bernoulli"},
        "objective": {"recipe": recipe, "aggregate": aggregate},
        "training": {"epochs": 2},
    }
    run = tw.train(tables, data=tw.load_data(torch.rand(300, 6).round()), out=tmp_path / "run")
    assert math.isfinite(run.account["total_correlation"].value)
