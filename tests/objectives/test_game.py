"""Games: who owns what, which memories they have between them, and that these survive a checkpoint."""

import pytest
import torch
from pydantic import ValidationError

from termwise.models import VAE
from termwise.objectives import Game, OptimizerSettings, Player, distortion, recipe, solo
from termwise.objectives.objective import Objective, index_code_mi, rate, total_correlation
from termwise.terms import ClosedForm, MonteCarlo


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
