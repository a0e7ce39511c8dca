"""Every link of every kind of world within four standard errors of its truth, at several sizes and seeds.

Of an account, and of Monte Carlo terms as they are trained, under each memory of q(z).
"""

import math

import pytest
import torch

import termwise as tw
from helpers import sized_worlds
from helpers.sized_worlds import OF_POPULATION, ROUNDING
from termwise.account.guard import unguarded
from termwise.data import load_data
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.models.randomness import own_randomness
from termwise.terms import Groups, Link, MonteCarlo
from termwise.terms.link import by_example
from termwise.terms.link_names import LINK_NAMES

SIZES = {
    "table": [
        {"count": 600, "states": 3, "positions": 1, "categories": 2},
        {"count": 150, "states": 5, "positions": 2, "categories": 3},
        {"count": 900, "states": 30, "positions": 3, "categories": 4},
        {"count": 2000, "states": 20, "positions": 1, "categories": 10, "sure": 6.0},
    ],
    "mixed": [
        {"count": 300, "states": 4, "categories": 3, "numbers": 1},
        {"count": 1200, "states": 6, "categories": 2, "numbers": 2},
        {"count": 600, "states": 12, "categories": 6, "numbers": 1, "sure": 6.0},
    ],
    "given": [
        {"count": 300, "states": 4, "categories": 3, "numbers": 1},
        {"count": 900, "states": 3, "categories": 5, "numbers": 2},
        {"count": 200, "states": 10, "categories": 10, "numbers": 1},
    ],
    "normal": [
        {"count": 500, "dimensions": 3, "nats": 0.1},
        {"count": 200, "dimensions": 1},
        {"count": 1000, "dimensions": 2, "diagonal": False},
        {"count": 1000, "dimensions": 8, "nats": 2.0},
        {"count": 2000, "dimensions": 12, "nats": 1.5, "diagonal": False},
    ],
    "levels": [
        {"count": 200, "sizes": (1, 1)},
        {"count": 500, "sizes": (2, 3)},
        {"count": 400, "sizes": (1, 1, 1, 1)},
        {"count": 1200, "sizes": (1, 2)},
    ],
    "words": [
        {"count": 1000, "codewords": 8, "positions": 2},
        {"count": 300, "codewords": 2, "positions": 3},
        {"count": 5000, "codewords": 5, "positions": 6},
    ],
}
"""The sizes of each kind of world; the first of each is a fast test."""
MOST_TRAINED = 1000
"""Examples of a world whose terms are taken batch by batch."""
TRAINED = ("full", "bank")
"""Memories whose q(z) is that of all examples."""
WALK = {name: ends for ends, name in LINK_NAMES.items()}
LINKS = (*OF_POPULATION, "group_correlation", "within_group_correlation")


def world_of(kind, seed, size):
    if kind == "given":
        return sized_worlds.mixed(seed, **size, given=True)
    return getattr(sized_worlds, kind)(seed, **size)


def sizes(kinds, more=()):
    """A case for every size of these kinds, beside each of some more; all but the first of a kind are slow."""
    for kind in kinds:
        for place, size in enumerate(SIZES[kind]):
            if more and size["count"] > MOST_TRAINED:
                continue
            for at, one in enumerate(more or [None]):
                name = "-".join([kind, *(str(value) for value in size.values()), *([one] if one else [])])
                marks = [pytest.mark.slow] if place or at else []
                yield pytest.param(kind, size, *([one] if one else []), id=name, marks=marks)


@pytest.mark.parametrize(("kind", "size"), [*sizes(SIZES)])
@pytest.mark.parametrize("seed", range(2))
def test_every_reading_of_an_account_is_within_four_standard_errors_of_the_truth(kind, size, seed):
    world = world_of(kind, seed, size)
    with unguarded():
        account = tw.measure(world.model, world.x, groups=world.groups, seed=seed)
    assert world.off(account) == []


@pytest.mark.parametrize(("kind", "size", "memory"), [*sizes(("table", "mixed", "given", "normal"), TRAINED)])
@pytest.mark.parametrize("seed", range(2))
def test_every_link_of_a_training_is_within_four_standard_errors_of_the_truth(kind, size, memory, seed):
    world = world_of(kind, seed, size)
    data, (joint, by_dimension) = load_data(world.x, test=0.0), world.chi2
    few = {  # what N points add to each link, to first order in 1/N
        "index_code_mi": -joint,
        "marginal_kl": joint,
        "total_correlation": joint - by_dimension,
        "dimension_wise_kl": by_dimension,
    }
    for name in (name for name in LINKS if name in world.truth):
        ends = [Groups("blocks") if end == "groups" else end for end in WALK[name]]
        link = Link(*ends, MonteCarlo(memory))
        link.memory.prepare(DataPass(world.model, data))
        values = []
        with torch.no_grad(), own_randomness(seed):
            for index in torch.randperm(len(data)).split(200):
                draw = Draw(world.model, data.tensor()[index], index, len(data))
                link.memory.observe(draw)
                values.append(by_example(link(draw)).double())
        found, off = torch.cat(values), 0.0 if world.of_points else few[name] / (2 * len(data))
        error = 4 * float(found.std()) / math.sqrt(len(found)) + ROUNDING + 0.5 * abs(off)
        assert abs(float(found.mean()) - world.truth[name] - off) < error, name


@pytest.mark.parametrize("latent", [1, 2, 5, pytest.param(20, marks=pytest.mark.slow)])
def test_codes_of_the_prior_have_no_marginal_kl_in_any_number_of_dimensions(latent):
    """Of probabilistic PCA q(z) is p(z), whatever the data."""
    source = tw.worlds.LinearGaussian.random(latent, latent=latent, dimension=latent + 3)
    world = tw.worlds.LinearGaussian.probabilistic_pca(source.mean, source.covariance, latent)
    account = tw.measure(world, source.data(1000, seed=1))
    for name in ("population_marginal_kl", "population_dimension_wise_kl", "population_total_correlation"):
        reading = account[name]
        assert abs(reading.value) < 4 * (reading.stderr or math.inf) + ROUNDING, name


def test_groups_of_levels_are_those_that_have_all_that_they_are_given():
    world = sized_worlds.levels(0, 100, (1, 1, 2))
    with pytest.raises(Refused, match="Put what they are given beside them"):
        tw.measure(world.model, world.x, groups="blocks")
    account = tw.measure(world.model, world.x, groups=[[0, 1, 2, 3]])
    assert abs(account["group_correlation"].value) < 4 * account["group_correlation"].stderr
