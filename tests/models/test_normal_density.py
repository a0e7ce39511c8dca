"""The log density of a normal law at codes: values and gradients of any order, against the formula written out."""

import math

import pytest
import torch
from torch.distributions import Independent, Laplace, Normal

from termwise.models.codes import Codes, log_density_at, log_density_by_dimension
from termwise.models.normal_density import normal_log_density, normal_parameters

B, D = 5, 3


def given(dtype=torch.float64, of_law=(B, D), seed=0):
    generator = torch.Generator().manual_seed(seed)
    numbers = [torch.randn(shape, generator=generator, dtype=dtype) for shape in ((B, D), (B, D), of_law, of_law)]
    numbers[3] = numbers[3].exp()
    return [one.requires_grad_() for one in numbers]


def written_out(centre, offset, loc, scale):
    u = ((centre.double() - loc.double()) + offset.double()) / scale.double()
    return -0.5 * u**2 - scale.double().log() - 0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize("of_law", [(B, D), (D,), (1, D), (2, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_values_and_gradients_are_those_of_the_formula(of_law, dtype):
    numbers = given(dtype, of_law)
    value, truth = normal_log_density(*numbers), written_out(*numbers)
    assert value.dtype == torch.float64 and value.shape == truth.shape
    torch.testing.assert_close(value, truth, rtol=1e-13, atol=1e-13)
    toward = torch.linspace(-1, 1, value.numel(), dtype=torch.float64).view_as(value)
    mine, true = (torch.autograd.grad(of, numbers, toward) for of in (value, truth))
    rtol = 1e-12 if dtype == torch.float64 else 1e-6  # the one cast to float32, or a sum of such
    for one, other in zip(mine, true, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=rtol)


def test_gradients_are_right_to_second_order():
    numbers = given()
    assert torch.autograd.gradcheck(normal_log_density, numbers)
    assert torch.autograd.gradgradcheck(normal_log_density, numbers)
    own = lambda loc, offset, scale: normal_log_density(loc, offset, loc, scale)  # noqa: E731
    assert torch.autograd.gradcheck(own, (numbers[0], numbers[1], numbers[3]))
    assert torch.autograd.gradgradcheck(own, (numbers[0], numbers[1], numbers[3]))


def test_of_a_laws_own_codes_the_location_is_not_asked():
    """At a mean of 1e8 and a sigma of 1e-4, where float32 would lose all of z - mean."""
    loc = torch.full((B, D), 1e8, requires_grad=True)
    scale = torch.full((B, D), 1e-4, requires_grad=True)
    offset = scale * torch.linspace(-3, 3, B * D).view(B, D)
    value = normal_log_density(loc, offset, loc, scale)
    u = offset.detach().double() / scale.detach().double()
    torch.testing.assert_close(value, -0.5 * u**2 - math.log(scale[0, 0]) - 0.5 * math.log(2 * math.pi))
    assert torch.autograd.grad(value.sum(), loc, retain_graph=True)[0].abs().max() == 0
    (slope,) = torch.autograd.grad(value.sum(), scale)  # by both ways; u does not depend on the scale
    torch.testing.assert_close(slope, -1 / scale.detach(), rtol=1e-5, atol=0)


def test_transformations_of_functions_see_the_formula():
    centre, offset, loc, scale = (one.detach() for one in given())
    truth = written_out(centre, offset, loc, scale)
    assert torch.equal(torch.func.vmap(normal_log_density)(centre, offset, loc, scale), truth)
    _, tangent = torch.func.jvp(lambda s: normal_log_density(centre, offset, loc, s), (scale,), (scale,))
    u = (centre - loc + offset) / scale
    torch.testing.assert_close(tangent, u**2 - 1)
    hessian = torch.func.hessian(lambda s: normal_log_density(centre, offset, loc, s).sum())(scale)
    diagonal = hessian.view(B * D, B * D).diagonal().view(B, D)
    torch.testing.assert_close(diagonal, (1 - 3 * u**2) / scale**2)


def test_a_batch_of_gradients_at_once_is_that_of_each():
    numbers, towards = given(), torch.randn(4, B, D, dtype=torch.float64)
    value = normal_log_density(*numbers)
    at_once = torch.autograd.grad(value, numbers, towards, is_grads_batched=True, retain_graph=True)
    for place, toward in enumerate(towards):
        for one, other in zip(torch.autograd.grad(value, numbers, toward, retain_graph=True), at_once, strict=True):
            torch.testing.assert_close(one, other[place])


def test_what_is_not_finite_is_as_the_formula_has_it():
    nan, inf = torch.nan, torch.inf
    scale = torch.tensor([0.0, inf, nan, 1.0, 1.0, -1.0])
    offset = torch.tensor([1.0, 1.0, 1.0, nan, inf, 1.0])
    zero = torch.zeros(6)
    mine, truth = (of(zero, offset, zero.clone(), scale) for of in (normal_log_density, written_out))
    torch.testing.assert_close(mine, truth, equal_nan=True)


def test_whose_parameters_are_asked_for():
    class Own(Normal):
        def log_prob(self, value):
            return super().log_prob(value) + 1

    loc, scale = torch.zeros(2, 3), torch.ones(2, 3)
    assert normal_parameters(Normal(loc, scale)) is not None
    twice = Independent(Independent(Normal(loc, scale), 1), 1)
    assert normal_parameters(twice)[0].shape == (2, 3)
    for law in (
        Own(loc, scale),
        Independent(Own(loc, scale), 1),
        Laplace(loc, scale),
        Independent(Laplace(loc, scale), 1),
    ):
        assert normal_parameters(law) is None
    codes = Codes.at(torch.ones(2, 3))
    assert log_density_at(twice, codes).shape == () and log_density_at(Normal(loc, scale), codes).shape == (2, 3)
    torch.testing.assert_close(log_density_at(Own(loc, scale), codes), Own(loc, scale).log_prob(codes.z))
    assert log_density_by_dimension(Independent(Normal(loc, scale), 1), codes).shape == (2, 3)
