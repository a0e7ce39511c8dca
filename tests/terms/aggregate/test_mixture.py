import math

import pytest
import torch

from helpers.brute_force import full_covariance_log_prob, mixture_log_prob
from helpers.largest_tensor import LargestTensor
from termwise.errors import Refused
from termwise.terms.aggregate.mixture import Gaussians, LogWeights, gaussians, log_density, marginal_log_density


def components(scale, count=700, dimension=6, seed=0):
    """Means, standard deviations and one code of each of the first 90 components."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, dimension, generator=generator)
    if scale == "four decades":
        spread = 10 ** (4 * torch.rand(count, dimension, generator=generator) - 3)
    else:
        spread = torch.full((count, dimension), scale)
    z = (mean + spread * torch.randn(count, dimension, generator=generator))[:90]
    return mean, spread, z


LOG_700 = torch.tensor(-math.log(700)).double()
SCALES = [1e-3, 0.1, 1.0, "four decades"]


@pytest.mark.parametrize("scale", SCALES)
def test_both_densities_agree_with_brute_force_in_float64(scale):
    mean, spread, z = components(scale)
    weights = LogWeights.uniform(len(mean))
    joint, marginal = mixture_log_prob(z, mean, spread, torch.tensor(weights.other))
    assert torch.allclose(log_density(z, Gaussians(mean, spread), weights).double(), joint, atol=1e-5, rtol=0)
    assert torch.allclose(
        marginal_log_density(z, Gaussians(mean, spread), weights).double(), marginal, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("scale", SCALES)
def test_the_gradients_in_z_agree_with_autograd_through_brute_force(scale):
    mean, spread, z = components(scale)
    weights = LogWeights.uniform(len(mean))
    ours, exact = z.clone().requires_grad_(), z.double().requires_grad_()
    upward = torch.linspace(-1, 2, len(z))
    for ours_of, exact_of in ((log_density, 0), (marginal_log_density, 1)):
        value = ours_of(ours, Gaussians(mean, spread), weights)
        truth = mixture_log_prob(exact, mean, spread, torch.tensor(weights.other))[exact_of]
        pull = upward if value.dim() == 1 else upward.unsqueeze(1) * torch.arange(1, 7)
        (got,) = torch.autograd.grad((value * pull).sum(), ours)
        (wanted,) = torch.autograd.grad((truth * pull.double()).sum(), exact)
        assert (got - wanted).norm() <= 1e-3 * wanted.norm()


@pytest.mark.parametrize("conditioning", [0.02, 1.0])
def test_full_covariances_agree_with_multivariate_normals(conditioning):
    generator = torch.Generator().manual_seed(1)
    count, dimension = 400, 5
    mean = torch.randn(count, dimension, generator=generator)
    factor = torch.randn(count, dimension, dimension, generator=generator).tril(-1)
    factor = 0.3 * factor + torch.diag_embed(conditioning + torch.rand(count, dimension, generator=generator))
    z = (mean + (factor @ torch.randn(count, dimension, 1, generator=generator)).squeeze(2))[:60]
    weights, held = LogWeights.uniform(count), Gaussians(mean, factor)
    ours, exact = z.clone().requires_grad_(), z.double().requires_grad_()
    value, truth = log_density(ours, held, weights), full_covariance_log_prob(exact, mean, factor, weights.other)
    assert torch.allclose(value.double(), truth, atol=1e-5, rtol=0)
    (got,), (wanted,) = torch.autograd.grad(value.sum(), ours), torch.autograd.grad(truth.sum(), exact)
    assert torch.allclose(got.double(), wanted, atol=1e-3, rtol=1e-3)
    _, marginal = mixture_log_prob(z, mean, factor.square().sum(-1).sqrt(), torch.tensor(weights.other))
    assert torch.allclose(marginal_log_density(z, held, weights).double(), marginal, atol=1e-5, rtol=0)


def test_a_code_s_own_component_has_its_own_weight():
    mean, spread, z = components(0.3, count=200)
    own = torch.arange(len(z))
    weights = LogWeights.stratified(own, count=200, dataset_size=5000)
    table = torch.full((len(z), 200), 4999 / (5000 * 199)).double()
    table[own, own] = 1 / 5000
    assert torch.allclose(table.sum(1), torch.ones(len(z)).double(), atol=1e-12)
    joint, marginal = mixture_log_prob(z, mean, spread, table.log())
    held = Gaussians(mean, spread)
    assert torch.allclose(log_density(z, held, weights).double(), joint, atol=1e-5, rtol=0)
    assert torch.allclose(marginal_log_density(z, held, weights).double(), marginal, atol=1e-5, rtol=0)


def test_no_tensor_grows_with_codes_times_components():
    mean, spread, z = components(0.5, count=3000)
    z = z.requires_grad_()
    held, weights = Gaussians(mean, spread), LogWeights.uniform(3000)
    for density in (log_density, marginal_log_density):
        whole = density(z, held, weights)
        with LargestTensor() as largest:
            small = density(z, held, weights, block=2**14)
        assert largest.elements <= max(2**14, mean.numel()) < len(z) * len(mean)
        assert torch.allclose(whole, small, atol=2e-6)


@pytest.mark.parametrize("scale", [1e-5, 1e-7])
def test_the_joint_is_right_even_where_float64_cancels(scale):
    mean, spread, _ = (x.double() for x in components(scale))
    mean += 3.0
    z = (mean + spread * torch.randn(mean.shape).double())[:60]
    weights = LogWeights.uniform(len(mean))
    held, codes, exact = Gaussians(mean, spread), z.clone().requires_grad_(), z.clone().requires_grad_()
    value, truth = log_density(codes, held, weights), mixture_log_prob(exact, mean, spread, LOG_700)[0]
    assert (value - truth).abs().max() < 1e-5
    (got,), (wanted,) = (torch.autograd.grad(of.sum(), at) for of, at in ((value, codes), (truth, exact)))
    assert (got - wanted).norm() < 1e-5 * wanted.norm()


@pytest.mark.parametrize("thinnest", [1e-2, 1e-4, 1e-6])
def test_the_joint_is_right_for_needles_in_every_direction(thinnest):
    """Covariances whose axes are turned at random, one of them `thinnest` long and the others about 1."""
    count, dimension = 300, 4
    mean = torch.randn(count, dimension).double()
    turn = torch.linalg.qr(torch.randn(count, dimension, dimension).double()).Q
    root = turn * torch.tensor([thinnest, 0.5, 1.0, 2.0]).double()
    factor = torch.linalg.qr(root.mT).R.mT
    factor = factor * factor.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    z = (mean + (factor @ torch.randn(count, dimension, 1).double()).squeeze(2))[:50]
    weights, codes, exact = LogWeights.uniform(count), z.clone().requires_grad_(), z.clone().requires_grad_()
    value = log_density(codes, Gaussians(mean, factor), weights)
    standard = torch.linalg.solve_triangular(factor, (exact.unsqueeze(1) - mean).unsqueeze(3), upper=False)
    log_det = factor.diagonal(dim1=1, dim2=2).log().sum(1)
    pairs = -0.5 * standard.square().sum((2, 3)) - log_det - 0.5 * dimension * math.log(2 * math.pi)
    truth = (pairs + weights.other).logsumexp(1)
    assert (value - truth).abs().max() < 1e-5
    (got,), (wanted,) = (torch.autograd.grad(of.sum(), at) for of, at in ((value, codes), (truth, exact)))
    assert (got - wanted).norm() < 1e-3 * wanted.norm()


def test_several_threads_agree_with_one_say_how_far_they_are_and_are_left_as_they_were():
    mean, spread, _ = components(0.3, count=9000)
    z, held = torch.randn(900, 6), Gaussians(mean, spread)
    own = torch.randint(9000, (900,))
    weights = LogWeights.stratified(own, count=9000, dataset_size=20_000)
    alone = log_density(z, held, weights), marginal_log_density(z, held, weights)
    done = []
    torch.set_num_threads(2)
    try:
        beside = log_density(z, held, weights, progress=lambda *at: done.append(at))
        by_dimension = marginal_log_density(z, held, weights)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.allclose(alone[0], beside, atol=1e-5)
    assert torch.allclose(alone[1], by_dimension, atol=1e-5)
    assert len(done) > 1 and done == sorted(done) and done[-1] == (900, 900)


def test_rows_replaced_in_place_are_those_of_fresh_components():
    mean, spread, z = components(0.2)
    changed = Gaussians(mean, spread)
    rows = torch.tensor([3, 77, 500])
    other = Gaussians(mean[rows] + 1, 0.5 * spread[rows])
    changed.write(rows, other)
    mean, spread = mean.clone(), spread.clone()
    mean[rows], spread[rows] = other.mean, other.spread
    fresh, weights = Gaussians(mean, spread), LogWeights.uniform(700)
    assert torch.equal(changed.slope, fresh.slope) and torch.equal(changed.intercept, fresh.intercept)
    assert torch.equal(log_density(z, changed, weights), log_density(z, fresh, weights))


def test_far_from_every_component_the_density_is_still_finite():
    held, weights = Gaussians(torch.zeros(3, 2), torch.full((3, 2), 0.01)), LogWeights.uniform(3)
    z = torch.full((1, 2), 5.0)
    wanted = -0.5 * 2 * 500.0**2 - 2 * math.log(0.01) - math.log(2 * math.pi)
    assert float(log_density(z, held, weights)) == pytest.approx(wanted, rel=1e-6)


def test_a_posterior_that_is_no_normal_is_refused_by_name():
    laplace = torch.distributions.Independent(torch.distributions.Laplace(torch.zeros(4, 2), torch.ones(4, 2)), 1)
    with pytest.raises(Refused, match="Laplace"):
        gaussians(laplace)
