import pytest
import torch

from helpers.brute_force import component_log_prob
from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.moving_lattice import STRETCH, MovingLattice


def normals(count=6000, dimension=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, dimension, generator=generator)
    return Gaussians(mean, (0.4 * torch.randn(count, dimension, generator=generator) - 1).exp())


def exact_log_density(z, components):
    """log q(z_j) and its slope, one component after the other, float64."""
    z = z.double().requires_grad_()
    value = (
        component_log_prob(z, components.mean, components.spread).logsumexp(1)
        - torch.tensor(float(len(components))).log()
    )
    (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


def read(lattice, z, own):
    z = z.clone().requires_grad_()
    value = lattice.log_density(Codes.at(z), LogWeights.uniform(len(lattice.components)), own)
    (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


def test_members_that_were_stretched_and_shifted_are_read_where_they_now_are():
    components, generator = normals(), torch.Generator().manual_seed(1)
    lattice = MovingLattice(components)
    for step in range(40):  # dimensions grow, shrink and wander, and some members are written anew at every step
        stretch, shift = torch.tensor([1.01, 0.99, 1.0]), torch.tensor([0.02, 0.0, -0.05])
        components.move(components.mean * stretch + shift)
        lattice.follow()
        rows = torch.randperm(6000, generator=generator)[:100]
        new = Gaussians(components.mean[rows].flip(0), components.spread[rows].flip(0))
        lattice.replace(rows, new)
        components.write(rows, new)
        if step % 13 == 0 or step == 39:
            own = torch.arange(200)
            z = (components.mean + components.spread * torch.randn(6000, 3, generator=generator))[own]
            (value, slope), (wanted, wanted_slope) = read(lattice, z, own), exact_log_density(z, components)
            # the interpolation is off by 2e-5 of a member's peak; the stretch by BLUR sigma^2 / 2 of what it is beyond
            # one: 1e-3 x 0.2 at sigma = 0.4, of which the log density shows as much
            assert (value - wanted).abs().mean() < 3e-4 and (value - wanted).abs().max() < 1e-2
            assert (slope - wanted_slope).norm() < 1e-3 * wanted_slope.norm()
    assert not torch.equal(lattice.placed, components.mean)


def test_a_turn_shows_in_a_marginal_by_its_mean_and_its_spread():
    mean = normals().mean * torch.tensor([1.0, 2.0, 1.0])
    components, angle = Gaussians(mean.clone(), normals().spread), torch.tensor(0.2)
    lattice = MovingLattice(components)
    turn = torch.eye(3)
    turn[:2, :2] = torch.tensor([[angle.cos(), angle.sin()], [-angle.sin(), angle.cos()]])
    components.move(mean @ turn)
    z, own = components.mean[:2000].clone(), torch.arange(2000)
    wanted, _ = exact_log_density(z, components)
    before, _ = read(lattice, z, own)
    lattice.follow()
    after, _ = read(lattice, z, own)
    assert (after - wanted).mean(0).abs().max() < 1e-3  # normal means stay normal, but for what 6,000 of them are off
    assert (before - wanted).mean(0).abs().max() > 3e-3


@pytest.mark.parametrize("by", [1.5, 0.6])
def test_it_is_laid_out_anew_when_it_was_stretched_too_far(by):
    components = normals()
    lattice = MovingLattice(components)
    components.move(components.mean * STRETCH**0.9)
    lattice.follow()
    assert not torch.equal(lattice.placed, components.mean)
    components.move(components.mean * by)
    lattice.follow()
    assert torch.equal(lattice.placed, components.mean) and bool((lattice.stretch == 1).all())


def test_the_spread_of_means_that_are_all_alike_is_no_stretch():
    generator = torch.Generator().manual_seed(2)
    one, other = 1e-3 * torch.randn(2, 5000, 2, generator=generator) * torch.tensor([1.0, 3.0]).view(2, 1, 1)
    components = Gaussians(one, torch.ones(5000, 2))
    lattice = MovingLattice(components)
    components.move(other)  # three times as far apart, and still nothing beside a posterior's own width
    lattice.follow()
    assert (lattice.stretch - 1).abs().max() < 1e-3


def test_a_restored_lattice_reads_the_same_bits():
    components = normals()
    lattice, generator = MovingLattice(components), torch.Generator().manual_seed(3)
    for _ in range(5):
        components.move(components.mean * 1.02 + 0.01)
        lattice.follow()
        rows = torch.randperm(6000, generator=generator)[:100]
        new = normals(100, seed=9)
        lattice.replace(rows, new)
        components.write(rows, new)
    state = lattice.state()
    restored = MovingLattice(components, **{**state, "extent": lattice.lattice.layout.extent})
    assert torch.equal(restored.lattice.cells, lattice.lattice.cells)
    for one, other in zip(
        *(read(of, components.mean[:50], torch.arange(50)) for of in (lattice, restored)), strict=True
    ):
        assert torch.equal(one, other)
