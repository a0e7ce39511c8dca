import math

import pytest
import torch

import termwise as tw
from termwise.account.glossary import of_population
from termwise.account.reading import Reading
from termwise.measuring.elbo.population import LEAST, LinkSum, LogAggregateEstimates, carried_on, population_reading
from termwise.models.codewords import Codebook, Codewords, UniformCodewords
from termwise.worlds import LinearGaussian, MarkovWorld

LINKS = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")


def levels(*means, spread=0.01, count=4000):
    noise = torch.randn(count, 1, dtype=torch.float64)
    return torch.tensor(means, dtype=torch.float64) + spread * (noise - noise.mean())


def test_an_error_that_falls_as_one_over_n_is_carried_to_its_end():
    end = carried_on(levels(2.0 + 0.1, 2.0 + 0.2, 2.0 + 0.4))
    assert float(end.influence.mean()) == pytest.approx(2.0) and end.shrinking


def test_between_one_over_n_and_the_steps_own_ratio_the_end_is_halfway():
    end = carried_on(levels(1.0, 1.3, 1.3 + 0.3 / 0.6))  # r = 0.6: to -0.45 by it, to -0.3 by 1/N
    assert float(end.influence.mean()) == pytest.approx(1.0 - (0.3 + 0.45) / 2)


def test_steps_that_hardly_shrink_have_no_end_in_sight_unless_they_are_too_small_to_matter():
    n = 4000
    points = Reading("index_code_mi", 7.0, 0.1, None, None, None, "nats", "", "", n)
    for near, seen in ((levels(1.0, 1.5, 2.05), False), (levels(1.0, 1.001, 1.0021, spread=1.0), True)):
        assert not carried_on(near).shrinking
        known = LogAggregateEstimates(near[:, 0] + 1, (near[:, :1] - 1).expand(n, 5), near)
        assert (population_reading(LinkSum(torch.zeros(n), ((1, known),)), points)[0].stderr is not None) == seen


def test_small_aggregates_are_carried_on_by_no_more_than_a_standard_error():
    n = 4000
    points = Reading("index_code_mi_given_side", 7.0, 0.1, None, None, None, "nats", "", "", n)
    for spread, size, seen in ((10.0, 12.0, True), (1.0, 12.0, False), (1.0, 64.0, True), (1.0, math.inf, True)):
        near = levels(1.0, 1.1, 1.3, spread=spread)  # the standard error is spread / 63
        known = LogAggregateEstimates(near[:, 0] + 1, (near[:, :1] - 1).expand(n, 5), near)
        reading, _ = population_reading(LinkSum(torch.full((n,), 3.0), ((-1, known),), size=size), points)
        assert (reading.stderr is not None) == seen
        assert seen or (
            "groups of 12 on average" in reading.bias and reading.interval == [reading.lower, reading.upper]
        )


def test_the_influence_tells_the_error_of_the_end_by_the_delta_method():
    """Against a numerical derivative in the weight of one example."""
    torch.manual_seed(0)
    near = levels(1.0, 1.2, 1.55) + 0.02 * torch.randn(4000, 3, dtype=torch.float64)
    influence = carried_on(near).influence
    for n in (0, 17, 999):
        weight, tiny = torch.ones(4000, dtype=torch.float64), 1e-4
        weight[n] += tiny
        moved = near * weight.unsqueeze(1) * 4000 / weight.sum()
        slope = (carried_on(moved).influence.mean() - influence.mean()) / (tiny / 4000)
        assert float(slope) == pytest.approx(float(influence[n] - influence.mean()), abs=2e-3)


def test_a_bracket_takes_each_side_from_the_bound_that_holds_there():
    n = 4000
    known = LogAggregateEstimates(torch.full((n,), 3.0), torch.full((n, 5), 1.0), torch.full((n, 3), 2.0))
    known.below[:, 1] = 1.5  # the tightest from below
    points = Reading("index_code_mi", 7.0, 0.1, None, None, None, "nats", "", "", n)
    reading, _ = population_reading(LinkSum(torch.full((n,), 10.0), ((-1, known),)), points)
    assert (reading.lower, reading.value, reading.upper) == pytest.approx((7.0, 8.0, 8.5), abs=1e-4)
    assert reading.name == "population_mi"
    difference = LinkSum(torch.full((n,), 2.0), ((1, known), (-1, known)))
    reading, _ = population_reading(difference, points)
    assert (reading.lower, reading.upper) == pytest.approx((2 + 1.5 - 3.0, 2 + 3.0 - 1.5), abs=1e-4)


def test_what_five_hundred_points_cannot_show_the_population_readings_do():
    """MI of 5 nats from 500 points (log N = 6.2): the points' own reading is off by tens of standard errors."""
    world = LinearGaussian.random(0, latent=4, mutual_information=5.0)
    account, truth = tw.measure(world, world.data(500, seed=1)), world.truth()
    points, population = account["index_code_mi"], account["population_mi"]
    assert truth["index_code_mi"] - points.value > 5 * points.stderr
    assert abs(population.value - truth["index_code_mi"]) < 4 * population.stderr
    assert population.lower < truth["index_code_mi"] < population.upper


@pytest.mark.parametrize(
    ("worlds", "most", "most_outside"), [(40, 7, 3), pytest.param(120, 14, 5, marks=pytest.mark.slow)]
)
def test_intervals_hold_the_truth_as_often_as_they_say_and_brackets_always(worlds, most, most_outside):
    """So many worlds: 95% intervals miss as seldom as 0.1% of a binomial says, brackets as it says at 1%."""
    missed, outside = dict.fromkeys(LINKS, 0), dict.fromkeys(LINKS, 0)
    for seed in range(worlds):
        nats = 0.5 + 3.5 * (seed % 8) / 8
        world = LinearGaussian.random(seed, 1 + seed % 5, 6, nats, diagonal=seed % 3 > 0)
        account, truth = tw.measure(world, world.data(400, seed=1000 + seed)), world.truth()
        for name in LINKS:
            reading = account[of_population(name)]
            missed[name] += not reading.interval[0] <= truth[name] <= reading.interval[1]
            outside[name] += not reading.lower <= truth[name] <= reading.upper
    assert max(missed.values()) <= most, missed
    assert max(outside.values()) <= most_outside, outside


def test_a_model_that_tells_all_points_apart_has_a_bracket_for_an_interval():
    far_apart = tw.adapt(encode=lambda x: (100 * x, torch.full_like(x, -9.0)))
    population = tw.measure(far_apart, torch.randn(200, 3))["population_mi"]
    assert population.interval == [population.lower, population.upper]
    assert population.lower < math.log(200) + 1e-3 < population.upper
    assert "out of sight" in population.bias
    # z = 100 x + sigma e, sigma = exp(-4.5), x standard normal: 3/2 log (1 + 100^2 / sigma^2)
    assert population.lower < 1.5 * math.log1p(100**2 / math.exp(-9.0)) < population.upper


def test_few_examples_say_nothing_of_the_population():
    world = LinearGaussian.random(0)
    assert not set(map(of_population, LINKS)) & set(tw.measure(world, world.data(LEAST - 1)))


def test_where_examples_reach_far_out_to_one_side_the_interval_does_too():
    """One latent is the square of another: of the values for the dimension-wise KL a few are as large as all others."""
    torch.manual_seed(0)
    u = torch.randn(1000)
    x = torch.stack([u, u**2 - 1], 1)
    reading = tw.measure(tw.adapt(encode=lambda x: (x, torch.full_like(x, -2.4))), x)["population_dimension_wise_kl"]
    below, above = reading.value - reading.interval[0], reading.interval[1] - reading.value
    assert above > 1.2 * below
    assert below > reading.stderr and above < 4 * reading.stderr


def test_where_all_posteriors_are_the_prior_the_brackets_hold_the_zero_that_is_true():
    model = tw.adapt(encode=lambda x: (torch.zeros(len(x), 3), torch.zeros(len(x), 3)))
    account = tw.measure(model, torch.randn(200, 2, generator=torch.Generator().manual_seed(0)))
    for name in ("index_code_mi", "marginal_kl", "total_correlation"):
        reading = account[f"population_{name.removeprefix('index_code_')}"]
        assert reading.lower <= 0.0 <= reading.upper < 1e-3


def points_at_codewords(count, positions, dependent):
    """Points at codewords: as good as every example another, or all positions of an example the same."""
    torch.manual_seed(0)
    book = Codebook(torch.randn(16, 2))
    indices = torch.randint(16, (count, 1 if dependent else positions)).expand(-1, positions)
    model = tw.adapt(lambda x: Codewords(x.long(), book), prior=UniformCodewords(book, positions))
    return model, indices.float()


def built(**parts):
    torch.manual_seed(0)
    return tw.VAE.build((3,), options={"hidden": [4]}, **parts).eval(), torch.rand(200, 3).round()


CODE = [
    {"name": "digit", "latent": 3, "posterior": "categorical"},
    {"name": "style", "latent": 2, "given": ["digit"], "prior": "conditional"},
]
WORDS = {"latent": 6, "posterior": "vector-quantized", "posterior_options": {"positions": 3}}
AT_THE_EDGE = {
    "collapsed": lambda: built(latent=4),
    "far-apart": lambda: points_at_codewords(200, 16, dependent=False),
    "the-same": lambda: points_at_codewords(400, 3, dependent=True),
    "chain": lambda: (world := MarkovWorld.random(0, 8, 6), world.data(150)),
    "categories": lambda: built(latent=8, posterior="categorical", prior="uniform"),
    "given-categories": lambda: built(code=CODE),
    "in-order": lambda: built(prior="autoregressive", **WORDS),
}
"""Models whose links are about 0, or as much as the rate, or out of sight; with their data."""


@pytest.mark.parametrize("name", AT_THE_EDGE)
def test_no_end_of_a_bracket_or_an_interval_is_where_the_link_cannot_be(name):
    model, x = AT_THE_EDGE[name]()
    account = tw.measure(model, tw.load_data(x, test=0.0))
    rate = account["rate"]
    for link in LINKS:
        if link not in account:
            continue
        reading = account[of_population(link)]
        ends = [reading.lower, reading.upper, *reading.interval, reading.value]
        assert min(ends) >= 0 and reading.lower <= reading.value <= reading.upper, reading
        if link != "total_correlation" or "dimension_wise_kl" in account:
            assert max(ends) <= rate.value + 4 * (rate.stderr or 0.0) + 1e-4, reading
