import pytest
import torch

from helpers.brute_force import component_log_prob
from termwise.terms.aggregate.lattice import Lattice, lagrange


def members(count=5000, dimension=3, seed=0, spread=0.4):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, dimension, generator=generator)
    scale = (spread * torch.randn(count, dimension, generator=generator) - 2).exp()
    z = (mean + scale * torch.randn(count, dimension, generator=generator))[:100]
    return mean, scale, z


def exact_sum(z, mean, scale):
    return component_log_prob(z, mean, scale).exp().sum(1)


@pytest.mark.parametrize("spread", [0.0, 0.4, 1.5])
def test_the_sum_agrees_with_every_member_taken_by_itself(spread):
    mean, scale, z = members(spread=spread)
    value, slope = Lattice(mean, scale).density(z)
    codes = z.double().requires_grad_()
    wanted = exact_sum(codes, mean, scale)
    (wanted_slope,) = torch.autograd.grad(wanted.sum(), codes)
    assert (value / wanted).log().abs().mean() < 1e-4
    assert (value / wanted).log().abs().max() < 1e-2
    assert (slope - wanted_slope).norm() < 1e-3 * wanted_slope.norm()


def test_replacing_members_leaves_no_trace_of_their_history():
    mean, scale, z = members()
    lattice = Lattice(mean, scale)
    now_mean, now_scale = mean.clone(), scale.clone()
    generator = torch.Generator().manual_seed(7)
    for step in range(30):
        rows = torch.randperm(256, generator=generator)[:128]
        far = 4.0 if step == 10 else 0.1  # once far beyond the first layout, and back again
        drift = far * torch.randn(128, 3, generator=generator)
        new = mean[rows] + drift, scale[rows] * (0.1 * drift).exp()
        lattice.replace((now_mean[rows], now_scale[rows]), new)
        now_mean[rows], now_scale[rows] = new
    fresh = Lattice(now_mean, now_scale)
    assert lattice.layout.size > fresh.layout.size  # laid out for what was once there, and yet
    for drifted, anew in zip(lattice.density(z), fresh.density(z), strict=True):
        assert torch.allclose(drifted, anew, rtol=1e-6, atol=1e-6 * float(anew.abs().max()))  # sums in float32
    same = Lattice(now_mean, now_scale, lattice.layout.extent)
    assert torch.equal(lattice.cells, same.cells)


def test_lagrange_weights_reproduce_polynomials_of_degree_five():
    position = torch.linspace(2, 3, 11, dtype=torch.float64)
    weights = lagrange(position)
    nodes = torch.arange(6, dtype=torch.float64)
    for degree in range(6):
        assert torch.allclose(nodes**degree @ weights, position**degree, rtol=1e-12)


def test_members_too_narrow_for_any_lattice_are_said_not_to_fit():
    assert not Lattice(torch.linspace(-3, 3, 100).view(-1, 1), torch.full((100, 1), 1e-9)).fits
