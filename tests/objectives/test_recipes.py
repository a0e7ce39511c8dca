"""Recipes: each one's total is its paper's formula, worked out by hand; defaults are the paper's."""

import json
import math

import pytest
import torch
from pydantic import PositiveFloat
from typer.testing import CliRunner

from termwise.cli.commands import app
from termwise.errors import Refused, UnknownName
from termwise.objectives import RECIPES, Constant, Game, Linear, Recipe, distortion, rate, recipe, solo
from termwise.objectives.configured import ObjectiveSpec
from termwise.terms import Bank, ClosedForm, Full, MinibatchStratified, MinibatchWeighted

SEED = 11


def total_of(game, sample, step: int = 0) -> float:
    player = game.over(1000).players[0]
    sample.fill(game)
    torch.manual_seed(SEED)
    return player.objective(sample.draw, step).total.item()


def rbf(h2: float):
    return lambda square: math.exp(-square / (2 * h2))


def imq(square: float) -> float:
    dimension = 3
    return sum(c / (c + square) for c in (2 * dimension * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)))


FORMULAS = [
    ("vae", {}, 0, lambda v: v["distortion"] + v["rate"]),
    ("beta-vae", {}, 0, lambda v: v["distortion"] + 4 * v["rate"]),
    ("beta-vae", {"beta": 0.5}, 0, lambda v: v["distortion"] + 0.5 * v["rate"]),
    ("beta-vae", {"beta": Linear(end=2.0, steps=4)}, 3, lambda v: v["distortion"] + 1.5 * v["rate"]),
    ("capacity", {}, 0, lambda v: v["distortion"] + 1000 * v["rate"]),
    ("capacity", {}, 320, lambda v: v["distortion"] + 1000 * abs(v["rate"] - 10)),
    ("capacity", {}, 800, lambda v: v["distortion"] + 1000 * abs(v["rate"] - 25)),
    ("capacity", {}, 2000, lambda v: v["distortion"] + 1000 * abs(v["rate"] - 25)),
    ("capacity", {"gamma": 3, "target": 2.0}, 5, lambda v: v["distortion"] + 3 * abs(v["rate"] - 2)),
    ("ladder-vae", {}, 0, lambda v: v["distortion"]),
    ("ladder-vae", {}, 250, lambda v: v["distortion"] + 0.5 * v["rate"]),
    ("ladder-vae", {}, 900, lambda v: v["distortion"] + v["rate"]),
    ("mi-floor", {}, 0, lambda v: v["distortion"] + v["rate"] + 10 * max(0, 3 - v["index_code_mi"])),
    ("joint-vae", {"target": 9.0}, 0, lambda v: v["distortion"] + v["rate"] + 20 * max(0, 9 - v["index_code_mi"])),
    ("mi-floor", {"gamma": 2, "target": -9.0}, 0, lambda v: v["distortion"] + v["rate"]),
    (
        "beta-tcvae",
        {},
        0,
        lambda v: v["distortion"] + v["index_code_mi"] + 6 * v["total_correlation"] + v["dimension_wise_kl"],
    ),
    (
        "beta-tcvae",
        {"alpha": 2, "beta": 3, "gamma": 5, "aggregate": "full"},
        0,
        lambda v: v["distortion"] + 2 * v["index_code_mi"] + 3 * v["total_correlation"] + 5 * v["dimension_wise_kl"],
    ),
    ("vib", {}, 0, lambda v: v["distortion"] + 1e-3 * v["rate"]),
    ("vib", {"beta": 0.1}, 0, lambda v: v["distortion"] + 0.1 * v["rate"]),
    ("cvae", {}, 0, lambda v: v["distortion"] + v["rate"]),
    ("vfae", {}, 0, lambda v: v["elbo"] + 300 * v["mmd2_of_groups"]),
    ("vfae", {"gamma": 2, "bandwidth": 0.5}, 0, lambda v: v["elbo"] + 2 * v["mmd2_of_groups_narrow"]),
    ("beta-tcvae", {"beta": 1}, 0, lambda v: v["distortion"] + v["sampled_rate"]),
    ("info-vae", {}, 0, lambda v: v["distortion"] + v["rate"] + 99 * v["mmd2_rbf"]),
    ("info-vae", {"alpha": 0.25, "lambda": 10}, 0, lambda v: v["distortion"] + 0.75 * v["rate"] + 9.25 * v["mmd2_rbf"]),
    ("info-vae", {"bandwidth": 0.5, "alpha": 1}, 0, lambda v: v["distortion"] + 100 * v["mmd2_narrow"]),
    ("wae-mmd", {}, 0, lambda v: v["distortion"] + 100 * v["mmd2_imq"]),
    ("free-bits", {}, 0, lambda v: v["distortion"] + v["free_quarter"]),
    ("free-bits", {"target": 1e-9}, 0, lambda v: v["distortion"] + v["rate"]),
    ("free-bits", {"target": 3.0, "by": "total"}, 0, lambda v: v["distortion"] + max(3.0, v["rate"])),
    ("dip-vae-i", {}, 0, lambda v: v["elbo"] + 10 * v["off_diagonal"] + 100 * v["diagonal_of_means"]),
    (
        "dip-vae-i",
        {"lambda_od": 2, "lambda_d": 3},
        0,
        lambda v: v["elbo"] + 2 * v["off_diagonal"] + 3 * v["diagonal_of_means"],
    ),
    ("dip-vae-ii", {}, 0, lambda v: v["elbo"] + 10 * v["off_diagonal"] + 10 * v["diagonal_of_codes"]),
    ("dip-vae-ii", {"lambda_d": 0}, 0, lambda v: v["elbo"] + 10 * v["off_diagonal"]),
    ("hsic-vae", {}, 0, lambda v: v["elbo"] + 1000 * v["hsic_by_dimension"]),
    (
        "hsic-vae",
        {"lambda": 7, "groups": [[2, 0], [1]], "bandwidth": 0.5},
        0,
        lambda v: v["elbo"] + 7 * v["hsic_narrow"],
    ),
    (
        "hfvae",
        {"groups": [[0, 2], [1]]},
        0,
        lambda v: (
            v["distortion"]
            + v["index_code_mi"]
            + 6 * v["group_correlation"]
            + v["within_group_correlation"]
            + v["dimension_wise_kl"]
        ),
    ),
    (
        "hfvae",
        {"groups": [[1], [2, 0]], "alpha": 2, "beta": 3, "gamma": 5, "aggregate": "full"},
        0,
        lambda v: (
            v["distortion"]
            + 2 * v["index_code_mi"]
            + 3 * v["group_correlation"]
            + 5 * v["within_group_correlation"]
            + v["dimension_wise_kl"]
        ),
    ),
    ("iwae", {}, 0, lambda v: v["bound_of_5"]),
    ("iwae", {"codes": 3, "gradient": "dreg"}, 0, lambda v: v["bound_of_3"]),
    ("iwae", {"codes": 3, "gradient": "stl"}, 0, lambda v: v["bound_of_3"]),
    ("miwae", {}, 0, lambda v: v["bound_of_20"]),
    ("miwae", {"codes": 3, "gradient": "dreg"}, 0, lambda v: v["bound_of_3"]),
    ("wae-mmd", {"lambda": 3}, 0, lambda v: v["distortion"] + 3 * v["mmd2_imq"]),
    ("fsq", {}, 0, lambda v: v["elbo"]),
]
BY_CRITIC = [  # of the critic's T at the draw's codes
    ("factor-vae", {}, lambda v, t: v["distortion"] + v["rate"] + 35 * t),
    ("factor-vae", {"gamma": 2}, lambda v, t: v["distortion"] + v["rate"] + 2 * t),
    (
        "aae",
        {},
        lambda v, t: v["distortion"] + 30 * ((1 + math.exp(-t)) * math.log((1 + math.exp(t)) / 2) - 1 + math.exp(-t)),
    ),
    (
        "aae",
        {"lambda": 3, "saturating": True},
        lambda v, t: v["distortion"] + 3 * (t - (1 + math.exp(-t)) * math.log(1 + math.exp(t))),
    ),
    ("ali", {}, lambda v, t: math.log(1 + math.exp(t)) + math.log(1 + math.exp(-t))),
    ("avb", {}, lambda v, t: v["distortion"] + t),
    ("avb", {"waymarks": 2}, lambda v, t: v["distortion"] + 3 * t),  # a logit for each of three bridges
    ("avb-ac", {}, lambda v, t: v["distortion"] + t + v["sampled_rate"]),  # a normal posterior's reference is itself
    (
        "avb-ac",
        {"reference": {"name": "moments", "fixed": False}},
        lambda v, t: v["distortion"] + t + v["sampled_rate"],
    ),
    ("f-vae", {"divergence": "kl"}, lambda v, t: v["distortion"] + 30 * t),
    ("f-vae", {"divergence": "neyman", "lambda": 0.5}, lambda v, t: v["distortion"] + 0.5 * (1 - math.exp(-t)) ** 2),
    (
        "f-vae",
        {},
        lambda v, t: v["distortion"] + 15 * t + 15 * (1 + math.exp(-t)) * (math.log(2) - math.log(1 + math.exp(t))),
    ),
]


@pytest.mark.parametrize(("name", "options", "formula"), BY_CRITIC)
def test_the_total_of_a_recipe_with_a_critic_is_its_formula(sample, name, options, formula):
    logit = 0.7
    game = recipe(name, **options)
    game.build(sample.draw)
    (critic,) = game.networks.values()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.zero_()
        critic.body[-1].bias.fill_(logit)
    assert total_of(game, sample) == pytest.approx(formula(sample.values, logit), rel=2e-5, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "rate", "betas", "moves"),
    [(name, 1e-3, (0.5, 0.9), 5) for name in ("aae", "f-vae")]
    + [("ali", 1e-4, (0.5, 0.99), 1)]
    + [(name, 2e-3, (0.5, 0.99), 5) for name in ("avb", "avb-ac")],
)
def test_the_critics_of_other_recipes_move_as_their_rows_say(name, rate, betas, moves):
    player = recipe(name).players[1]
    assert (player.optimizer.learning_rate, player.optimizer.betas, player.moves) == (rate, betas, moves)


def test_the_critic_of_factor_vae_is_quick_enough_for_a_short_run_and_may_be_its_papers():
    game = recipe("factor-vae")
    critic, player = game.networks["critic of total correlation"], game.players[1]
    assert critic.hidden == (256, 256) and critic.activation == "leaky-relu" and player.moves == 5
    assert (player.optimizer.name, player.optimizer.learning_rate, player.optimizer.betas) == ("adam", 1e-3, (0.5, 0.9))
    moved = recipe("factor-vae", moves=3, hidden=[8], critic_learning_rate=0.01)
    assert moved.players[1].moves == 3 and moved.players[1].optimizer.learning_rate == 0.01
    assert moved.networks["critic of total correlation"].hidden == (8,)


@pytest.mark.parametrize(("name", "options", "step", "formula"), FORMULAS)
def test_a_recipes_total_is_its_formula(sample, name, options, step, formula):
    free = {"free_quarter": sum(max(0.25, one) for one in sample.rate_by_dimension)}
    kernels = {"mmd2_rbf": rbf(3.0), "mmd2_narrow": rbf(0.25), "mmd2_imq": imq}
    values = sample.values | free | {key: sample.mmd2(kernel, SEED) for key, kernel in kernels.items()}
    values |= {
        "hsic_by_dimension": sample.hsic(rbf(1.0), [[0], [1], [2]]),
        "hsic_narrow": sample.hsic(rbf(0.25), [[0, 2], [1]]),
    }
    values |= {
        "mmd2_of_groups": sample.mmd2_of_groups(3.0),
        "mmd2_of_groups_narrow": sample.mmd2_of_groups(0.25),
    }
    values |= {
        "elbo": values["distortion"] + values["rate"],
        "bound_of_3": sample.bound(3, SEED),
        "bound_of_5": sample.bound(5, SEED),
        "bound_of_20": sample.bound(20, SEED),
    }
    assert total_of(recipe(name, **options), sample, step) == pytest.approx(formula(values), rel=2e-5, abs=1e-4)


@pytest.mark.parametrize("gamma", [None, 2.0])
def test_the_total_of_fader_is_its_formula(sample, gamma):
    game = recipe("fader", **({} if gamma is None else {"gamma": gamma}))
    game.build(sample.draw)
    (classifier,) = game.networks.values()
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.zero_()
        classifier.critic.body[-1].bias.copy_(torch.tensor([0.0, 0.7]))
    log_d = torch.tensor([0.0, 0.7]).log_softmax(0)[sample.groups[sample.index]]
    told = float(log_d.mean()) + math.log(2)
    expected = sample.values["distortion"] + sample.values["rate"] + (10 if gamma is None else gamma) * told
    assert total_of(game, sample) == pytest.approx(expected, rel=2e-5, abs=1e-4)


def test_every_recipe_of_the_table_has_its_formula_checked():
    elsewhere = {"vae-gan", "vq-vae", "fader", "m2"}  # test_vae_gan.py, test_codeword_recipes.py; below; terms/
    assert {name for name, *_ in FORMULAS} | {name for name, *_ in BY_CRITIC} | elsewhere == set(RECIPES)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bank", Bank),
        ("full", Full),
        ("minibatch-stratified", MinibatchStratified),
        ("minibatch-weighted", MinibatchWeighted),
    ],
)
def test_the_three_links_of_beta_tcvae_share_the_memory_that_is_asked_for(name, kind):
    (memory,) = recipe("beta-tcvae", aggregate=name).memories
    assert type(memory) is kind


def test_a_bank_may_be_given_with_its_size_or_as_an_object():
    (memory,) = recipe("beta-tcvae", aggregate={"name": "bank", "size": 8}).memories
    assert memory.size == 8
    mine = Bank()
    assert recipe("mi-floor", aggregate=mine).memories == (mine,)
    assert recipe("vae").memories == ()


def test_every_game_has_a_memory_of_its_own():
    assert recipe("beta-tcvae").memories[0] is not recipe("beta-tcvae").memories[0]


def test_lambda_may_be_written_with_the_underscore_that_python_needs():
    weights = [recipe("wae-mmd", **{name: 7}).players[0].objective.parts[1].weight for name in ("lambda", "lambda_")]
    assert weights == [Constant(value=7.0)] * 2


def test_a_recipe_says_its_source_its_options_and_their_defaults():
    entry = RECIPES["info-vae"]
    assert "Zhao" in entry.source
    assert {name: parameter.default for name, parameter in entry.options.items()} == {
        "alpha": 0.0,
        "lambda": 100.0,
        "bandwidth": None,
    }


def half_rate(by: PositiveFloat = 2.0) -> Game:
    """A toy from elsewhere (Nobody, 2026)."""
    return solo(distortion() + 1 / by * rate(ClosedForm()))


def test_a_row_makes_a_recipe_known_wherever_recipes_are(sample):
    row = RECIPES.add(Recipe("half-rate", half_rate, "rate / by"))
    try:
        wanted = sample.values["distortion"] + sample.values["rate"] / 4
        for game in (
            recipe("half-rate", by=4),
            RECIPES["half-rate"](by=4.0),
            ObjectiveSpec(recipe="half-rate", by=4).build(),
        ):
            assert total_of(game, sample) == pytest.approx(wanted, rel=2e-5)
        listed = json.loads(CliRunner().invoke(app, ["recipes", "--json"]).stdout)["recipes"][-1]
        assert listed["name"] == "half-rate" and listed["options"] == {"by": 2.0} and "Nobody" in listed["source"]
        with pytest.raises(UnknownName, match="Did you mean 'half-rate'"):
            recipe("half-rat")
        with pytest.raises(Refused, match=r"by = 0 cannot be: .*greater than 0"):
            recipe("half-rate", by=0)
    finally:
        del RECIPES._rows[row.name]


def test_unknown_recipes_and_options_are_told_which_are_near():
    with pytest.raises(UnknownName, match=r"Unknown recipe 'beta-tcave'. Did you mean 'beta-tcvae'"):
        recipe("beta-tcave")
    with pytest.raises(UnknownName, match=r"option of recipe 'beta-vae' 'bet'. Did you mean 'beta'"):
        recipe("beta-vae", bet=2)
    with pytest.raises(Refused, match="Recipe 'vae' takes no options; got 'beta'"):
        recipe("vae", beta=2)
    with pytest.raises(UnknownName, match=r"Unknown divergence 'pearsen'. Did you mean 'pearson'"):
        recipe("f-vae", divergence="pearsen")
    with pytest.raises(UnknownName, match=r"Unknown aggregate 'bnak'. Did you mean 'bank'"):
        recipe("beta-tcvae", aggregate="bnak")


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("beta-vae", {"beta": "high"}, "beta = 'high' cannot be: .*valid number"),
        ("beta-vae", {"beta": math.nan}, "beta = nan cannot be: .*finite number"),
        ("beta-vae", {"beta": {"schedule": "linear", "end": 1, "steps": -1}}, "steps: .*greater than 0"),
        ("beta-vae", {"beta": {"schedule": "linaer", "end": 1, "steps": 1}}, "'linaer'.*'linear'"),
        ("beta-vae", {"beta": {"end": 1, "steps": 1}}, "'schedule'"),
        ("beta-vae", {"beta": -1}, "weight of rate would be -1"),
        ("capacity", {"target": "x"}, "target = 'x' cannot be"),
        ("info-vae", {"alpha": 2}, "weight of rate would be -1"),
        ("info-vae", {"alpha": 0, "lambda": 0.5}, "weight of marginal_mmd2 would be -0.5"),
        ("info-vae", {"lambda": "x"}, "lambda = 'x' cannot be"),
        ("info-vae", {"alpha": Linear(end=1.0, steps=3)}, "alpha = Linear.* cannot be"),
        ("info-vae", {"bandwidth": 0}, "bandwidth = 0 cannot be: .*greater than 0"),
        ("beta-tcvae", {"aggregate": 3}, "aggregate = 3 cannot be"),
        ("factor-vae", {"moves": 0}, "moves = 0 cannot be: .*greater than 0"),
        ("factor-vae", {"hidden": [8, -1]}, "hidden = .*greater than 0"),
        ("f-vae", {"divergence": "total-variation"}, "no pathwise gradient"),
        ("avb", {"waymarks": -1}, "waymarks = -1 cannot be: .*greater than or equal to 0"),
        ("avb", {"waymarks": 2, "quadratic": True}, "needs a critic with heads=3 that is not quadratic"),
        ("avb-ac", {"reference": 3}, "reference = 3 cannot be"),
        ("aae", {"critic_learning_rate": "fast"}, "critic_learning_rate = 'fast' cannot be"),
        ("beta-tcvae", {"alpha": "a", "gamma": "c"}, "alpha = 'a' .*; gamma = 'c' "),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_one_message(name, options, reason):
    with pytest.raises(Refused, match=reason):
        recipe(name, **options)
