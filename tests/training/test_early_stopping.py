"""Early stopping: one validation loss over the whole training, whatever changes its weights, and enough codes."""

from itertools import pairwise

import pytest
import torch

import termwise as tw
from helpers.short_runs import examples, small, trainer
from termwise.objectives import Constant, Cosine, Cyclical, Linear, WarmUp, distortion, gap
from termwise.objectives.objective import rate
from termwise.objectives.shapes import floor
from termwise.terms import ClosedForm
from termwise.training.early_stopping import EarlyStopping
from termwise.training.engine import Engine
from termwise.training.evaluate import evaluate_held_out

SCHEDULES = [
    Constant(value=2.0),
    Linear(start=3.0, end=1.0, steps=40),
    WarmUp(value=4.0, steps=30, wait=20),
    Cyclical(high=2.0, period=20, cycles=3),
    Cosine(start=1.0, end=0.5, steps=25),
]
CPU = Engine("cpu", "32-true")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.schedule)
def test_a_schedule_stays_as_it_is_from_its_end_and_not_before(schedule):
    end = schedule.ends()
    assert {schedule(end + later) for later in range(100)} == {schedule(end)}
    assert end == 0 or schedule(end - 1) != pytest.approx(schedule(end), abs=1e-9) or schedule.schedule == "cyclical"


def test_cycles_without_an_end_count_at_their_height():
    assert Cyclical(period=100)(Cyclical(period=100).ends()) == 1.0
    whole = Cyclical(period=100, ramp=1.0)
    assert whole(whole.ends()) == pytest.approx(0.99)


@pytest.mark.parametrize(("shape", "expected"), [(None, 4.0), (gap(5.0), 6.0), (floor(2.5), 1.0)])
def test_a_part_counts_at_the_end_of_its_weight_and_target(shape, expected):
    """A weight that ends at 2, a term of mean 2."""
    part = Linear(end=2.0, steps=10) * rate(ClosedForm()).shaped(shape)
    assert part.at_end({"": torch.tensor(2.0)}) == pytest.approx(expected)
    moving = part.shaped(gap(WarmUp(value=5.0, steps=70)))
    assert moving.at_end({"": torch.tensor(2.0)}) == pytest.approx(6.0)
    assert (distortion() + moving).ends() == 70


def test_while_a_schedule_lasts_the_best_weights_are_kept_and_none_are_waited_for():
    stopping, model = EarlyStopping(patience=2), torch.nn.Linear(1, 1)
    for loss in (3.0, 4.0, 5.0, 6.0):
        stopping.observe(loss, model, counts=False)
    assert (stopping.best, stopping.waited) == (3.0, 0)
    stopping.observe(7.0, model)
    assert stopping.waited == 1 and not stopping.is_due


def test_a_warm_up_longer_than_patience_does_not_end_a_training_and_its_losses_can_be_compared(tmp_path):
    """The rate's weight rises to 4 over nine epochs: the loss is under a weight of 4 from the first on."""
    data = examples(100, validation=0.3)
    warm_up = {"schedule": "warm-up", "value": 4.0, "steps": 9 * 7}
    one = trainer(
        tmp_path / "run", tw.recipe("beta-vae", beta=warm_up), data=data, patience=1, epochs=30, batch_size=8,
        optimizer={"learning_rate": 0.03},
    )  # fmt: skip
    assert one.steps_per_epoch == 7
    one.start()
    one.run()
    lines = [line for line in one.folder.metrics() if line["split"] == "validation"]
    for line in lines:
        terms = line["terms"]
        assert line["loss"] == pytest.approx(terms["distortion"] + 4 * terms["rate"], rel=1e-5)
    assert len(lines) >= 9
    losses = [line["loss"] for line in lines]
    assert any(later > before for before, later in pairwise(losses[:9])), "else patience would not have run out"
    assert one.stopping.best == min(losses)


def test_the_same_weights_have_the_same_loss_whenever_it_is_taken():
    model, data = small(), examples(100, validation=0.3).validation
    objective = tw.recipe("vae").players[0].objective
    found = set()
    for seed in range(3):
        torch.manual_seed(seed)
        found.add(evaluate_held_out(model, data, objective, CPU, 1000)[1])
    assert len(found) == 1


def test_few_examples_are_looked_at_by_several_codes_each():
    """By eight codes each, whose mean is within 4 of its standard errors of that of 300 codes."""
    model, data = small(), examples(100, validation=0.3).validation
    objective = tw.recipe("vae").players[0].objective
    decoded = []
    model.decoder.register_forward_hook(lambda _, codes, __: decoded.append(len(codes[0])))
    loss = evaluate_held_out(model, data, objective, CPU, 1000)[1]
    assert sum(decoded) == 8 * len(data)
    draws = []
    with torch.no_grad():
        for _ in range(300):
            draw = model.eval().draw(data.tensor())
            draws.append(float(objective(draw).total))
    spread = torch.tensor(draws)
    assert abs(loss - float(spread.mean())) < 4 * float(spread.std()) / 8**0.5


def test_a_kl_that_a_critic_estimates_is_judged_by_the_exact_one_where_densities_are_known(tmp_path):
    """Else the loss would change with the critic, and not with the model."""
    one = trainer(tmp_path / "run", tw.recipe("factor-vae", gamma=3.0, hidden=[6]), epochs=1)
    one.start()
    one.run()
    (line,) = [line for line in one.folder.metrics() if line["split"] == "test"]
    terms = line["terms"]
    assert terms["total_correlation_kl_by_critic"] != pytest.approx(terms["total_correlation"], rel=1e-3)
    expected = terms["distortion"] + terms["rate"] + 3 * terms["total_correlation"]
    assert line["loss"] == pytest.approx(expected, rel=1e-5)
