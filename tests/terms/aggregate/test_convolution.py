"""The marginals by convolution, against the same mixture with every pair written out in float64."""

import math

import pytest
import torch

from helpers.brute_force import component_log_prob, mixture_log_prob
from helpers.largest_tensor import LargestTensor
from termwise.terms.aggregate.convolution import DEVIATION, READ, SPREAD, Convolution, Convolved
from termwise.terms.aggregate.mixture import Gaussians, LogWeights, log_density

SCALES = {
    "1e-3": lambda u: torch.full_like(u, 1e-3),
    "1e-7": lambda u: torch.full_like(u, 1e-7),  # no table of points would be held
    "of an encoder": lambda u: torch.exp(1.5 * u - 1.5),
    "four decades": lambda u: 10 ** (4 * u - 3),
    "four decades, tiny": lambda u: 10 ** (4 * u - 8),
}


def components(kind, count=3000, dimension=3):
    mean, u = torch.randn(count, dimension), torch.rand(count, dimension)
    return mean, SCALES[kind](u)


def exact(z, mean, scale):
    return mixture_log_prob(z, mean, scale, torch.tensor(-math.log(len(mean)), dtype=torch.float64))[1]


@pytest.mark.parametrize("kind", SCALES)
def test_codes_of_the_components_have_the_density_of_brute_force_and_its_gradient(kind):
    mean, scale = (x.double() for x in components(kind))
    z = (mean + scale * torch.randn(mean.shape).double())[:150].requires_grad_()
    value, truth = Convolution(Gaussians(mean, scale)).log_density(z), exact(z, mean, scale)
    assert (value - truth).abs().max() < 1e-6
    upward = torch.linspace(-1, 2, value.numel()).view_as(value).double()
    (got,), (wanted,) = (torch.autograd.grad((of * upward).sum(), z) for of in (value, truth))
    assert (got - wanted).norm() < 1e-6 * wanted.norm()


@pytest.mark.parametrize("kind", SCALES)
def test_codes_from_anywhere_even_far_in_the_tails_have_it_too(kind):
    mean, scale = components(kind)
    z = torch.cat([4 * torch.randn(100, 3), torch.tensor([[-1e4, 40.0, 1e4]])])
    value, truth = Convolution(Gaussians(mean, scale)).log_density(z), exact(z, mean, scale)
    assert (value / truth - 1).abs().max() < 1e-5  # those are taken one by one, in float32


def test_what_the_points_give_is_off_by_no_more_than_the_bound_that_is_stated():
    """A component alone, of every width between two levels, from its peak to far beyond REACH."""
    narrow = torch.tensor([0.01])
    for width in torch.logspace(-2, 1, 61).double():
        scale = torch.cat([narrow, width.view(1)])
        mean = torch.tensor([-1e3, 0.0])  # the narrow one sets the finest level, and is too far to be seen
        convolved = Convolved(mean, scale, cells=2**23)
        assert not len(convolved.narrow[0])
        z = width * torch.linspace(-12, 12, 241).double()
        density = 0.5 * component_log_prob(z.view(-1, 1), mean.view(-1, 1), scale.view(-1, 1)).exp().sum((1, 2))
        found, _ = convolved.density_and_slope(z)
        assert (found - density <= 1e-8 * density).all()
        assert (density - found <= DEVIATION * density + convolved.missed).all()
        within = z.abs() < 7.9 * width
        assert ((density - found)[within] <= DEVIATION * density[within]).all()


@pytest.mark.parametrize("cells", [1, 1000, 20_000, 2**20])
def test_components_too_narrow_for_the_cells_are_found_beside_them(cells):
    mean, scale = components("four decades")
    one = Convolved(mean[:, 0], scale[:, 0], cells=cells)
    assert len(one.weights) <= cells + 2 * (SPREAD + READ) + 2
    z = (mean + scale * torch.randn(mean.shape))[:100, 0]
    value, slope = one.log_density(z)
    codes = z.double().view(-1, 1).requires_grad_()
    truth = exact(codes, mean[:, :1], scale[:, :1])
    (wanted,) = torch.autograd.grad(truth.sum(), codes)
    assert (value - truth.squeeze(1)).abs().max() < 1e-5
    assert (slope - wanted.squeeze(1)).norm() < 1e-5 * wanted.norm()


def test_full_covariances_have_the_marginals_of_their_diagonals():
    mean = torch.randn(2000, 3)
    factor = 0.3 * torch.randn(2000, 3, 3).tril(-1) + torch.diag_embed(0.05 + torch.rand(2000, 3))
    z = (mean + (factor @ torch.randn(2000, 3, 1)).squeeze(2))[:100]
    truth = exact(z, mean, factor.double().square().sum(-1).sqrt())
    assert (Convolution(Gaussians(mean, factor)).log_density(z) - truth).abs().max() < 1e-5


def test_in_one_dimension_the_marginal_is_the_joint():
    mean, scale = components("of an encoder", dimension=1)
    z = torch.randn(200, 1)
    held = Gaussians(mean, scale)
    joint = log_density(z, held, LogWeights.uniform(len(mean)))
    assert torch.allclose(Convolution(held).log_density(z).squeeze(1), joint, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_one_component_or_several_alike_are_a_mixture_too(count):
    mean, scale = torch.full((count, 2), 0.3), torch.full((count, 2), 0.7)
    z = torch.randn(50, 2)
    truth = exact(z, mean, scale)
    assert (Convolution(Gaussians(mean, scale)).log_density(z) - truth).abs().max() < 1e-5


def test_a_posterior_that_is_no_number_gives_none():
    mean, scale = components("of an encoder", count=50)
    mean[7, 1] = math.nan
    value = Convolution(Gaussians(mean, scale)).log_density(torch.randn(5, 3))
    assert value[:, 1].isnan().all()
    assert value[:, [0, 2]].isfinite().all()


def test_nothing_held_grows_with_codes_times_components():
    mean, scale = components("of an encoder", count=5000)
    z = torch.randn(1500, 3)
    held = Gaussians(mean, scale)
    with LargestTensor() as largest:
        Convolution(held, cells=3 * 2**12, block=2**14).log_density(z)
    assert largest.elements <= 2**14 < 1500 * 31


def test_threads_change_no_bit_and_are_left_as_they_were():
    mean, scale = components("of an encoder", count=20_000)
    z, held = torch.randn(50_000, 3), Gaussians(mean, scale)
    alone = Convolution(held).log_density(z)
    torch.set_num_threads(2)
    try:
        done = []
        beside = Convolution(held).log_density(z, progress=lambda *at: done.append(at))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(alone, beside)
    assert done == [(1, 3), (2, 3), (3, 3)]
