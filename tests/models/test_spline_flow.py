"""The flow is a density: its map is undone, its slope is autograd's, and its mass is 1."""

import math

import pytest
import torch

from termwise.errors import Refused
from termwise.models.posteriors.diagonal_normal import DiagonalNormal
from termwise.models.spline_flow import BOUND, SplineFlow, spline


def law(latent, count=1, layers=2, bins=5):
    """A flow with random weights, in float64."""
    torch.manual_seed(latent)
    flow = SplineFlow(latent, layers, bins, hidden=8).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(0.4 * torch.randn_like(parameter))
        return flow.requires_grad_(False)(0.3 * torch.randn(count, flow.features, dtype=torch.float64))


def values(count=5000):
    generator = torch.Generator().manual_seed(0)
    raw = 1.5 * torch.randn(count, 23, generator=generator, dtype=torch.float64)
    return 3 * BOUND * (torch.rand(count, generator=generator, dtype=torch.float64) - 0.5), raw


def test_a_splines_slope_is_autograds_and_its_inverse_undoes_it():
    x, raw = values()
    y, log_slope = spline(x.requires_grad_(), raw)
    (slope,) = torch.autograd.grad(y.sum(), x)
    x, y, log_slope = x.detach(), y.detach(), log_slope.detach()
    torch.testing.assert_close(slope.log(), log_slope, rtol=0, atol=1e-10)
    back, undone = spline(y, raw, inverse=True)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-9)
    torch.testing.assert_close(undone, -log_slope, rtol=0, atol=1e-8)
    beyond = x.abs() >= BOUND
    assert beyond.any() and torch.equal(y[beyond], x[beyond]) and not log_slope[beyond].any()


def test_a_spline_passes_through_its_knots_with_the_slopes_it_is_told():
    """Two even bins: from (-B, -B) over (0, 0) to (B, B), with slope 3 in the middle and 1 at the ends."""
    raw = torch.zeros(5, dtype=torch.float64)
    raw[4] = math.log(math.expm1(3 - 1e-3)) - math.log(math.expm1(1 - 1e-3))
    at = torch.tensor([-BOUND + 1e-9, 0.0, BOUND - 1e-9], dtype=torch.float64)
    y, log_slope = spline(at, raw.expand(3, 5))
    torch.testing.assert_close(y, at, rtol=0, atol=1e-7)
    torch.testing.assert_close(log_slope.exp(), torch.tensor([1.0, 3.0, 1.0]).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(spline(at, torch.zeros(3, 5).double())[0], at)  # it starts as the identity


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_the_log_determinant_is_the_jacobians(latent):
    flow = law(latent)
    z = torch.randn(latent, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda one: flow.base(one.unsqueeze(0))[0].squeeze(0), z)
    torch.testing.assert_close(flow.base(z.unsqueeze(0))[1].squeeze(), torch.linalg.slogdet(jacobian)[1])
    if latent > 1:
        assert jacobian[-1, 0] != 0 or jacobian[0, -1] != 0  # dimensions depend on each other


def test_its_mass_is_one():
    axis = torch.linspace(-12, 12, 301, dtype=torch.float64)
    for latent in (1, 2):
        nodes = torch.cartesian_prod(*[axis] * latent).view(-1, 1, latent)
        mass = law(latent).log_prob(nodes).exp().sum() * (24 / 300) ** latent
        assert float(mass) == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize("latent", [1, 3])
def test_its_samples_are_those_of_its_base_in_its_coordinates(latent):
    flow = law(latent, count=4)
    torch.manual_seed(0)
    z = flow.sample((5,))
    torch.manual_seed(0)
    base = torch.randn(5, 4, latent, dtype=torch.float64)
    assert z.shape == (5, 4, latent)
    torch.testing.assert_close(flow.base(z)[0], base, rtol=0, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 2])
def test_it_starts_as_the_normal_posterior_of_the_same_features(layers):
    flow = SplineFlow(3, layers)
    features, z = torch.randn(7, flow.features), torch.randn(5, 7, 3)
    torch.testing.assert_close(flow(features).log_prob(z), DiagonalNormal(3)(features[:, :6]).log_prob(z))


@pytest.mark.parametrize("options", [{"layers": 0}, {"bins": 1}, {"bins": 101}, {"hidden": 0}])
def test_a_flow_that_cannot_be_is_refused(options):
    with pytest.raises(Refused, match="A flow needs layers"):
        SplineFlow(2, **options)
