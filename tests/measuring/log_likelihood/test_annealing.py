import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from helpers.exact_evidence import Binary, linear, log_evidence, true_mean, true_precision, with_exact_posterior
from termwise.measuring.log_likelihood.annealing import Annealer, annealed
from termwise.measuring.log_likelihood.densities import Joint
from termwise.measuring.log_likelihood.importance import log_mean_exp
from termwise.measuring.log_likelihood.tuning import TARGET


def prepared(world, x, base="posterior", chains=8):
    return Annealer(chains, 3, base).prepare(Joint(world, x, None), world.infer(x)[0])


def even(temperatures):
    return torch.linspace(0, 1, temperatures + 1, dtype=torch.float64)


def exact_start(world, path, x, chains):
    posterior = MultivariateNormal(true_mean(world, x), precision_matrix=true_precision(world))
    return path.at(posterior.sample((chains,)))


@pytest.mark.parametrize(
    ("latent", "noise", "temperatures"), [(2, 0.1, 16), (8, 1.0, 32), pytest.param(32, 0.1, 64, marks=pytest.mark.slow)]
)
def test_ais_is_within_its_error_of_log_p_of_x(latent, noise, temperatures):
    world = linear(latent, noise)
    x = world.data(32)
    torch.manual_seed(0)
    path, kernels = prepared(world, x)
    values = log_mean_exp(annealed(path, kernels, even(temperatures), path.start(16)).log_weights)
    errors = values - log_evidence(world, x)
    assert abs(float(errors.mean())) < 4 * float(errors.std()) / math.sqrt(32)
    assert float(errors.std()) < 0.5


@pytest.mark.parametrize("base", ["posterior", "prior"])
def test_weights_average_to_p_of_x_forwards_and_to_its_inverse_backwards(base):
    world = linear(2, 1.0)
    x = world.data(2)
    torch.manual_seed(5)
    path, kernels = prepared(world, x, base)
    truth, chains = log_evidence(world, x), 4000
    schedule = even(4)
    forwards = (annealed(path, kernels, schedule, path.start(chains)).log_weights - truth).exp()
    start = exact_start(world, path, x, chains)
    backwards = (annealed(path, kernels, schedule.flip(0), start).log_weights + truth).exp()
    for weights in (forwards, backwards):
        assert torch.all((weights.mean(0) - 1).abs() < 4 * weights.std(0) / math.sqrt(chains))
        assert torch.all(weights.std(0) > 0.1)  # else nothing was tried


def test_with_one_temperature_it_is_importance_sampling():
    world = linear(2, 1.0)
    x = world.data(4)
    path, kernels = prepared(world, x)
    start = path.start(6)
    run = annealed(path, kernels, even(1), start)
    posterior = world.infer(x)[0]
    expected = Joint(world, x, None)(start.z) - posterior.log_prob(start.z)
    assert torch.allclose(run.log_weights, expected, atol=1e-4) and torch.equal(run.point.z, start.z)


def test_from_the_exact_posterior_no_temperature_changes_a_weight():
    world = with_exact_posterior(linear(3, 0.5))
    x = world.data(4)
    path, kernels = prepared(world, x)
    run = annealed(path, kernels, even(10), path.start(5))
    assert torch.allclose(run.log_weights, log_evidence(world, x).expand(5, -1), atol=1e-3)
    assert float(run.acceptance.min()) > 0.5


def test_chains_end_as_samples_of_the_true_posterior():
    world = linear(2, 1.0, off=1.0)
    x = world.data(2)
    torch.manual_seed(6)
    path, kernels = prepared(world, x)
    end = annealed(path, kernels, even(60), path.start(1000)).point.z
    spread = true_precision(world).inverse()
    assert torch.all((end.mean(0) - true_mean(world, x)).abs() < 4 * (spread.diagonal() / 1000).sqrt() + 0.01)


def test_step_sizes_come_to_the_acceptance_aimed_at_where_nothing_holds_them_back():
    binary = Binary(mirrored=True, seed=1)
    model, x = binary.model(), binary.data(40)
    torch.manual_seed(7)
    posterior = model.infer(x)[0]
    path, kernels = Annealer(16, 1, "posterior").prepare(Joint(model, x, None), posterior)
    longest = math.log(0.5 * math.pi)
    free = kernels.log_steps[20:].mean(0) < longest - 0.3
    run = annealed(path, kernels, torch.cat([torch.zeros(1), torch.linspace(0.6, 1, 60)]), path.start(16))
    assert int(free.sum()) > 3
    assert abs(float(run.acceptance.mean(0)[free].mean()) - TARGET) < 0.12
