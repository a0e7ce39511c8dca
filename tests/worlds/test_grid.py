import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from termwise.errors import Refused
from termwise.worlds import Grid


def test_a_normal_is_integrated_as_well_as_the_theory_says():
    sigma = 0.4
    width = torch.tensor(sigma, dtype=torch.float64)
    density = Normal(0.123, width).log_prob(Grid(dimension=1).axis)
    assert Grid(dimension=1).integral(density.exp()) == pytest.approx(1.0, abs=1e-13)
    coarse = Grid(step=2 * sigma, dimension=1)
    step = float(coarse.axis[1] - coarse.axis[0])
    worst = 2 * math.exp(-2 * math.pi**2 * sigma**2 / step**2)
    errors = [
        abs(float(coarse.integral(Normal(shift * step, width).log_prob(coarse.axis).exp())) - 1) for shift in (0.0, 0.5)
    ]
    assert errors == pytest.approx([worst, worst], rel=0.01)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_a_divergence_of_normals_is_its_closed_form_in_any_dimension(dimension):
    grid = Grid(reach=6.0, step=0.25, dimension=dimension)
    factor = torch.eye(dimension, dtype=torch.float64) * 0.6 + 0.2 * torch.ones(dimension, dimension).tril(-1)
    p = MultivariateNormal(torch.linspace(-0.5, 0.5, dimension, dtype=torch.float64), scale_tril=factor)
    q = MultivariateNormal(torch.zeros(dimension, dtype=torch.float64), torch.eye(dimension, dtype=torch.float64))
    log_p, log_q = p.log_prob(grid.nodes), q.log_prob(grid.nodes)
    assert float(grid.mean(log_p - log_q, log_p)) == pytest.approx(float(kl_divergence(p, q)), abs=1e-8)
    assert float(grid.log_integral(log_p)) == pytest.approx(0.0, abs=1e-8)
    assert float(grid.twice_as_coarse(log_q)) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_marginals_of_a_correlated_normal_are_its_own_and_their_product_is_spread_over_the_nodes(dimension):
    grid = Grid(reach=6.0, step=0.3, dimension=dimension)
    factor = torch.eye(dimension, dtype=torch.float64) * 0.6 + 0.2 * torch.ones(dimension, dimension).tril(-1)
    law = MultivariateNormal(torch.linspace(-0.5, 0.5, dimension, dtype=torch.float64), scale_tril=factor)
    scale = law.variance.sqrt()
    marginals = [grid.marginal(law.log_prob(grid.nodes), j) for j in range(dimension)]
    near = grid.axis.abs() < 3
    for j, marginal in enumerate(marginals):
        exact = Normal(law.mean[j], scale[j]).log_prob(grid.axis)
        assert torch.allclose(marginal[near], exact[near], atol=1e-6)
    product = sum(marginals[j][_positions(grid, j)] for j in range(dimension))
    assert torch.equal(grid.product(marginals), product)


def _positions(grid: Grid, j: int) -> torch.Tensor:
    return torch.searchsorted(grid.axis, grid.nodes[:, j].contiguous())


def test_border_and_weights_are_the_trapezoid_s():
    grid = Grid(reach=1.0, step=1.0)
    assert grid.border.sum() == 8
    assert grid.weights.reshape(3, 3).tolist() == [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]
    assert float(Grid(reach=1.0, step=0.3).axis[-1]) == pytest.approx(1.0)


def test_a_grid_that_cannot_be_is_refused():
    for options in ({"step": 0.0}, {"step": 8.0}, {"reach": math.inf}, {"dimension": 0}):
        with pytest.raises(Refused, match="0 < step <= reach"):
            Grid(**options)
    with pytest.raises(Refused, match="larger step"):
        Grid(dimension=4)
