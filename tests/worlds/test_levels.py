"""The world of several levels: its truth against its own formulas turned another way, and the account against it."""

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models.codes import log_density_at
from termwise.models.draw import Draw
from termwise.worlds import LinearGaussianLevels

POPULATION = {"index_code_mi": "population_mi", "marginal_kl": "population_marginal_kl"}


@pytest.mark.parametrize("seed", [0, 1])
def test_level_by_level_the_laws_are_the_normals_that_they_come_from(seed):
    world = LinearGaussianLevels.random(seed, sizes=(1, 2, 1))
    x = world.data(5)
    draw = Draw(world, x)
    flat = world.flat.infer(x)[0]
    assert torch.allclose(log_density_at(draw.posterior, draw.codes), log_density_at(flat, draw.codes), atol=1e-4)
    whole = torch.distributions.MultivariateNormal(torch.zeros(4).double(), world.prior_covariance)
    assert torch.allclose(log_density_at(draw.prior, draw.codes).double(), whole.log_prob(draw.z.double()), atol=1e-4)


def test_the_rate_is_that_of_the_same_code_turned_to_a_standard_prior():
    world = LinearGaussianLevels.random(3, sizes=(2, 1))
    assert world.truth()["rate"] == pytest.approx(world._standard().truth()["rate"], abs=1e-9)
    assert world.truth()["inference_gap"] == pytest.approx(world._standard().truth()["inference_gap"], abs=1e-9)


def test_one_level_is_none():
    with pytest.raises(Refused, match="two or more"):
        LinearGaussianLevels.random(0, sizes=(3,))


@pytest.mark.parametrize(("seed", "sizes"), [(0, (1, 2)), (1, (2, 1, 1)), (2, (1, 1))])
def test_every_term_is_within_its_error_of_the_truth(seed, sizes):
    world = LinearGaussianLevels.random(seed, sizes)
    account = tw.measure(world, world.data(700, seed), seed=seed)
    truth = world.truth()
    for name in ("distortion", "rate", "elbo", "index_code_mi", "marginal_kl"):
        reading = account[POPULATION.get(name, name)]
        assert abs(reading.value - truth[name]) < 4 * reading.stderr, name
    for name, of_levels in world.truth_by_level().items():
        read = account.by_dimension[name]
        assert len(read.value) == len(sizes)
        for value, stderr, expected in zip(read.value, read.stderr, of_levels, strict=True):
            assert abs(value - expected) < 4.5 * stderr, name
    parts, whole = (account.by_dimension["index_code_mi_by_block"].value, account["index_code_mi"].value)
    assert sum(parts) == pytest.approx(whole, abs=4 * account["index_code_mi"].stderr)


@pytest.mark.slow
def test_log_p_of_x_by_annealing_is_the_worlds():
    world = LinearGaussianLevels.random(4, sizes=(1, 1), mutual_information=1.0)
    x = world.data(20)
    found = tw.log_likelihood(world, x, chains=4, temperatures=256, tolerance=1.0)["log_likelihood"]
    assert found.value == pytest.approx(float(world.log_likelihood(x).mean()), abs=0.3)
