import math

import pytest
import torch

import termwise as tw
from helpers.exact_evidence import Binary, linear, normal, true_mean, true_precision
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.hmc import leapfrog, transition
from termwise.measuring.log_likelihood.path import FAR, Path

T = 0.4


class Quartic:
    """log p(x, z) of no normal, in double precision throughout, for one example."""

    x = torch.zeros(1, 2).double()

    def __call__(self, z):
        return -0.25 * z.square().square().sum(-1) - 0.5 * (z[..., 0] * z[..., 1]).square()


def quartic_path():
    return Path(Quartic(), normal(torch.zeros(1, 2).double(), torch.full((1, 2), 1.5).double()))


def steps(size, chains):
    return torch.full((chains, 1), size, dtype=torch.float64)


ROOT = torch.tensor([[[0.8, 0.0], [0.3, 1.2]]]).double()


def test_the_gradient_is_that_of_the_density():
    path = quartic_path()
    torch.manual_seed(2)
    z = torch.randn(5, 1, 2).double()
    for j in range(2):
        shift = torch.zeros(2).double()
        shift[j] = 1e-5
        slope = (path.at(z + shift).log_density(T) - path.at(z - shift).log_density(T)) / 2e-5
        assert torch.allclose(slope, path.at(z).gradient(T)[..., j], atol=1e-8)


def test_a_trajectory_runs_back_when_its_momentum_is_turned():
    path = quartic_path()
    torch.manual_seed(0)
    start, momentum = path.start(50), torch.randn(50, 1, 2).double()
    end, final = leapfrog(path, start, momentum, T, steps(0.1, 50), ROOT, 20)
    back, turned = leapfrog(path, end, -final, T, steps(0.1, 50), ROOT, 20)
    assert float((end.z - start.z).abs().mean()) > 0.3
    assert torch.allclose(back.z, start.z, atol=1e-9) and torch.allclose(turned, -momentum, atol=1e-9)


def test_energy_is_kept_to_the_square_of_the_step():
    path = quartic_path()
    torch.manual_seed(0)
    start, momentum = path.start(200), torch.randn(200, 1, 2).double()

    def drift(size):
        end, final = leapfrog(path, start, momentum, T, steps(size, 200), ROOT, round(0.8 / size))
        gained = end.log_density(T) - start.log_density(T)
        return float((gained - 0.5 * (final.square() - momentum.square()).sum(-1)).abs().mean())

    assert drift(0.02) < 2e-3
    assert drift(0.04) / drift(0.02) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("step", [0.3, 0.9])
def test_moves_leave_a_law_that_is_no_normal_as_it_is(step):
    path, chains = quartic_path(), 4000
    side = torch.linspace(-8, 8, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)[:, None]
    with torch.no_grad():
        log_f = (1 - T) * path.base.log_prob(grid) + T * path.joint(grid)
    weights = log_f.flatten().softmax(0)
    torch.manual_seed(1)
    point = path.at(grid[torch.multinomial(weights, chains, replacement=True)])
    for _ in range(15):
        point, probability = transition(path, point, T, torch.tensor([step]).double(), ROOT, 3)
    assert 0.2 < float(probability.mean()) < 0.99  # so that acceptance matters
    for moment in (lambda z: z[..., 0].square(), lambda z: z[..., 0] * z[..., 1], lambda z: z[..., 1] ** 4):
        values, truth = moment(point.z).flatten(), float(weights @ moment(grid).flatten())
        assert abs(float(values.mean()) - truth) < 4 * float(values.std()) / math.sqrt(chains)


def test_chains_from_elsewhere_come_to_the_tempered_law_of_a_linear_world():
    world = linear(2, 1.0, off=2.0)
    x = world.data(3)
    posterior = world.infer(x)[0]
    path = Path(Joint(world, x, None), posterior)
    torch.manual_seed(4)
    point = path.at(3 * torch.randn(1500, 3, 2).double())
    spread = posterior.variance[0].double().sqrt()
    for _ in range(40):
        point, _ = transition(path, point, T, torch.full((3,), 0.5).double(), spread.diag().expand(3, 2, 2), 3)
    base, joint = (1 / posterior.variance[0].double()).diag(), true_precision(world)
    covariance = torch.linalg.inv((1 - T) * base + T * joint)
    mean = ((1 - T) * posterior.mean.double() @ base + T * true_mean(world, x) @ joint) @ covariance
    assert torch.all((point.z.mean(0) - mean).abs() < 4 * (covariance.diagonal() / 1500).sqrt())
    centred = (point.z - mean).flatten(0, 1)
    found = centred.T @ centred / len(centred)
    scale = covariance.diagonal().outer(covariance.diagonal()).sqrt()
    assert torch.all((found - covariance).abs() < 4 * scale * math.sqrt(2 / len(centred)))


def test_a_trajectory_that_diverges_stays_where_it_was():
    path = quartic_path()
    torch.manual_seed(0)
    start = path.start(20)
    end, probability = transition(path, start, T, torch.tensor([50.0]).double(), ROOT, 10)
    assert torch.equal(end.z, start.z) and float(probability.max()) == 0
    far = path.at(torch.tensor([[[math.nan, 0.0]], [[2 * FAR, 0.0]]]).double())
    assert torch.all(torch.isneginf(far.log_density(T))) and torch.all(far.gradient(T) == 0)


def test_no_parameter_of_the_model_gets_a_gradient():
    decoder = torch.nn.Linear(2, 6)
    binary = Binary(mirrored=False)
    model, x = tw.adapt(binary.encode, decoder, likelihood="bernoulli-logits"), binary.data(4)
    with torch.no_grad():
        posterior, _ = model.infer(x)
        point = Path(Joint(model, x, None), posterior).start(2)
    assert float(point.joint_gradient.abs().max()) > 0.1
    assert all(parameter.grad is None for parameter in decoder.parameters())
