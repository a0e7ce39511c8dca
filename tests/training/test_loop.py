"""The loop: what a step does to the weights, and what it must not do."""

import math

import pytest
import torch

import termwise as tw
from helpers.short_runs import EachStep, examples, small, trained, trainer, weights
from termwise.errors import NonFiniteLoss, Refused
from termwise.objectives import Game, Linear, Objective, Player, Weighted, distortion, solo
from termwise.objectives.objective import rate
from termwise.terms import ClosedForm
from termwise.training.checkpoint import TrainerState
from termwise.training.evaluate import evaluate_held_out

SGD = {"name": "sgd", "learning_rate": 0.01}


class Own:
    """A term made of a function of the draw."""

    name, unit, label, bias, memory = "own", "nats", "own", "unbiased", None

    def __init__(self, of):
        self.of = of

    def __call__(self, draw):
        return self.of(draw)


def equal(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_a_seed_decides_the_weights(tmp_path):
    first = trained(tmp_path / "a", seed=1)
    assert equal(first, trained(tmp_path / "b", seed=1))
    assert not equal(first, trained(tmp_path / "c", seed=2))


@pytest.mark.parametrize("recipe", ["vae", "beta-tcvae", pytest.param("wae-mmd", marks=pytest.mark.slow)])
def test_looking_does_not_change_what_is_trained(tmp_path, recipe):
    looked = trained(tmp_path / "a", tw.recipe(recipe), audit=True, epochs=3)
    assert equal(looked, trained(tmp_path / "b", tw.recipe(recipe), audit=False, evaluate_every=3, epochs=3))


def test_a_term_that_is_not_finite_stops_the_training_and_is_named(tmp_path):
    steps = []

    def poison(draw):
        steps.append(1)
        return draw.z.new_full((len(draw),), math.nan if len(steps) == 5 else 0.0)

    game = solo(distortion() + Weighted(Own(poison)))
    one = trainer(tmp_path / "run", game, checkpoint_steps=2)
    one.start()
    said = r"step 4: own = nan\. Lower the learning rate.*\. The last good checkpoint is .*last\.pt"
    with pytest.raises(NonFiniteLoss, match=said):
        one.run()
    state = TrainerState.load(one.folder.checkpoint_file)
    assert state.step == 4
    assert all(value.isfinite().all() for value in state.model.values())


def test_weights_that_are_not_finite_are_neither_looked_at_nor_kept(tmp_path):
    """A loss may be finite where its gradient is not: here 0 = sqrt(0), on the epoch's last step."""
    steps = []

    def sharp(draw):
        steps.append(1)
        return (draw.z.sum(1) * 0).abs().sqrt() if len(steps) == 8 else draw.z.sum(1) * 0

    one = trainer(tmp_path / "run", solo(distortion() + Weighted(Own(sharp))), checkpoint_steps=3)
    one.start()
    with pytest.raises(NonFiniteLoss, match="weights are no longer finite after step 8"):
        one.run()
    assert TrainerState.load(one.folder.checkpoint_file).step == 6
    assert one.folder.metrics() == []


@pytest.mark.parametrize("lattice_from", [10, 10**9])
def test_a_learning_rate_beyond_reason_is_a_loss_that_is_not_finite(tmp_path, monkeypatch, lattice_from):
    monkeypatch.setattr(tw.terms.Bank, "LATTICE_FROM", lattice_from)
    with pytest.raises(NonFiniteLoss):
        trained(tmp_path / "run", tw.recipe("beta-tcvae"), optimizer={"learning_rate": 1e30})


def test_early_stopping_without_a_validation_part_is_refused(tmp_path):
    with pytest.raises(Refused, match=r"data\.validation"):
        trainer(tmp_path / "run", patience=2)


def test_early_stopping_keeps_the_weights_of_the_lowest_validation_loss(tmp_path):
    data = examples(100, validation=0.3)
    one = trainer(tmp_path / "run", data=data, patience=2, epochs=60, batch_size=8, optimizer={"learning_rate": 0.05})
    one.start()
    model = one.run()
    lines = [line for line in one.folder.metrics() if line["split"] == "validation"]
    losses = [line["loss"] for line in lines]
    best = losses.index(min(losses))
    assert best == len(losses) - 3, "stops after two evaluations that are no better"
    assert len(losses) < 60
    objective = one.game.players[0].objective
    assert evaluate_held_out(model, data.validation, objective, one.engine, 1000)[1] == losses[best]


def test_averaged_weights_are_the_exponential_average_of_each_step(tmp_path):
    by_hand = []

    def look(step):
        now = [value.double() for value in weights(one.model)]
        keep = min(0.8, step / (9 + step))  # warmed up, so that where it began is forgotten
        by_hand[:] = now if step == 1 else [keep * a + (1 - keep) * b for a, b in zip(by_hand, now, strict=True)]

    one = trainer(tmp_path / "run", watcher=EachStep(look), average={"decay": 0.8}, optimizer={"learning_rate": 0.05})
    one.start()
    kept = one.run()
    for value, expected, last in zip(weights(kept), by_hand, weights(one.model), strict=True):
        torch.testing.assert_close(value.double(), expected, atol=1e-6, rtol=1e-5)
        assert not torch.equal(value, last)


def gradient_norms(path, **settings) -> list[float]:
    norms = []
    one = trainer(path, watcher=EachStep(lambda step: norms.append(norm(one.model))), optimizer=SGD, **settings)
    one.start()
    one.run()
    return norms


def norm(model) -> float:
    return float(torch.stack([p.grad.square().sum() for p in model.parameters()]).sum().sqrt())


def test_a_clipped_gradient_has_the_norm_that_was_asked_at_most(tmp_path):
    free, clipped = gradient_norms(tmp_path / "a"), gradient_norms(tmp_path / "b", gradient_clip=0.25)
    assert min(free) > 0.25
    assert clipped == pytest.approx([0.25] * len(clipped), rel=1e-4)


def test_each_step_moves_by_its_own_learning_rate(tmp_path):
    schedule = Linear(start=0.0, end=0.05, steps=10)
    held = []

    def look(step):
        before, now = held[-1], weights(one.model)
        for old, new, parameter in zip(before, now, one.model.parameters(), strict=True):
            torch.testing.assert_close(new, old - schedule(step - 1) * parameter.grad, atol=1e-7, rtol=1e-5)
        held.append(now)

    settings = {"name": "sgd", "learning_rate": schedule.model_dump()}
    one = trainer(tmp_path / "run", watcher=EachStep(look), optimizer=settings)
    held.append(weights(one.model))
    one.start()
    one.run()
    assert len(held) == 17
    assert one.folder.metrics()[-2]["learning_rate"] == pytest.approx(0.05)


def test_an_impossible_learning_rate_is_refused(tmp_path):
    falling = {"schedule": "linear", "start": 0.1, "end": -0.1, "steps": 5}
    for optimizer, match in (
        ({"learning_rate": -1.0}, "0 or more"),
        ({"learning_rate": falling}, r"would be -0\.1"),
    ):
        with pytest.raises(Refused, match=match):
            trainer(tmp_path / "run", optimizer=optimizer)


def test_impossible_betas_are_refused(tmp_path):
    config = {"training": {"optimizer": {"betas": [0.9, 2.0]}}}
    with pytest.raises(Refused, match=r"training\.optimizer\.betas\.1: Input should be less than 1; got 2"):
        tw.train(config, data="four-points", out=tmp_path / "run")


def test_each_player_moves_its_own_networks_alone(tmp_path):
    """Alice's loss is Bob's but its sign; were either to move the other's networks, SGD would show it."""
    both = distortion() + rate(ClosedForm())
    game = Game((Player("alice", ("encoder",), both, moves=2), Player("bob", ("decoder",), Objective((distortion(),)))))
    model = small()
    seen = []
    one = trainer(tmp_path / "run", game, model=model, optimizer=SGD, epochs=1)
    move = one.rounds.move

    def watched(player, draw, step):
        before = {name: weights(model.get_submodule(name)) for name in ("encoder", "decoder")}
        move(player, draw, step)
        after = {name: weights(model.get_submodule(name)) for name in ("encoder", "decoder")}
        moved = [name for name in before if not all(map(torch.equal, before[name], after[name]))]
        seen.append((player.name, moved))

    one.rounds.move = watched
    one.start()
    one.run()
    assert seen == [("alice", ["encoder"]), ("alice", ["encoder"]), ("bob", ["decoder"])] * 8
    assert all(parameter.requires_grad for parameter in model.parameters())
    train = [line for line in one.folder.metrics() if line["split"] == "train"]
    assert [(line["player"], set(line["weights"])) for line in train] == [
        ("alice", {"distortion", "rate"}),
        ("bob", {"distortion"}),
    ]


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_other_precisions_train_with_finite_terms(tmp_path, precision):
    run = tw.train(
        {"training": {"precision": precision}, "model": {"options": {"hidden": [8]}}},
        data=examples(), recipe="beta-tcvae", latent=2, epochs=2, out=tmp_path / "run", progress=False,
    )  # fmt: skip
    state = TrainerState.load(run.folder.checkpoint_file)
    wanted = torch.float64 if precision == "64-true" else torch.float32
    assert {value.dtype for value in state.model.values()} == {wanted}
    terms = [value for line in run.metrics() if line["split"] != "audit" for value in line["terms"].values()]
    assert all(map(math.isfinite, terms))
    assert len(run.metrics()) == 6
    assert math.isfinite(run.account["elbo"].value)


@pytest.mark.parametrize("device", ["cuda:99", "warp-drive", "cuda:x"])
def test_a_device_that_is_not_there_is_refused_and_nothing_is_begun(tmp_path, device):
    with pytest.raises(Refused, match=f"device '{device}' cannot be used"):
        tw.train(data=examples(), recipe="vae", device=device, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_critics_share_what_the_encoder_says_of_a_batch(tmp_path):
    model, asked = small(), []
    model.encoder.register_forward_hook(lambda *_: asked.append(model.encoder.training))
    one = trainer(tmp_path / "run", tw.recipe("factor-vae", hidden=[6], moves=5), model=model, epochs=1)
    one.start()
    asked.clear()
    one.play(next(one.rest_of_epoch()))
    assert asked == [True] * 3  # for the critics the batch and the one independent of it; then for the autoencoder
