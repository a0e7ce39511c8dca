"""Games: who owns what, which memories they have between them, and that these survive a checkpoint."""

import pytest
import torch
from pydantic import ValidationError

from termwise.errors import Refused
from termwise.models import VAE
from termwise.objectives import Game, OptimizerSettings, Player, distortion, recipe, solo
from termwise.objectives.objective import Objective, index_code_mi, marginal_kl, rate, total_correlation
from termwise.terms import ClosedForm, Critic, DensityRatio, MonteCarlo


def test_the_one_player_of_a_plain_vae_owns_every_weight():
    (player,) = solo(distortion() + rate(ClosedForm())).players
    model = VAE.build((6,), 2, likelihood="normal:learned", options={"hidden": [4]})
    assert {id(p) for p in player.parameters(model)} == {id(p) for p in model.parameters()}


def test_a_player_has_the_parameters_of_its_networks_only():
    model = VAE.build((6,), 2, options={"hidden": [4]})
    player = Player("critic", ("encoder",), Objective((distortion(),)))
    assert [id(p) for p in player.parameters(model)] == [id(p) for p in model.encoder.parameters()]


def test_players_that_share_a_memory_have_it_once():
    kl, other = MonteCarlo(), MonteCarlo()
    first = Player("a", ("encoder",), index_code_mi(kl) + total_correlation(kl))
    second = Player("b", ("decoder",), Objective((index_code_mi(kl),)))
    third = Player("c", ("decoder",), Objective((index_code_mi(other),)))
    assert Game((first, second, third)).memories == (kl.aggregate, other.aggregate)


def test_the_memories_of_a_game_survive_a_checkpoint(sample):
    game, fresh = recipe("beta-tcvae"), recipe("beta-tcvae")
    sample.fill(game)
    game.memories[0].observe(sample.draw)
    fresh.load_state_dict(game.state_dict())
    totals = [g.players[0].objective(sample.draw).total for g in (game, fresh)]
    assert torch.equal(totals[0], totals[1])


@pytest.mark.parametrize("options", [{"name": "adma"}, {"weight_decay": -1}, {"momentum": 1.0}, {"lr": 0.1}])
def test_optimizer_settings_that_cannot_be_are_not_taken(options):
    with pytest.raises(ValidationError):
        OptimizerSettings(**options)


def test_an_adversarial_estimator_is_seated_with_its_critic_who_moves_first(sample):
    settings = {"name": "rmsprop", "learning_rate": 0.02}
    ratio = DensityRatio("kl", Critic((4,), gradient_penalty=2.0), moves=3, optimizer=settings)
    game = solo(distortion() + rate(ClosedForm()) + 5.0 * total_correlation(ratio))
    assert [player.name for player in game.players] == ["autoencoder", "critic of total correlation"]
    assert [player.name for player in game.turns] == ["critic of total correlation", "autoencoder"]
    critic = game.players[1]
    assert (critic.moves, critic.optimizer) == (3, OptimizerSettings(**settings))
    assert [(part.term.name, part.weight(0)) for part in critic.objective.parts] == [
        ("cross_entropy", 1.0),
        ("accuracy", 0.0),
        ("left_logit", 0.0),
        ("right_logit", 0.0),
        ("gradient_penalty", 1.0),
    ]
    game.build(sample.draw)
    held = {id(p) for p in game.networks["critic of total correlation"].parameters()}
    assert len(held) == 4 and {id(p) for p in game.parameters(critic, sample.model)} == held
    assert {id(p) for p in game.parameters(game.players[0], sample.model)} == {id(p) for p in sample.model.parameters()}


def test_each_adversarial_link_has_a_critic_of_its_own():
    game = solo(distortion() + total_correlation(DensityRatio()) + marginal_kl(DensityRatio("gan")))
    assert list(game.networks) == ["critic of total correlation", "critic of marginal kl"]
    shared = DensityRatio()
    with pytest.raises(Refused, match="share a critic"):
        solo(distortion() + total_correlation(shared) + marginal_kl(shared))
    with pytest.raises(Refused, match="Two players are called critic of marginal kl"):
        solo(distortion() + marginal_kl(DensityRatio("gan")) + marginal_kl(DensityRatio("kl")))


def test_the_critics_of_a_game_survive_a_checkpoint(sample):
    game, fresh = recipe("factor-vae", hidden=[5]), recipe("factor-vae", hidden=[5])
    game.build(sample.draw), fresh.build(sample.draw)
    z = torch.randn(4, 3)
    (one,), (other,) = game.networks.values(), fresh.networks.values()
    assert not torch.equal(one(z), other(z))
    fresh.load_state_dict(game.state_dict())
    assert torch.equal(one(z), other(z))


def test_a_critics_optimizer_that_cannot_be_is_refused():
    with pytest.raises(Refused, match="critic's optimizer is OptimizerSettings or a table"):
        solo(distortion() + marginal_kl(DensityRatio(optimizer={"name": "adma"})))
