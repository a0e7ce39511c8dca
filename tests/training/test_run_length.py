"""Runs and their schedules: a share is of the run as it was begun, and a run that is too short says so."""

import warnings

import pytest

import termwise as tw
from helpers.short_runs import EachStep, examples, trained, trainer
from termwise.errors import Refused
from termwise.models.posteriors import posterior_family
from termwise.objectives import Cosine, Cyclical, Linear, WarmUp, distortion, floor, index_code_mi, rate, recipe, solo
from termwise.objectives.optimizers import OptimizerSettings
from termwise.terms import ClosedForm, MonteCarlo
from termwise.training.run_folder import RunFolder
from termwise.training.run_length import RunTooShort, diagnose_length

TINY = {"network": "mlp", "latent": 2, "likelihood": "bernoulli"}


def train(path, epochs, **options):
    config = {"model": {"options": {"hidden": [8]}}, "training": {"batch_size": 16, "audit": False}}
    return tw.train(config, data=examples(), epochs=epochs, out=path, progress=False, **TINY, **options)


@pytest.mark.parametrize("epochs", [1, 3])
def test_capacity_comes_to_its_c_in_a_run_of_any_length(tmp_path, epochs):
    one = trainer(tmp_path / "run", recipe("capacity"), epochs=epochs)
    (target,) = (part.shape.target for part in one.game.players[0].objective.parts if part.shape is not None)
    steps = epochs * one.steps_per_epoch
    assert target(0) == 0.0
    assert target(steps * 2 // 5) == pytest.approx(12.5, rel=0.1)
    assert target(steps - 1) == target(steps) == 25.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RunTooShort)
        one.start()
        one.run()


def test_the_rate_of_a_capacity_run_ends_at_its_c(tmp_path):
    """Of a ramp to 1.5 nats of binary data that can bear it, over the usual share of a run of 80 steps."""
    target = {"schedule": "linear", "end": 1.5, "share": 0.8}
    one = trainer(
        tmp_path / "run",
        recipe("capacity", gamma=100.0, target=target),
        epochs=10,
        evaluate_every=10,
        optimizer={"learning_rate": 0.02},
    )
    one.start()
    one.run()
    last = [line for line in one.folder.metrics() if line["split"] == "train"][-1]["terms"]
    assert last["rate"] == pytest.approx(1.5, abs=0.15)  # |rate - C| has a slope of 100 on either side, whatever x is


SHORT = [
    (recipe("beta-vae", beta=WarmUp(steps=100)), "The weight of rate", "comes to 0.2, and not to 1"),
    (recipe("capacity", target=Linear(end=25.0, steps=100)), "The target of rate", "comes to 5, and not to 25"),
    (recipe("beta-vae", beta=WarmUp(steps=10, wait=15)), "The weight of rate", "comes to 0.5, and not to 1"),
    (recipe("beta-vae", beta=Cyclical(period=10, cycles=3)), "The weight of rate", "comes to 0, and not to 1"),
    (
        solo(distortion() + index_code_mi(MonteCarlo("full")).shaped(floor(Linear(end=2.0, steps=40)))),
        "The target of index-code MI",
        "comes to 1, and not to 2",
    ),
    (
        recipe("factor-vae", critic_learning_rate=Cosine(start=1.0, steps=40)),
        "The learning rate of 'critic of total correlation'",
        "comes to 0.5, and not to 0",
    ),
]


@pytest.mark.parametrize(("game", "what", "far"), SHORT, ids=lambda value: value if isinstance(value, str) else "")
def test_a_run_shorter_than_a_schedule_says_so_for_every_schedule_that_there_is(game, what, far):
    (sentence,) = diagnose_length(game, OptimizerSettings(), steps=20)
    assert sentence.startswith(f"{what} changes over ") and "this run has 20" in sentence and far in sentence
    assert diagnose_length(game, OptimizerSettings(), steps=100) == []


def test_the_learning_rate_of_the_training_is_a_schedule_too():
    slow = OptimizerSettings(learning_rate=Cosine(start=1.0, steps=40))
    (sentence,) = diagnose_length(recipe("vae"), slow, steps=20)
    assert sentence.startswith("The learning rate changes over 40 steps")
    alone = solo(distortion() + rate(ClosedForm()), optimizer=OptimizerSettings())
    assert diagnose_length(alone, slow, steps=20) == []


def test_a_training_warns_before_its_first_step(tmp_path):
    one = trainer(tmp_path / "run", recipe("beta-vae", beta=WarmUp(steps=100_000)))
    one.start()
    with pytest.warns(RunTooShort, match="changes over 100,000 steps, and this run has 16"):
        one.run()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RunTooShort)
        one.run()  # there is nothing left to do


SHARED = [
    {"recipe": "capacity"},
    {"recipe": "beta-vae", "beta": {"schedule": "warm-up", "share": 0.5}},
]


@pytest.mark.parametrize(
    "goal",
    [SHARED[0], *(pytest.param(goal, marks=pytest.mark.slow) for goal in SHARED[1:])],
    ids=lambda goal: goal["recipe"],
)
def test_a_run_that_goes_on_beyond_its_end_keeps_the_shares_that_it_began_with(tmp_path, goal):
    train(tmp_path / "run", 2, **goal)
    longer = train(tmp_path / "run", 4, resume=True, **goal)
    assert longer.config.training.schedule_epochs == RunFolder(tmp_path / "run").config().training.schedule_epochs == 2
    again = tw.train(longer.config, data=examples(), out=tmp_path / "again", progress=False)
    assert again.metrics() == longer.metrics()  # its config.toml alone runs the same again
    longest = train(tmp_path / "run", 5, resume=True)
    assert longest.config.training.schedule_epochs == 2
    assert longest.metrics()[: len(longer.metrics())] == longer.metrics()


def test_a_share_of_an_objective_made_in_python_is_of_the_run_as_it_was_begun(tmp_path):
    objective = distortion() + Linear(end=4.0, share=1.0) * rate(ClosedForm())
    train(tmp_path / "run", 2, objective=objective)
    longer = train(tmp_path / "run", 3, objective=objective, resume=True)
    weights = [line["weights"]["rate"] for line in longer.metrics() if line["split"] == "train"]
    assert weights == [2.0, 4.0, 4.0]


def test_the_temperature_of_relaxed_codes_falls_over_its_share_of_the_run_and_a_run_too_short_for_it_says_so(tmp_path):
    def model(**falls):
        options = {"gradient": "relaxed", "temperature": {"schedule": "linear", "start": 1.0, "end": 0.2, **falls}}
        return tw.VAE.build((6,), 3, posterior="categorical", prior="uniform", posterior_options=options)

    one = trainer(tmp_path / "share", model=model(share=0.5), epochs=2)
    seen, count = [], 2 * one.steps_per_epoch
    one.watcher = EachStep(lambda step: seen.append(one.model.family.temperature))
    one.start()
    one.run()
    expected = [1 - 0.8 * min(1, step / (count // 2)) for step in range(count)]
    assert seen == pytest.approx(expected) and one.model.family.schedules["temperature"].share == 0.5
    with pytest.warns(RunTooShort, match="The temperature of the codes changes over 1,000 steps"):
        trained(tmp_path / "steps", model=model(steps=1000))


@pytest.mark.parametrize("temperature", [0.0, -1.0, {"schedule": "cosine", "start": 1.0}, {"schedule": "warm-up"}])
def test_a_temperature_that_comes_to_nothing_is_refused(temperature):
    with pytest.raises(Refused, match="above 0"):
        posterior_family("categorical", 3, {"gradient": "relaxed", "temperature": temperature})
