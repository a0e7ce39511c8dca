"""HSIC of normals, where it has a closed form, at small batches; and against its definition over quadruples."""

import itertools
import math

import pytest
import torch

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms import HSIC, IMQ, RBF, Groups, Link
from termwise.terms.hsic import pairwise_hsic
from termwise.worlds import LinearGaussian

WIDTH = 1.3


def closed_form(a, b, covariance):
    """HSIC of two groups of a normal under kernels of width h: with m(C) = |I + C/h^2|^(-1/2), m(2A) + m(2 A_ab) -
    2 m(A + A_ab), A_ab the blocks of A (Gretton et al., 2005, theorem 1, with the kernels' means of normals)."""
    both = [*a, *b]
    joint = covariance[both][:, both]
    blocks = joint.clone()
    blocks[: len(a), len(a) :] = blocks[len(a) :, : len(a)] = 0
    mean = lambda c: float(torch.linalg.det(torch.eye(len(c)).double() + c / WIDTH**2) ** -0.5)  # noqa: E731
    return mean(2 * joint) + mean(2 * blocks) - 2 * mean(joint + blocks)


@pytest.mark.parametrize(
    ("seed", "right", "groups"),
    [
        (0, Groups([[0, 2], [1, 3]]), [[0, 2], [1, 3]]),
        (1, Groups([[0, 1], [2], [3]]), [[0, 1], [2], [3]]),
        (2, "marginals", [[0], [1], [2], [3]]),
    ],
)
def test_the_mean_of_small_batches_is_the_closed_form_summed_over_pairs(seed, right, groups):
    world = LinearGaussian.random(seed, mutual_information=3.0)
    covariance = world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance
    wanted = sum(closed_form(a, b, covariance) for a, b in itertools.combinations(groups, 2))
    link = Link("aggregate", right, HSIC("rbf", bandwidth=WIDTH))
    values = torch.stack([link(Draw(world, world.data(12, seed=s))) for s in range(400)])
    assert abs(float(values.mean()) - wanted) < 4 * float(values.std()) / math.sqrt(len(values))
    assert wanted > 0.005


@pytest.mark.parametrize("kernel", [RBF(0.7), IMQ()])
def test_it_is_the_mean_over_quadruples_and_its_gradient_that_of_float64(kernel):
    z = torch.randn(6, 3).double().requires_grad_()
    groups = [[0, 2], [1]]
    k, m = (kernel(z[:, g], z[:, g]) for g in groups)
    quadruples = list(itertools.permutations(range(6), 4))
    wanted = sum(k[a, b] * (m[a, b] + m[c, d] - 2 * m[a, c]) for a, b, c, d in quadruples) / len(quadruples)
    single = z.detach().float().requires_grad_()
    ours = pairwise_hsic([single[:, g] for g in groups], kernel)
    assert ours.item() == pytest.approx(wanted.item(), rel=1e-3, abs=1e-6)
    (got,), (should,) = torch.autograd.grad(ours, single), torch.autograd.grad(wanted, z)
    assert torch.allclose(got.double(), should, rtol=1e-3, atol=1e-5)


def test_what_hsic_cannot_be_of_is_said():
    world = LinearGaussian.random(0)
    with pytest.raises(Refused, match="4 examples or more; got 3"):
        Link("aggregate", "marginals", HSIC())(Draw(world, world.data(3)))
    with pytest.raises(Refused, match=r"its groups, or its marginals; got aggregate -> prior.*Kernel"):
        Link("aggregate", "prior", HSIC())
    with pytest.raises(Refused, match="Options are for a kernel that is named"):
        HSIC(RBF(), bandwidth=2.0)
