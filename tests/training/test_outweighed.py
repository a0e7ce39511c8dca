"""The weight at fault is named where a code died, by the option that sets it; and nothing is said of one that lives."""

import pytest

import termwise as tw
from helpers.short_runs import examples
from termwise.objectives import Linear, distortion, marginal_kl, rate
from termwise.objectives.configured import ObjectiveSpec
from termwise.terms import ClosedForm, Kernel
from termwise.training.outweighed import diagnose_weight

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


def test_a_run_says_it_first_and_its_account_keeps_it(tmp_path):
    run = tw.train(
        {"model": {"options": {"hidden": [8]}}, "training": {"audit": False}},
        data=examples(), recipe="beta-vae", beta=300.0, epochs=2, latent=2, batch_size=16, learning_rate=0.05,
        likelihood="bernoulli", out=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert run.account["rate"].value < 0.5
    assert run.account.diagnosis[0].startswith("beta = 300 outweighs the distortion")
    assert tw.load_run(run.folder.path, data=examples()).account.diagnosis[0] == run.account.diagnosis[0]
