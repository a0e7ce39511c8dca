"""The KL of two normal laws: its values and gradients of any order, against the formula and torch's own."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from termwise.terms.normal_kl import normal_kl

B, D = 5, 3


def given(dtype=torch.float64, other=(B, D)):
    generator = torch.Generator().manual_seed(1)
    shapes = (B, D), (B, D), other, other
    numbers = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
    numbers[1], numbers[3] = numbers[1].exp(), numbers[3].exp()
    return [one.detach().requires_grad_() for one in numbers]


def torchs(mean, scale, other_mean, other_scale):
    laws = Normal(mean, scale, validate_args=False), Normal(other_mean, other_scale, validate_args=False)
    return kl_divergence(*laws)


@pytest.mark.parametrize("other", [(B, D), (D,), (1, D), (2, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_values_and_gradients_are_torchs(other, dtype):
    numbers = given(dtype, other)
    exact = [one.detach().double().requires_grad_() for one in numbers]
    value, truth = normal_kl(*numbers), torchs(*exact)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5  # a few roundings of numbers up to 30
    assert value.dtype == dtype
    torch.testing.assert_close(value.double(), truth, rtol=tolerance, atol=tolerance)
    toward = torch.linspace(-1, 1, truth.numel(), dtype=torch.float64).view_as(truth)
    mine = torch.autograd.grad(value, numbers, toward.to(dtype))
    for one, true in zip(mine, torch.autograd.grad(truth, exact, toward), strict=True):
        torch.testing.assert_close(one.double(), true, rtol=tolerance, atol=10 * tolerance)


def test_gradients_are_right_to_second_order():
    for other in ((B, D), (D,)):
        assert torch.autograd.gradcheck(normal_kl, given(other=other))
        assert torch.autograd.gradgradcheck(normal_kl, given(other=other))


@pytest.mark.parametrize("constant", [(2, 3), (0, 1), (1, 2, 3), (0, 2)])
def test_what_is_constant_gets_no_gradient(constant):
    numbers = given()
    for place in constant:
        numbers[place].requires_grad_(False)
    normal_kl(*numbers).sum().backward()
    assert [one.grad is None for one in numbers] == [place in constant for place in range(4)]


def test_what_is_not_finite_is_told_by_the_value():
    """A sigma whose square float32 has no number for too: a training at such a scale is refused as it begins."""
    zero, one = torch.zeros(1), torch.ones(1)
    for scale in (zero, torch.tensor([1e-30]), torch.tensor([1e30])):
        assert not normal_kl(zero, scale, zero, one).isfinite()
    assert normal_kl(zero + torch.nan, one, zero, one).isnan()


def test_transformations_of_functions_see_the_formula():
    numbers = [one.detach() for one in given()]
    truth = torchs(*numbers)
    torch.testing.assert_close(torch.func.vmap(normal_kl)(*numbers), truth)
    slope = torch.func.jacrev(lambda mean: normal_kl(mean, *numbers[1:]).sum())(numbers[0])
    torch.testing.assert_close(slope, (numbers[0] - numbers[2]) / numbers[3] ** 2)
    _, tangent = torch.func.jvp(lambda mean: normal_kl(mean, *numbers[1:]), (numbers[0],), (torch.ones(B, D).double(),))
    torch.testing.assert_close(tangent, (numbers[0] - numbers[2]) / numbers[3] ** 2)
    compiled = torch.compile(normal_kl, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*numbers), truth)
