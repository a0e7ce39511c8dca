import pytest
import torch

from helpers.exact_evidence import linear, true_precision
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.metric import metric
from termwise.measuring.log_likelihood.path import Path
from termwise.measuring.log_likelihood.schedule import equal_lengths


@pytest.mark.parametrize("base", ["posterior", "prior"])
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_metric_of_a_linear_world_is_its_tempered_covariance(noise, base):
    world = linear(5, noise)
    x = world.data(3)
    posterior = world.infer(x)[0]
    path = Path(Joint(world, x, None), posterior if base == "posterior" else world.prior_law())
    shape = metric(path, posterior)
    precision = world.posterior_covariance.inverse() if base == "posterior" else torch.eye(5).double()
    for t in (0.0, 0.3, 1.0):
        root = shape.root(t)
        tempered = (1 - t) * precision + t * true_precision(world)
        assert torch.allclose(root @ root.mT @ tempered, torch.eye(5).double().expand(3, 5, 5), atol=2e-3)
    t = torch.tensor([0.0, 0.5, 1.0]).double()
    ratio = true_precision(world) - precision
    for one, speed in zip(t, shape.speed(t), strict=True):
        turned = ratio @ torch.linalg.inv((1 - one) * precision + one * true_precision(world))
        assert float(speed) == pytest.approx(float(0.5 * (turned @ turned).trace()) ** 0.5, rel=1e-2)


def test_temperatures_are_as_dense_as_the_path_is_fast():
    knots = torch.linspace(0, 1, 2001, dtype=torch.float64)
    speeds = 1 / (knots + 0.05)
    schedule = equal_lengths(50, knots, speeds)
    assert schedule[0] == 0 and schedule[-1] == 1 and torch.all(schedule.diff() > 0)
    middle = 0.5 * (schedule[1:] + schedule[:-1])
    lengths = schedule.diff() * (1 / (middle + 0.05) + 0.1 * speeds.mean())
    assert float(lengths.max() / lengths.min()) < 1.02
    assert torch.allclose(equal_lengths(4, knots, torch.ones(2001).double()), torch.linspace(0, 1, 5).double())
    assert equal_lengths(1, knots, torch.zeros(2001).double()).tolist() == [0.0, 1.0]


def test_where_nothing_moves_the_temperatures_are_evenly_spread():
    schedule = equal_lengths(4, torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    assert torch.allclose(schedule, torch.linspace(0, 1, 5, dtype=torch.float64), atol=1e-6)
