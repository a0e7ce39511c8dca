"""Games of several players: who moves when, what is logged, who is at fault; and critics that learn alone."""

import math
import warnings
from collections import OrderedDict

import pytest
import torch

import termwise as tw
from helpers.critic_logits import critic_logits
from helpers.short_runs import EachStep, StopAt, Stopped, examples, small, trainer, weights
from termwise.data import load_data
from termwise.errors import NonFiniteLoss, Refused
from termwise.measuring.critic_bounds.train_critics import train_critics
from termwise.objectives import Game, OptimizerSettings, Player, distortion, marginal_kl, solo, total_correlation
from termwise.objectives.objective import Objective, rate
from termwise.terms import ClosedForm, Critic, DensityRatio, Link
from termwise.terms.adversarial.critic_loss import PerfectSeparation, accuracy
from termwise.terms.adversarial.divergences import DIVERGENCES
from termwise.terms.adversarial.ratio_bounds import donsker_varadhan, nwj
from termwise.training.checkpoint import TrainerState
from termwise.training.diagnosis import NoGradient
from termwise.worlds import LinearGaussian

CRITIC = "critic of total correlation"
SGD = {"name": "sgd", "learning_rate": 0.01}


def factor_vae(**options):
    return tw.recipe("factor-vae", **{"hidden": [6], "gamma": 2.0, **options})


def test_critics_move_first_and_move_nothing_but_themselves(tmp_path):
    game, model, seen = factor_vae(moves=2), small(), []
    one = trainer(tmp_path / "run", game, model=model, epochs=1, optimizer=SGD)
    move = one.rounds.move
    parts = {"model": model, "critic": game.networks[CRITIC]}

    def watched(player, draw, step):
        before = {name: weights(part) for name, part in parts.items()}
        for part in parts.values():
            part.zero_grad(set_to_none=True)
        move(player, draw, step)
        after = {name: weights(part) for name, part in parts.items()}
        moved = [name for name in parts if not all(map(torch.equal, before[name], after[name]))]
        touched = [name for name in parts if any(p.grad is not None for p in parts[name].parameters())]
        seen.append((player.name, moved, touched))

    one.rounds.move = watched
    one.start()
    one.run()
    critic, autoencoder = (CRITIC, ["critic"], ["critic"]), ("autoencoder", ["model"], ["model"])
    assert seen == [critic, critic, autoencoder] * 8
    assert all(parameter.requires_grad for part in parts.values() for parameter in part.parameters())


def test_two_players_of_one_autoencoder_get_gradients_of_their_own_networks_alone(tmp_path):
    both = distortion() + rate(ClosedForm())
    game = Game((Player("alice", ("encoder",), both), Player("bob", ("decoder",), both)))
    model, seen = small(), []
    one = trainer(tmp_path / "run", game, model=model, epochs=1)
    move = one.rounds.move

    def watched(player, draw, step):
        model.zero_grad(set_to_none=True)
        move(player, draw, step)
        names = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None}
        seen.append((player.name, names))

    one.rounds.move = watched
    one.start()
    one.run()
    assert seen == [("alice", {"encoder"}), ("bob", {"decoder"})] * 8


def test_every_player_has_a_line_and_the_critics_says_how_well_it_tells_the_laws_apart(tmp_path):
    one = trainer(tmp_path / "run", factor_vae(critic_learning_rate=0.003), epochs=1)
    one.start()
    one.run()
    train = [line for line in one.folder.metrics() if line["split"] == "train"]
    assert [line["player"] for line in train] == ["autoencoder", CRITIC]
    assert set(train[1]["terms"]) == {"cross_entropy", "accuracy", "left_logit", "right_logit"}
    assert 0 <= train[1]["terms"]["accuracy"] <= 1 and train[1]["loss"] == train[1]["terms"]["cross_entropy"]
    assert train[1]["learning_rate"] == 0.003
    (held_out,) = [line for line in one.folder.metrics() if line["split"] == "test"]
    assert {"total_correlation", "total_correlation_kl_by_critic", "elbo"} <= set(held_out["terms"])
    assert held_out["terms"]["total_correlation"] != held_out["terms"]["total_correlation_kl_by_critic"]


def test_looking_does_not_move_a_critic(tmp_path):
    """A spectral norm's power iteration moves at every look in training mode, and forgets only as it settles."""
    looks = []

    class Watched(Critic):
        def forward(self, z, x=None):
            looks.append(self.training)
            return super().forward(z, x)

    game = solo(distortion() + marginal_kl(DensityRatio("gan", Watched((5,), spectral_norm=True))))
    one = trainer(tmp_path / "run", game, audit=True, epochs=1)
    one.start()
    one.run()
    a_step, an_evaluation = 2 + 1, 1  # the critic's move looks at both laws, the autoencoder's at one
    assert looks == [True] * (8 * a_step) + [False] * an_evaluation
    assert all(part.training for part in game.networks["critic of marginal kl"].modules())


def test_a_walk_with_a_critic_in_toml_trains_measures_and_reports(tmp_path):
    estimator = {"name": "density-ratio", "divergence": "hellinger", "hidden": [6], "moves": 2}
    links = [
        {"from": "posterior", "to": "prior", "estimator": {"name": "closed-form"}},
        {"from": "aggregate", "to": "marginals", "weight": 2.0, "estimator": estimator},
    ]
    run = tw.train(
        {"objective": {"links": links}, "model": {"options": {"hidden": [8]}}},
        data=examples(), latent=2, epochs=2, out=tmp_path / "run", progress=False,
    )  # fmt: skip
    page = run.folder.report_file.read_text()
    assert "critic of total correlation" in page and "accuracy" in page
    resumed = tw.train(data=examples(), out=tmp_path / "run", resume=True, progress=False)
    assert resumed.account["elbo"].value == run.account["elbo"].value


def test_a_posterior_without_a_density_is_trained_and_looked_at_by_what_it_has(tmp_path):
    model = tw.VAE.build((6,), 2, posterior="noise-input", options={"hidden": [8]})
    game = solo(distortion() + rate(DensityRatio("kl", Critic((6,), quadratic=True), moves=2)))
    one = trainer(tmp_path / "run", game, model=model, epochs=1, audit=True)
    one.start()
    before = weights(model)
    one.run()
    assert not any(map(torch.equal, before, weights(model)))
    (held_out,) = [line for line in one.folder.metrics() if line["split"] == "test"]
    assert set(held_out["terms"]) == {"distortion", "rate_kl_by_critic"}
    assert held_out["loss"] == pytest.approx(sum(held_out["terms"].values()))


class Poisoned(torch.nn.Module):
    """A critic whose gradient, not its value, is infinite at its fifth look: 0 = sqrt(0)."""

    def __init__(self, at):
        super().__init__()
        self.layer, self.looks, self.at = torch.nn.Linear(2, 1), 0, at

    def forward(self, z):
        self.looks += self.training
        slope = (self.layer(z) * 0).abs().sqrt() if self.looks == self.at else 0.0
        return self.layer(z) + slope


def adversarial(critic):
    return solo(distortion() + rate(ClosedForm()) + total_correlation(DensityRatio(critic=critic)))


def test_a_critic_whose_weights_are_lost_is_at_fault_though_the_autoencoders_loss_shows_it(tmp_path):
    one = trainer(tmp_path / "run", adversarial(Critic(body=Poisoned(4))), checkpoint_steps=1)
    one.start()
    with pytest.raises(
        NonFiniteLoss, match=f"'autoencoder' is not finite.*'{CRITIC}' is at fault: its weights are not"
    ):
        one.run()
    state = TrainerState.load(one.folder.checkpoint_file)
    assert all(value.isfinite().all() for value in state.game["networks"][CRITIC].values())


def test_an_autoencoder_whose_weights_are_lost_is_at_fault_though_the_critics_loss_shows_it(tmp_path):
    def poison(step):
        if step == 3:
            with torch.no_grad():
                next(one.model.encoder.parameters()).fill_(math.nan)

    one = trainer(tmp_path / "run", factor_vae(), watcher=EachStep(poison))
    one.start()
    with pytest.raises(NonFiniteLoss, match=f"'{CRITIC}' is not finite at step 3.*'autoencoder' is at fault"):
        one.run()


def test_a_critic_that_diverges_by_its_own_learning_rate_is_named(tmp_path):
    one = trainer(tmp_path / "run", factor_vae(critic_learning_rate=1e25))
    one.start()
    with pytest.raises(NonFiniteLoss, match=f"'{CRITIC}' is at fault.*Lower the learning rate of '{CRITIC}'"):
        one.run()


def test_weights_that_are_lost_on_the_last_step_are_the_critics(tmp_path):
    one = trainer(tmp_path / "run", factor_vae(), checkpoint_steps=2)
    one.start()
    with torch.no_grad():
        next(one.game.networks[CRITIC].parameters()).fill_(math.inf)
    with pytest.raises(NonFiniteLoss, match=f"'{CRITIC}' is at fault: its weights are no longer finite"):
        one.save()


def test_a_critic_that_separates_the_laws_is_warned_of_once_with_the_evidence(tmp_path):
    class Knows(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, z):
            return self.scale * (1000 * (z[:, 0] - 50))

    model = small()
    with torch.no_grad():
        model.encoder[-1].bias[0] = 100.0  # codes nowhere near the prior
    game = solo(distortion() + marginal_kl(DensityRatio("gan", Critic(body=Knows()))))
    one = trainer(tmp_path / "run", game, model=model, epochs=3)
    one.start()
    with pytest.warns(PerfectSeparation, match=r"critic of marginal kl, epoch 1: .*100\.00%") as caught:
        one.run()
    assert len([w for w in caught if issubclass(w.category, PerfectSeparation)]) == 1


def test_weights_that_no_term_teaches_are_warned_of_by_name(tmp_path):
    judge = torch.nn.Sequential(OrderedDict(inner=torch.nn.Linear(6, 4), logit=torch.nn.Linear(4, 1)))
    settings = {"layer": "inner", "body": judge}
    for likelihood, expected in (("normal:learned", "likelihood.raw"), ("normal:optimal", None)):
        game = tw.recipe("vae-gan", **settings)
        model = tw.VAE.build((6,), 2, likelihood=likelihood, options={"hidden": [8]})
        one = trainer(tmp_path / likelihood, game, model=model, epochs=1)
        one.start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            one.run()
        sentences = [str(w.message) for w in caught if issubclass(w.category, NoGradient)]
        assert len(sentences) == (expected is not None)
        assert all(f"gradient for {expected}:" in sentence for sentence in sentences)


def world_of_one_nat(seed=4):
    """A linear-Gaussian world whose total correlation is 1 nat, found by bisection."""
    low, high = 0.5, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        world = LinearGaussian.random(seed, latent=4, mutual_information=middle)
        low, high = (middle, high) if world.truth()["total_correlation"] < 1 else (low, middle)
    return world


def test_a_critic_finds_a_total_correlation_of_one_nat_and_its_bounds_hold():
    """Within 0.1 nats, as the standard error on 20,000 fresh examples is 0.01."""
    world = world_of_one_nat()
    assert world.truth()["total_correlation"] == pytest.approx(1.0, abs=1e-6)
    data, fresh = (load_data(world.data(20_000, seed=seed), test=0.0) for seed in (0, 1))
    link = Link("aggregate", "marginals", DensityRatio("kl", Critic((64, 64), "silu")))
    settings = OptimizerSettings(learning_rate={"schedule": "cosine", "start": 5e-3, "end": 1e-5, "steps": 400})
    state = torch.get_rng_state()
    game = solo(Objective((tw.objectives.Weighted(link),)))
    train_critics(game, world, data, steps=400, batch_size=512, optimizer=settings)
    assert torch.equal(torch.get_rng_state(), state)
    left, right = critic_logits(link, world, fresh)
    assert float(left.mean()) == pytest.approx(1.0, abs=0.1)
    assert "NEITHER" in link.bias
    for values in (nwj(left, right), donsker_varadhan(left, right)):
        assert 0.85 < float(values.mean()) < 1.0 + 4 * float(values.std()) / math.sqrt(len(values))
    right_share, variation = accuracy(left, right), DIVERGENCES["total-variation"].value(left)
    error = float(right_share.std() + variation.std()) / math.sqrt(len(left))
    assert abs(float(right_share.mean() - 0.5 - variation.mean() / 2)) < 4 * error + 0.02


def test_a_critic_alone_leaves_the_autoencoder_as_it_is():
    model, game = small(), factor_vae()
    before = weights(model)
    train_critics(game, model, examples(test=0.0), steps=3, batch_size=20)
    assert all(map(torch.equal, before, weights(model)))
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    with pytest.raises(Refused, match="no critics"):
        train_critics(tw.recipe("vae"), model, examples(test=0.0), steps=3)
    with pytest.raises(NonFiniteLoss, match=CRITIC):
        wild = factor_vae(critic_learning_rate=1e30)
        train_critics(wild, model, examples(test=0.0), steps=20)


REFERENCE = "reference of posterior"


def contrast(reference):
    return tw.recipe("avb-ac", hidden=[6], moves=2, reference={"name": reference, "hidden": [5]})


IMPLICIT = {"posterior": "noise-input+normal"}


@pytest.mark.parametrize("reference", ["mixture", pytest.param("flow", marks=pytest.mark.slow)])
def test_a_learned_reference_is_trained_looked_at_and_resumed_as_a_critic_is(tmp_path, reference):
    straight = trainer(tmp_path / "straight", contrast(reference), build=IMPLICIT, data=examples(80))
    straight.start()
    began = weights(straight.game.networks[REFERENCE])
    kept = straight.run()
    assert not any(map(torch.equal, began, weights(straight.game.networks[REFERENCE])))
    lines = {line["player"]: line for line in straight.folder.metrics() if line["split"] == "train"}
    assert set(lines) == {"autoencoder", REFERENCE, "critic of reference kl"}
    assert lines[REFERENCE]["loss"] == lines[REFERENCE]["terms"]["reference_cross_entropy"]

    stopped = trainer(
        tmp_path / "cut", contrast(reference), build=IMPLICIT, data=examples(80), watcher=StopAt(5), checkpoint_steps=3
    )
    stopped.start()
    with pytest.raises(Stopped):
        stopped.run()
    again = trainer(tmp_path / "cut", contrast(reference), build=IMPLICIT, data=examples(80))
    again.resume()
    assert all(map(torch.equal, weights(again.run()), weights(kept)))
    pairs = (weights(one.game.networks[REFERENCE]) for one in (again, straight))
    assert all(map(torch.equal, *pairs))


def test_a_reference_whose_weights_are_lost_is_at_fault(tmp_path):
    def poison(step):
        if step == 3:
            with torch.no_grad():
                next(one.game.networks[REFERENCE].parameters()).fill_(math.nan)

    one = trainer(tmp_path / "run", contrast("mixture"), build=IMPLICIT, watcher=EachStep(poison))
    one.start()
    with pytest.raises(NonFiniteLoss, match=f"'{REFERENCE}' is at fault"):
        one.run()


def test_codes_that_are_not_finite_are_the_autoencoders_fault_and_not_the_critics(tmp_path):
    model = small()
    one = trainer(tmp_path / "run", factor_vae(), model=model, epochs=1)
    one.start()
    with torch.no_grad():
        model.encoder[-1].bias.fill_(1e38)  # finite, and its square is not
    with pytest.raises(NonFiniteLoss, match="'autoencoder' is at fault: its weights are finite, and its codes are not"):
        one.run()


def test_a_critics_body_of_another_shape_is_refused_in_one_sentence(tmp_path):
    ratio = DensityRatio("kl", Critic(body=torch.nn.Linear(3, 1)))
    one = trainer(tmp_path / "run", solo(distortion() + total_correlation(ratio)), epochs=1)
    one.start()
    with pytest.raises(Refused, match=r"critic's body failed on z of shape \(16, 2\)"):
        one.run()
