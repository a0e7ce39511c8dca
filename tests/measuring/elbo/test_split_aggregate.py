import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from helpers.brute_force import full_covariance_log_prob, mixture_log_prob
from termwise.measuring.elbo.code_densities import DataAggregate
from termwise.measuring.elbo.data_posteriors import joined_posteriors
from termwise.measuring.elbo.fitted_laws import FittedNormal
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors
from termwise.measuring.elbo.split_aggregate import SplitAggregate
from termwise.models.codes import Codes
from termwise.terms.aggregate.mixture import gaussians
from termwise.worlds import LinearGaussian

COUNT = 300


def posterior_of(sigma, diagonal, seed=3):
    """Posteriors of a world whose standard deviations are `sigma` in the root mean square."""
    world = LinearGaussian.random(seed, latent=4, mutual_information=2.0, diagonal=diagonal)
    spread = world.posterior_covariance
    settings = {**vars(world), "posterior_covariance": spread * sigma**2 / float(spread.diagonal().mean())}
    return LinearGaussian(**settings).infer(world.data(COUNT))[0]


def at_codes(posterior, z, index):
    """Log densities of codes of the examples at `index`: joint and by dimension."""
    split = SplitAggregate(NormalPosteriors.of(posterior))
    one, marginals = gaussians(posterior), NormalPosteriors.of(posterior).marginals()
    if one.spread.dim() == 2:
        own = Normal(one.mean[index].double(), one.scale[index].double()).log_prob(z.double()).sum(1)
    else:
        factor = one.spread[index].double()
        own = MultivariateNormal(one.mean[index].double(), scale_tril=factor).log_prob(z.double())
    base = marginals.base_dist
    own_by_dimension = Normal(base.loc[index].double(), base.scale[index].double()).log_prob(z.double())
    return split, split.joint(Codes.at(z), index, own), split.by_dimension(Codes.at(z), index, own_by_dimension)


def brute(posterior, z, rows):
    """log of the mean of the densities of some posteriors, float64: joint and by dimension."""
    one = gaussians(posterior)
    weight = -math.log(len(rows))
    marginal = mixture_log_prob(z, one.mean[rows], one.scale[rows], torch.tensor(weight))[1]
    if one.spread.dim() == 2:
        return mixture_log_prob(z, one.mean[rows], one.scale[rows], torch.tensor(weight))[0], marginal
    return full_covariance_log_prob(z, one.mean[rows], one.spread[rows], weight), marginal


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 1.0])
@pytest.mark.parametrize("diagonal", [True, False])
def test_with_and_without_the_own_example_it_is_the_brute_force_over_the_same_points(sigma, diagonal):
    posterior = posterior_of(sigma, diagonal)
    torch.manual_seed(0)
    z, index = posterior.rsample(), torch.arange(COUNT)
    _, joint, by_dimension = at_codes(posterior, z, index)
    exact = brute(posterior, z, index)
    assert float((joint.of_points() - exact[0]).abs().mean()) < 1e-5
    assert float((by_dimension.of_points() - exact[1]).abs().mean()) < 1e-5
    for n in range(0, COUNT, 37):
        others = brute(posterior, z[n : n + 1], index[index != n])
        assert float(joint.of_others(0.0, joint.own)[n]) == pytest.approx(float(others[0]), rel=1e-5, abs=1e-4)
        torch.testing.assert_close(
            by_dimension.of_others(0.0, by_dimension.own)[n], others[1][0].double(), rtol=1e-5, atol=2e-4
        )


def test_at_half_weight_a_part_of_the_data_gives_what_its_definition_says():
    posterior = posterior_of(0.5, True)
    torch.manual_seed(0)
    z = posterior.rsample()[:40]
    split, joint, _ = at_codes(posterior, z, torch.arange(40))
    for parts in (1, 2, 4):
        expected = torch.zeros(40, dtype=torch.float64)
        for group in torch.arange(4).chunk(parts):
            held = [n for n in range(COUNT) if split.part[n] in group]
            for n in range(40):
                others = [m for m in held if m != n]
                whole = brute(posterior, z[n : n + 1], torch.tensor(others))[0].double() + math.log(len(others))
                half = joint.own[n] + math.log(0.5)
                expected[n] += (torch.logaddexp(whole, half) - math.log(len(others) + 0.5)).item() / parts
        torch.testing.assert_close(joint.with_half_own(parts), expected, rtol=1e-5, atol=1e-5)


def test_the_fitted_density_bounds_where_the_others_are_out_of_reach():
    posterior = posterior_of(1e-3, True)
    torch.manual_seed(0)
    z = posterior.rsample()
    _, joint, _ = at_codes(posterior, z, torch.arange(COUNT))
    fitted = FittedNormal(NormalPosteriors.of(posterior)).log_prob(Codes.at(z))
    alone, mixed = joint.of_others(0.0, fitted), joint.of_others(0.5, fitted)
    assert float(alone.mean()) < -100 and float(mixed.mean()) > -20
    assert bool((mixed >= fitted - math.log(2)).all())
    torch.testing.assert_close(joint.of_others(1.0, fitted), fitted)


@pytest.mark.parametrize("diagonal", [True, False])
def test_a_fitted_normal_has_the_moments_of_the_mixture_and_its_expectations_are_in_closed_form(diagonal):
    posterior = posterior_of(0.7, diagonal)
    torch.manual_seed(0)
    own = NormalPosteriors.of(posterior)
    fitted = FittedNormal(own)
    samples = posterior.sample(torch.Size([2000])).double()  # (2000, N, D)
    flat = samples.flatten(0, 1)
    torch.testing.assert_close(fitted.joint.mean, flat.mean(0), atol=0.01, rtol=0)
    torch.testing.assert_close(fitted.joint.covariance_matrix, torch.cov(flat.T), atol=0.02, rtol=0.01)
    codes = Codes.at(flat)
    for expected, found in (
        (fitted.expected_log_prob(own), fitted.log_prob(codes).view(2000, COUNT)),
        (
            fitted.expected_log_prob_by_dimension(own),
            fitted.log_prob_by_dimension(codes).view(2000, COUNT, -1),
        ),
    ):
        error = found.std(0) / math.sqrt(2000)
        assert float(((found.mean(0) - expected) / error).abs().max()) < 5.0


def test_the_marginals_of_a_posterior_are_its_own():
    posterior = posterior_of(0.7, False)
    marginals = NormalPosteriors.of(posterior).marginals()
    assert isinstance(marginals, Independent)
    torch.testing.assert_close(marginals.base_dist.scale.square(), posterior.variance)
    torch.testing.assert_close(marginals.mean, posterior.mean)


def test_the_normal_fitted_elsewhere_is_of_all_parts_but_an_example_s_own():
    aggregate = DataAggregate(NormalPosteriors.of(posterior_of(0.3, diagonal=True)))
    parts, z = aggregate.split.posteriors, torch.randn(5, 4, dtype=torch.float64)
    assert len(aggregate.fitted_elsewhere) == len(parts) > 1
    for p, fitted in enumerate(aggregate.fitted_elsewhere):
        others = FittedNormal(joined_posteriors([part for q, part in enumerate(parts) if q != p]))
        assert torch.equal(fitted.log_prob(Codes.at(z)), others.log_prob(Codes.at(z)))
