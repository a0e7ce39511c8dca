"""What the code knows of what stands beside x: against worlds, sums over the posteriors of each group, and itself."""

import math
from dataclasses import replace

import pytest
import torch

import termwise as tw
from termwise.data import Side
from termwise.measuring.elbo.code_densities import DataAggregate
from termwise.measuring.elbo.data_posteriors import joined_posteriors, posteriors_of
from termwise.measuring.elbo.rare_categories import Strata
from termwise.measuring.elbo.side_account import SideDensities
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.draw import InDouble
from termwise.worlds import ConditionalLinearGaussian

LINKS = ("index_code_mi_given_side", "side_information")
POPULATION = {"population_mi_given_side": LINKS[0], "population_side_information": LINKS[1]}


def measured(world, count, seed=0, **options):
    data = tw.load_data(world.data(count, seed), test=0.0)
    return tw.measure(world, data, side={"kind": world.side(count, seed)}, seed=seed, **options)


def check_truth(world, account):
    """Every link within 4 standard errors of the population's, and within its bracket."""
    truth = world.truth()
    for name, of in POPULATION.items():
        reading = account[name]
        assert reading.lower - 1e-4 <= truth[of] <= reading.upper + 1e-4
        low, high = reading.interval
        assert 2 * low - reading.value - 0.004 < truth[of] < 2 * high - reading.value + 0.004, name
    entropy = account["side_entropy"]
    assert abs(entropy.value - truth["side_entropy"]) < 4 * entropy.stderr + 0.01


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("latent", "categories", "separation", "information"),
    [(2, 2, 1.0, 2.0), (4, 3, 1.5, 2.0), (1, 3, 0.5, 1.0), (3, 2, 0.3, 4.0)],
)
def test_the_population_readings_are_the_world_s(seed, latent, categories, separation, information):
    world = ConditionalLinearGaussian.random(seed, latent, categories, separation, information)
    account = measured(world, 1500, seed)
    check_truth(world, account)
    by_dimension = account.by_dimension["side_information_by_dimension"]
    for value, stderr, truth in zip(by_dimension.value, by_dimension.stderr, world.truth_by_dimension(), strict=True):
        assert abs(value - truth) < 4 * stderr + 0.02  # of the points: a small excess for their number


@pytest.mark.parametrize(("seed", "latent", "information"), [(0, 1, 0.5), (1, 3, 1.0), (2, 5, 1.5)])
def test_beside_a_rare_group_the_interval_is_as_wide_as_the_draw_of_x_makes_it(seed, latent, information):
    """Held against the draw of x alone, in closed form, so that no luck of the draw is taken for the reading's error.

    -log q(z|s), averaged over the codes of x, is a quadratic of (V x + c - a_s): its mean over the x at hand is what
    any estimate is off by, and the spread of that is what the interval is to tell.
    """
    world, count = ConditionalLinearGaussian.random(seed, latent, 3, 1.5, information), 700
    world = replace(world, shares=torch.tensor([0.67, 0.3, 0.03], dtype=torch.float64))
    reading, groups = measured(world, count, seed)["population_mi_given_side"], world.side(count, seed)
    centres, covariance = world.given_side()
    at = world.data(count, seed).double() @ world.flat.encoder.T + world.flat.offset - centres[groups]
    precision = torch.linalg.inv(covariance)
    expected = (precision @ (covariance - world.flat.posterior_covariance)).trace()
    drawn = 0.5 * ((at @ precision * at).sum(1) - expected)
    spread = float(drawn.std()) / math.sqrt(count)
    assert groups.bincount().min() < 30
    assert 0.95 * spread < reading.stderr < 1.15 * spread
    assert abs(reading.value - world.truth()["index_code_mi_given_side"] - float(drawn.mean())) < spread


@pytest.mark.parametrize(("size", "seen"), [(8, False), (64, True)])
def test_where_all_groups_are_small_the_interval_is_the_bracket(size, seen):
    world, count = ConditionalLinearGaussian.random(0, latent=4, mutual_information=2.0), 512
    data, side = tw.load_data(world.data(count), test=0.0), {"kind": torch.arange(count) % (count // size)}
    account, truth = tw.measure(world, data, side=side), world.truth()  # s is independent of x
    for name, of in (("population_mi_given_side", truth["index_code_mi"]), ("population_side_information", 0.0)):
        reading = account[name]
        assert (reading.stderr is not None) == seen, name
        assert reading.lower - 1e-4 <= of <= reading.upper
        assert seen or (reading.interval == [reading.lower, reading.upper] and "groups of 8 on average" in reading.bias)


@pytest.mark.parametrize("seed", range(3))
def test_the_walk_is_the_index_code_mi_for_every_example(seed):
    account = measured(ConditionalLinearGaussian.random(seed), 400, seed, samples=2)
    values = account.per_example
    gap = values["index_code_mi"] - values["index_code_mi_given_side"] - values["side_information"]
    assert gap.abs().max() < 1e-9


def test_no_bracket_reaches_beyond_the_entropy_of_what_stands_beside_x():
    world = ConditionalLinearGaussian.random(0, latent=3, separation=3.0, mutual_information=6.0)
    account = measured(world, 300)  # of which codes tell more than 300 points can show
    reading, entropy = account["population_side_information"], account["side_entropy"]
    assert reading.upper < entropy.value + 4 * entropy.stderr + 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_what_is_independent_of_x_is_not_known(seed):
    world = ConditionalLinearGaussian.random(seed, separation=0.0)
    reading = measured(world, 2000, seed)["population_side_information"]
    assert reading.interval[0] <= 1e-3 and reading.value < 0.01


def model_of(posterior):
    torch.manual_seed(1)
    prior = {"prior": "uniform"} if "uniform" in tw.PRIORS and posterior in ("categorical",) else {}
    model = tw.VAE.build((4,), 2, options={"hidden": [8]}, posterior=posterior, **prior)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def of_blocks():
    torch.manual_seed(2)
    kind = {"name": "kind", "latent": 3, "posterior": "categorical", "prior": "uniform"}
    code = [kind, {"name": "style", "latent": 2}]
    return tw.VAE.build((4,), code=code, options={"hidden": [8]}).eval()


def of_given_blocks():
    torch.manual_seed(2)
    kind = {"name": "kind", "latent": 3, "posterior": "categorical", "prior": "uniform"}
    code = [kind, {"name": "style", "latent": 2, "given": ["kind"], "prior": "conditional"}]
    return tw.VAE.build((4,), code=code, options={"hidden": [8]}).eval()


MODELS = {
    "diagonal-normal": lambda: model_of("diagonal-normal"),
    "full-normal": lambda: model_of("full-normal"),
    "laplace": lambda: model_of("laplace"),
    "blocks": of_blocks,
    "given-blocks": of_given_blocks,
    "categorical": lambda: model_of("categorical"),
    "vector-quantized": lambda: tw.VAE.build((4,), 2, posterior="vector-quantized", prior="uniform"),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_posterior_is_averaged_group_by_group(name):
    model = MODELS[name]()
    torch.manual_seed(0)
    x = torch.rand(40, 4).round()
    kinds, sexes = torch.arange(40) % 3, torch.arange(40) // 20
    kinds[7] = 3  # alone in its group
    side = Side.of({"kind": kinds, "sex": sexes})
    batches = DataPass(model, tw.load_data(x, test=0.0), batch_size=16)
    with evaluating(model):
        laws = [draw.posterior for draw in batches()]
        aggregate = DataAggregate(joined_posteriors([posteriors_of(law) for law in laws]))
        looked = SideDensities(aggregate, side)
        codes = []
        for draw in batches():
            looked.look(Strata.alone(InDouble(draw)))
            codes.append(draw.z)
        whole = model.encode(x)
        pairs = torch.stack([whole.log_prob(z.expand(40, -1)).double() for z in torch.cat(codes)])  # (code, example)
    together, of_kind, of_sex = looked.conditionals(1)
    for found, groups in ((together, kinds * 2 + sexes), (of_kind, kinds), (of_sex, sexes)):
        same = groups.unsqueeze(1) == groups
        expected = pairs.masked_fill(~same, -math.inf).logsumexp(1) - same.sum(1).double().log()
        assert torch.allclose(found.of_points, expected, atol=2e-5)


def test_several_variables_are_read_one_by_one_and_together():
    world = ConditionalLinearGaussian.random(0, separation=2.0)
    kind = world.side(1000)
    data = tw.load_data(world.data(1000), test=0.0)
    noise = torch.randint(2, (1000,), generator=torch.Generator().manual_seed(0))
    account = tw.measure(world, data, side={"kind": kind, "coin": noise})
    alone = tw.measure(world, data, side={"kind": kind})
    of_kind, of_coin = account.by_dimension["side_information_by_variable"].value
    assert of_kind == pytest.approx(alone["side_information"].value, abs=1e-6)
    assert abs(of_coin) < 0.02 < of_kind < account["side_information"].value + 0.01
    assert account.data["side"] == ["kind", "coin"]
    assert any("of the 0.69 nats of coin" in sentence for sentence in account.diagnosis)
    assert account.by_dimension["side_information_of_kind_by_dimension"].value == pytest.approx(
        alone.by_dimension["side_information_by_dimension"].value, abs=1e-6
    )


def test_a_number_falls_into_bins_and_is_known_as_far_as_they_tell():
    torch.manual_seed(0)
    number = torch.randn(2000)
    x = torch.stack([number, torch.randn(2000)], 1)
    model = tw.adapt(lambda x: (x, torch.full_like(x, 2 * math.log(0.1))), lambda z: z, likelihood="normal:0.1")
    account = tw.measure(model, x, side={"age": number})
    assert account["side_entropy"].value == pytest.approx(math.log(10), abs=1e-9)
    assert 1.7 < account["side_information"].value < math.log(10)
    first, second = account.by_dimension["side_information_by_dimension"].value
    assert first > 1.5 and second < 0.1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["a"] * 200, "batch is the same for all examples"),
        ([str(one) for one in range(200)], "batch is another for every example"),
    ],
)
def test_what_tells_of_nothing_is_withheld_with_the_reason(values, reason):
    world = ConditionalLinearGaussian.random(0)
    account = tw.measure(world, tw.load_data(world.data(200), test=0.0), side={"batch": values})
    assert "index_code_mi" in account and reason in account.withheld["side_information"]


def test_a_part_that_is_measured_has_its_own_rows_beside_it():
    digits = tw.load_data("digits")
    model = tw.VAE.build(digits.shape, 3, options={"hidden": [8]})
    by_name = tw.measure(model, digits, side="labels", limit=200)
    by_values = tw.measure(model, digits.test, side={"labels": digits.test.labels}, limit=200)
    assert by_name["side_information"].value == by_values["side_information"].value
    assert by_name["side_entropy"].value <= math.log(10)


def test_the_account_goes_to_a_file_and_back_and_into_tables(tmp_path):
    account = measured(ConditionalLinearGaussian.random(0), 300)
    account.save(tmp_path / "account.json")
    again = tw.Account.load(tmp_path / "account.json")
    assert again["side_information"] == account["side_information"]
    assert "side_information_by_dimension" in account.to_dict()["reading"]
