"""The weight at fault is named where a code died, by the option that sets it; and nothing is said of one that lives."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import Independent, Normal

import termwise as tw
from helpers.short_runs import examples
from termwise.account.reading import Reading, reading_without_error
from termwise.measuring.elbo.marginal_mmd2 import marginal_mmd2
from termwise.objectives import Linear, distortion, marginal_kl, rate
from termwise.objectives.configured import ObjectiveSpec
from termwise.terms import ClosedForm, Kernel
from termwise.training.outweighed import diagnose_prior, diagnose_weight

NAMED = [
    (
        {"recipe": "info-vae", "lambda": 1000.0},
        "lambda = 1000 outweighs the distortion: marginal MMD² counts 999 times",
    ),
    ({"recipe": "wae-mmd", "lambda": 600.0}, "lambda = 600 outweighs the distortion: marginal MMD² counts 600 times"),
    ({"recipe": "beta-vae", "beta": 50.0}, "beta = 50 outweighs the distortion: rate counts 50 times"),
    ({"recipe": "factor-vae", "gamma": 35}, "gamma = 35 outweighs the distortion"),
    ({"recipe": "capacity", "target": 0.1}, "gamma = 1000 outweighs the distortion: rate counts 1000 times"),
    (
        {"recipe": "beta-vae", "beta": {"schedule": "warm-up", "value": 30.0}},
        "The weight 30 of rate outweighs the distortion",
    ),
]


def said(spec: ObjectiveSpec, nats: float) -> list[str]:
    return diagnose_weight(spec, spec.build().over(100).players[0].objective, nats)


@pytest.mark.parametrize(
    ("table", "sentence"), NAMED, ids=lambda value: value["recipe"] if isinstance(value, dict) else ""
)
def test_a_dead_code_has_the_option_that_killed_it_named(table, sentence):
    spec = ObjectiveSpec.model_validate(table)
    (found,) = said(spec, 0.02)
    assert found.startswith(sentence)
    assert "a rate of 0.020 nats" in found and "Divide it by 10" in found and "share = 0.5" in found
    assert said(spec, 0.6) == []


def test_a_small_weight_is_halved():
    (found,) = said(ObjectiveSpec(recipe="beta-vae", beta=4.0), 0.2)
    assert "Divide it by 2" in found and "value = 2, share = 0.5" in found


def test_weights_of_one_kill_nobody():
    assert said(ObjectiveSpec(recipe="vae"), 0.01) == []
    assert said(ObjectiveSpec(recipe="beta-vae", beta=0.5), 0.01) == []


def test_an_objective_made_in_python_has_its_term_named():
    objective = distortion() + rate(ClosedForm()) + Linear(end=70.0, steps=9) * marginal_kl(Kernel())
    (found,) = diagnose_weight(ObjectiveSpec(), objective, 0.02)
    assert found.startswith("The weight 70 of marginal MMD² outweighs the distortion")


UNLIKE = [
    ({"recipe": "aae", "lambda": 1.0}, "lambda = 1 was", True),
    ({"recipe": "f-vae", "lambda": 0.5}, "lambda = 0.5 was", True),
    ({"recipe": "wae-mmd", "lambda": 10}, "lambda = 10 was", False),
    ({"recipe": "info-vae"}, "lambda = 100 was", False),
    ({"recipe": "wae-mmd", "lambda": {"schedule": "warm-up", "value": 7.0}}, "the weight 7 was", False),
]


def mmd2_of(value: float, stderr: float) -> Reading:
    found = reading_without_error("marginal_mmd2", value, estimator="kernel", bias="none", n=100)
    return replace(found, stderr=stderr)


@pytest.mark.parametrize(("table", "named", "by_critic"), UNLIKE)
def test_codes_unlike_the_prior_are_said_by_what_was_to_bring_them_there(table, named, by_critic):
    spec = ObjectiveSpec.model_validate(table)
    objective = spec.build().over(100).players[0].objective
    (found,) = diagnose_prior(spec, objective, mmd2_of(0.194, 0.02))
    assert found.startswith(f"The codes are unlike the prior, to which {named} to bring them") and "0.194" in found
    assert ("give the critic more moves" in found) == by_critic
    assert diagnose_prior(spec, objective, mmd2_of(0.08, 0.001)) == []
    assert diagnose_prior(spec, objective, mmd2_of(0.14, 0.03)) == []  # which may be chance


@pytest.mark.parametrize("recipe", ["vae", "beta-tcvae", "factor-vae"])
def test_who_promised_no_codes_like_the_prior_is_not_told_of_them(recipe):
    spec = ObjectiveSpec(recipe=recipe)
    assert diagnose_prior(spec, spec.build().over(100).players[0].objective, mmd2_of(2.0, 0.01)) == []


def test_the_bar_is_that_of_codes_three_tenths_aside():
    prior = Independent(Normal(torch.zeros(10), 1.0), 1)
    reading, _ = marginal_mmd2(prior.sample((1, 8000)) + 0.3, prior)
    assert reading.value == pytest.approx(0.1, abs=0.01 + 3 * reading.stderr)


def test_a_run_whose_codes_stayed_away_says_so(tmp_path):
    run = tw.train(
        {"model": {"options": {"hidden": [8]}}, "training": {"audit": False}},
        data=examples(), recipe="aae", lambda_=0.01, epochs=12, latent=2, batch_size=16, learning_rate=0.02,
        likelihood="bernoulli", hidden=[8], moves=1, out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert run.account["marginal_mmd2"].value > 0.2
    assert run.account.diagnosis[0].startswith("The codes are unlike the prior, to which lambda = 0.01 was")


def test_a_run_says_it_first_and_its_account_keeps_it(tmp_path):
    run = tw.train(
        {"model": {"options": {"hidden": [8]}}, "training": {"audit": False}},
        data=examples(), recipe="beta-vae", beta=300.0, epochs=2, latent=2, batch_size=16, learning_rate=0.05,
        likelihood="bernoulli", out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert run.account["rate"].value < 0.5
    assert run.account.diagnosis[0].startswith("beta = 300 outweighs the distortion")
    assert tw.load_run(run.folder.path, data=examples()).account.diagnosis[0] == run.account.diagnosis[0]
