"""Objectives as tables: a walk spells the recipe that it spells, and mistakes are refused when it is built."""

import tomllib

import pytest
import torch
from pydantic import PositiveFloat, ValidationError

from termwise.errors import Refused, UnknownName
from termwise.objectives import recipe
from termwise.objectives.configured import ObjectiveSpec
from termwise.registry import Row
from termwise.terms import IMQ, RBF, MonteCarlo, Telescoping
from termwise.terms.aggregate.bank import SIZE
from termwise.terms.aggregate.table import AnyAggregate
from termwise.terms.estimators import ESTIMATORS


def game_of(toml: str):
    return ObjectiveSpec.model_validate(tomllib.loads(toml)).build()


def link(left: str, right: str, estimator: str, more: str = "") -> str:
    return f'[[links]]\nfrom = "{left}"\nto = "{right}"\nestimator = {estimator}\n{more}\n'


BANK = '{ name = "monte-carlo", aggregate = "bank" }'
RATE = link("posterior", "prior", '{ name = "closed-form" }')
WALKS = [
    ("vae", {}, RATE),
    ("beta-vae", {"beta": 3.0}, RATE + "weight = 3.0"),
    (
        "capacity",
        {"gamma": 20, "target": 7.0},
        RATE + 'weight = 20\nshape = { name = "gap", target = 7.0 }',
    ),
    (
        "capacity",
        {},
        RATE
        + "weight = 1000\n"
        + 'shape = { name = "gap", target = { schedule = "linear", start = 0.0, end = 25.0, share = 0.8 } }',
    ),
    (
        "mi-floor",
        {},
        RATE + link("posterior", "aggregate", BANK, 'weight = 10.0\nshape = { name = "floor", target = 3.0 }'),
    ),
    (
        "beta-tcvae",
        {"alpha": {"schedule": "warm-up", "steps": 1000}},
        link("posterior", "aggregate", BANK, 'weight = { schedule = "warm-up", steps = 1000 }')
        + link("aggregate", "marginals", '{ name = "monte-carlo" }', "weight = 6.0")
        + link("marginals", "prior", '{ name = "monte-carlo", aggregate = { name = "bank" } }'),
    ),
    (
        "info-vae",
        {"alpha": 0.5, "lambda": 100, "bandwidth": 1.5},
        RATE
        + "weight = 0.5\n"
        + link("aggregate", "prior", '{ name = "kernel", kernel = "rbf", bandwidth = 1.5 }', "weight = 99.5"),
    ),
    ("wae-mmd", {}, link("aggregate", "prior", '{ name = "kernel", kernel = "imq" }', "weight = 100.0")),
]


@pytest.mark.parametrize(("name", "options", "walk"), WALKS)
@pytest.mark.parametrize("step", [0, 500])
def test_a_walk_has_the_total_of_the_recipe_that_it_spells(sample, name, options, walk, step):
    named = ObjectiveSpec.model_validate({"recipe": name, **options}).build()
    totals = []
    for game in (recipe(name, **options), named, game_of(walk)):
        sample.fill(game)
        torch.manual_seed(2)
        totals.append(game.over(1000).players[0].objective(sample.draw, step).total.item())
    assert totals[1] == totals[0]
    assert totals[2] == pytest.approx(totals[0], rel=1e-6)


def test_links_that_name_one_memory_share_it_and_others_do_not():
    sized = '{ name = "monte-carlo", aggregate = { name = "bank", size = 8 } }'
    one = game_of(link("posterior", "aggregate", BANK) + link("aggregate", "marginals", BANK))
    two = game_of(link("posterior", "aggregate", BANK) + link("aggregate", "marginals", sized))
    assert len(one.memories) == 1
    assert [memory.size for memory in two.memories] == [SIZE, 8]
    assert game_of(link("posterior", "aggregate", BANK)).memories[0] is not one.memories[0]


def test_the_distortion_weighs_one_where_nothing_is_said(sample):
    light = game_of("distortion = 0.25\n" + RATE).players[0].objective(sample.draw)
    assert light.weights == (0.25, 1.0)
    expected = 0.25 * sample.values["distortion"] + sample.values["rate"]
    assert light.total.item() == pytest.approx(expected, rel=1e-5)


def kernel_of(estimator: str):
    return game_of(link("aggregate", "prior", estimator)).players[0].objective.parts[1].term.estimator.kernel


def test_kernels_take_their_own_options():
    assert kernel_of('{ name = "kernel" }') == IMQ()
    assert kernel_of('{ name = "kernel", scales = [1.0, 2.0] }') == IMQ((1.0, 2.0))
    assert kernel_of('{ name = "kernel", kernel = "rbf", bandwidth = 0.5 }') == RBF(0.5)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ('kernel = "imq", bandwidth = 1.0', "kernel 'imq' 'bandwidth'. Known: scales. 'bandwidth' is one of 'rbf'"),
        ("bandwidth = 1.0", "'bandwidth' is one of 'rbf'"),
        ('kernel = "rbf", scales = [1.0]', "kernel 'rbf' 'scales'. Known: bandwidth. 'scales' is one of 'imq'"),
        ('kernel = "rbf", bandwidth = 0.0', "bandwidth = 0.0 cannot be: .*greater than 0"),
    ],
)
def test_an_option_of_the_other_kernel_is_refused(options, reason):
    with pytest.raises(ValidationError, match=reason):
        kernel_of(f'{{ name = "kernel", {options} }}')


@pytest.mark.parametrize(
    ("toml", "error", "reason"),
    [
        ("", Refused, "needs a recipe or links, one of the two; got neither"),
        ('recipe = "vae"\n' + RATE, Refused, "got both"),
        ('recipe = "vae"\ndistortion = 2.0', Refused, "distortion weighs 1 in every recipe"),
        ('recipe = "vea"', UnknownName, "Did you mean 'vae'"),
        ('recipe = "beta-vae"\nbeat = 2', UnknownName, "Did you mean 'beta'"),
        ('recipe = "beta-vae"\nbeta = { schedule = "linear", end = 1, steps = 0 }', Refused, "steps: .*greater than 0"),
        ("distorsion = 2.0\n" + RATE, UnknownName, "Did you mean 'distortion'"),
        ("distortion = -1.0\n" + RATE, Refused, "weight of distortion would be -1"),
        (RATE + "weight = -1.0", Refused, "weight of rate would be -1"),
        (RATE + RATE, Refused, "rate stands twice"),
        (link("posterior", "pior", BANK), Refused, "stops at .*; got 'pior'"),
        (link("prior", "posterior", BANK), Refused, "no link prior -> posterior"),
        (link("posterior", "aggregate", '{ name = "closed-form" }'), Refused, "no closed form.*Use MonteCarlo"),
        (link("posterior", "prior", '{ name = "kernel" }'), Refused, "Kernel compares two clouds"),
    ],
)
def test_tables_that_cannot_be_are_refused_with_what_would_do(toml, error, reason):
    with pytest.raises(error, match=reason):
        game_of(toml)


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        (link("aggregate", "prior", '{ name = "kernal" }'), "Unknown estimator 'kernal'. Did you mean 'kernel'"),
        (link("aggregate", "prior", '{ kernel = "imq" }'), "Field required"),
        (link("aggregate", "prior", '"kernel"'), "valid dictionary"),
        (link("aggregate", "prior", '{ name = "kernel", kernel = "linear" }'), "Unknown kernel 'linear'"),
        (link("posterior", "prior", '{ name = "closed-form", aggregate = "bank" }'), "takes no options; got 'aggrega"),
        (link("posterior", "aggregate", '{ name = "monte-carlo", aggregate = "bnk" }'), "Did you mean 'bank'"),
        (link("posterior", "aggregate", '{ name = "monte-carlo", agregate = "bank" }'), "Did you mean 'aggregate'"),
        (RATE + "wieght = 2.0", "wieght\n.*not permitted"),
        (RATE + 'shape = { name = "gap" }', "target\n.*required"),
        (RATE + 'shape = { name = "ceiling", target = 1.0 }', "'ceiling'"),
    ],
)
def test_tables_of_the_wrong_form_are_not_read(toml, reason):
    with pytest.raises(ValidationError, match=reason):
        ObjectiveSpec.model_validate(tomllib.loads(toml))


class Halved(MonteCarlo):
    """A toy from elsewhere: half of the log ratio."""

    def __init__(self, aggregate: AnyAggregate = "bank", by: PositiveFloat = 2.0) -> None:
        super().__init__(aggregate)
        self.by = by

    def __call__(self, left, right, draw):
        return super().__call__(left, right, draw) / self.by


def test_a_row_makes_an_estimator_known_to_configurations_with_its_options_and_a_memory_that_is_shared(sample):
    row = ESTIMATORS.add(Row("halved", Halved, "half of the log ratio"))
    try:
        halved = '{ name = "halved", by = 4.0 }'
        game = game_of(link("posterior", "aggregate", BANK) + link("aggregate", "marginals", halved))
        sample.fill(game)
        assert len(game.memories) == 1
        values = game.players[0].objective(sample.draw).values
        assert float(values[2]) == pytest.approx(sample.values["total_correlation"] / 4, abs=1e-6)
        with pytest.raises(ValidationError, match=r"Estimator 'halved': by = -1 cannot be: .*greater than 0"):
            game_of(link("posterior", "aggregate", '{ name = "halved", by = -1 }'))
        with pytest.raises(ValidationError, match=r"Did you mean 'halved'"):
            game_of(link("posterior", "aggregate", '{ name = "halvd" }'))
    finally:
        del ESTIMATORS._rows[row.name]


def test_what_an_estimator_was_not_told_is_written_down_as_it_was():
    (one,) = ObjectiveSpec.model_validate(tomllib.loads(link("aggregate", "prior", '{ name = "density-ratio" }'))).links
    assert one.estimator.model_dump() == {
        "name": "density-ratio",
        "divergence": "kl",
        "swapped": False,
        "waymarks": 0,
        "moves": 1,
        "hidden": [256, 256],
        "activation": "leaky-relu",
        "quadratic": False,
        "spectral_norm": False,
        "gradient_penalty": 0.0,
    }


def test_reading_a_configuration_leaves_the_random_state_as_it_was():
    state = torch.get_rng_state()
    ObjectiveSpec.model_validate(tomllib.loads(link("posterior", "reference", CONTRAST)))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_density_ratio_is_written_with_its_critic_and_its_moves():
    written = link(
        "aggregate",
        "marginals",
        '{ name = "density-ratio", divergence = "jensen-shannon", hidden = [5, 4], moves = 2, gradient_penalty = 0.5, '
        'spectral_norm = true, activation = "silu", optimizer = { learning_rate = 2e-4, betas = [0.5, 0.9] } }',
        "weight = 7.0",
    )
    game = game_of(RATE + written)
    critic, player = game.networks["critic of total correlation"], game.players[1]
    assert (critic.hidden, critic.activation) == ((5, 4), "silu")
    assert (critic.spectral_norm, critic.gradient_penalty) == (True, 0.5)
    assert (player.moves, player.optimizer.learning_rate, player.optimizer.betas) == (2, 2e-4, (0.5, 0.9))
    names = ("distortion", "rate", "total_correlation_jensen_shannon_by_critic")
    assert game.players[0].objective.names == names
    swapped = game_of(link("aggregate", "prior", '{ name = "density-ratio", quadratic = true, swapped = true }'))
    assert swapped.networks["critic of marginal kl"].quadratic
    assert swapped.players[0].objective.names[1] == "marginal_swapped_kl_by_critic"


def test_waymarks_make_a_ratio_telescope():
    game = game_of(link("aggregate", "prior", '{ name = "density-ratio", waymarks = 3, swapped = true }'))
    estimator = game.players[0].objective.parts[1].term.estimator
    assert isinstance(estimator, Telescoping) and estimator.critic.heads == 4
    assert estimator.divergence.name == "kl-swapped"


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ('divergence = "pearsen"', "Did you mean 'pearson'"),
        ('divergence = "total-variation"', "no pathwise gradient"),
        ('activation = "rlu"', "Did you mean 'relu'"),
        ("gradient_penalty = -1.0", "greater than or equal to 0"),
        ('optimizer = { name = "adma" }', "optimizer cannot be: name: Unknown optimizer 'adma'. Did you mean 'adam'"),
        ("moves = 0", "moves = 0 cannot be: .*greater than 0"),
    ],
)
def test_a_density_ratio_that_cannot_be_is_refused(option, reason):
    with pytest.raises(ValidationError, match=reason):
        game_of(link("aggregate", "prior", f'{{ name = "density-ratio", {option} }}'))


CONTRAST = '{ name = "adaptive-contrast", hidden = [5], moves = 2, reference = { name = "mixture", components = 3 } }'


def test_a_walk_of_adaptive_contrast_stops_at_one_reference_whichever_link_names_it_first():
    near = link("posterior", "reference", CONTRAST)
    far = link("reference", "prior", '{ name = "monte-carlo" }')
    for toml in (near + far, far + near):
        game = game_of(toml)
        terms = {part.term.name: part.term for part in game.players[0].objective.parts}
        first, second = terms["reference_kl_by_critic"], terms["reference_to_prior"]
        assert first.right is second.left is first.estimator.reference
        assert [player.name for player in game.turns][:2] == ["reference of posterior", "critic of reference kl"]
        assert game.players[2].moves == 2 and game.networks["critic of reference kl"].hidden == (5,)


@pytest.mark.parametrize("reference", ["moments", {"name": "full", "fixed": False}])
def test_a_walk_of_adaptive_contrast_has_the_total_of_the_recipe(sample, reference):
    estimator = {"name": "adaptive-contrast", "reference": reference, "hidden": [6]}
    links = [
        {"from": "posterior", "to": "reference", "estimator": estimator},
        {"from": "reference", "to": "prior", "estimator": {"name": "monte-carlo"}},
    ]
    totals = []
    for objective in ({"links": links}, {"recipe": "avb-ac", "reference": reference, "hidden": [6]}):
        game = ObjectiveSpec.model_validate(objective).build()
        torch.manual_seed(0)
        game.build(sample.draw)
        totals.append(game.players[0].objective(sample.draw).total.item())
    assert totals[0] == pytest.approx(totals[1], rel=1e-6)


@pytest.mark.parametrize(
    ("toml", "error", "reason"),
    [
        (link("posterior", "prior", '{ name = "adaptive-contrast" }'), Refused, "from the posterior to the reference"),
        (
            link("posterior", "reference", '{ name = "adaptive-contrast", reference = "momnets" }'),
            ValidationError,
            "Did you mean 'moments'",
        ),
    ],
)
def test_an_adaptive_contrast_that_cannot_be_is_refused(toml, error, reason):
    with pytest.raises(error, match=reason):
        game_of(toml)
