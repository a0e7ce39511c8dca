"""VAE-GAN: each of three players is moved by exactly its own gradients, as the formulas are written."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn.functional import logsigmoid

import termwise as tw
from termwise.data import load_data
from termwise.errors import Refused, UnknownName
from termwise.objectives.freeze_rule import Equilibrium
from termwise.objectives.objective import Breakdown
from termwise.training import Config, RunFolder, Trainer
from termwise.training.config import TrainingSection

GAMMA, BETA, RATE = 0.3, 1.7, 1e-2


def body() -> nn.Module:
    """Its inner layer sees normalised examples: what it makes of one depends on which pass through beside it."""
    layers = {"norm": nn.BatchNorm1d(5), "inner": nn.Linear(5, 7), "bend": nn.Tanh(), "logit": nn.Linear(7, 1)}
    return nn.Sequential(OrderedDict(layers)).double()


def autoencoder() -> tw.VAE:
    encoder = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 4))
    decoder = nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 5))
    return tw.VAE(encoder=encoder, decoder=decoder, shape=(5,), latent=2, likelihood="normal:0.5")


def playing(tmp_path, **options) -> Trainer:
    """A round of plain gradient descent in float64."""
    torch.manual_seed(0)
    model = autoencoder()
    game = tw.recipe("vae-gan", **{"gamma": GAMMA, "beta": BETA, "layer": "inner", "body": body(), **options})
    for player in game.players:
        object.__setattr__(player, "optimizer", player.optimizer.model_copy(update={"name": "sgd"}))
        object.__setattr__(player.optimizer, "learning_rate", RATE)
    data = load_data(torch.randn(64, 5), test=0.25)
    section = TrainingSection(epochs=1, batch_size=16, audit=False, precision="64-true", device="cpu")
    folder = RunFolder(tmp_path / "run")
    folder.create(Config())
    return Trainer(model, game, data, section, folder)


def formulas(
    trainer, draw, fakes=("reconstruction", "generated"), features=True, deceive=True, encode=True, saturating=True
):
    """The players' losses as the notes write them, with L_GAN's sign corrected; at the draw's own noise.

    Codes of the posterior and of the prior share a pass, as do real and made examples: batch normalisation is of both.
    """
    model = trainer.model
    judge = trainer.game.networks["discriminator"].body if "discriminator" in trainer.game.networks else body()
    mean, log_variance = model.encoder(draw.x).chunk(2, dim=1)
    sigma = (0.5 * log_variance).exp()
    z = mean + sigma * ((draw.z - mean) / sigma).detach()
    if encode and (features or deceive):
        rebuilt, generated = model.decoder(torch.cat([z, draw.prior_codes])).chunk(2)
    else:
        rebuilt, generated = model.decoder(z), model.decoder(draw.prior_codes)
    shown = {"real": draw.x, "reconstruction": rebuilt, "generated": generated}
    if not (encode and (features or "reconstruction" in fakes)):
        del shown["reconstruction"]
    inner = judge.inner(judge.norm(torch.cat(list(shown.values()))))
    logits = dict(zip(shown, judge.logit(judge.bend(inner)).split(len(draw)), strict=True))
    inner = dict(zip(shown, inner.split(len(draw)), strict=True))
    rate = 0.5 * (mean**2 + sigma**2 - log_variance - 1).sum(1).mean()
    gan = -logsigmoid(logits["real"]).mean() - sum(torch.log(1 - torch.sigmoid(logits[f])).mean() for f in fakes)
    if features and encode:
        likeness = 0.5 * ((inner["real"].detach() - inner["reconstruction"]) ** 2).sum(1).mean()
    else:
        squares = ((draw.x - rebuilt) ** 2).sum(1)
        likeness = (squares / (2 * 0.25) + 2.5 * torch.log(torch.tensor(2 * torch.pi * 0.25))).mean()
    deception = -gan if saturating else -sum(logsigmoid(logits[fake]).mean() for fake in fakes)
    return {
        "encoder": likeness + BETA * rate,
        "decoder": GAMMA * likeness + deception if deceive else likeness,
        "discriminator": gan,
    }


def expected_moves(trainer, losses) -> dict[str, list[torch.Tensor]]:
    moves = {}
    for name, own in trainer.rounds.own.items():
        gradients = torch.autograd.grad(losses[name], own, retain_graph=True, allow_unused=True)
        steps = zip(own, gradients, strict=True)
        moves[name] = [torch.zeros_like(held) if g is None else -RATE * g for held, g in steps]
    return moves


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reconstructions": False},
        {"features": False},
        {"features": False, "reconstructions": False},
        {"deceive": False},
        {"features": False, "deceive": False},
        {"saturating": False},
    ],
    ids=["vae-gan", "generated alone", "pixels", "pixels, generated alone", "feature-vae", "vae", "not saturating"],
)
def test_every_player_moves_by_its_own_formula_and_nothing_else_reaches_it(tmp_path, options):
    trainer = playing(tmp_path, **options)
    draw = trainer.rounds.draw(next(iter(trainer.train.batches(16))))
    written = {name: value for name, value in options.items() if name != "reconstructions"}
    if not options.get("reconstructions", True):
        written["fakes"] = ("generated",)
    losses = formulas(trainer, draw, **written)
    wanted = expected_moves(trainer, losses)
    before = {name: [one.detach().clone() for one in own] for name, own in trainer.rounds.own.items()}
    trainer.rounds.all_at_once(draw, step=0)
    for name, own in trainer.rounds.own.items():
        moved = [after.detach() - held for after, held in zip(own, before[name], strict=True)]
        torch.testing.assert_close(moved, wanted[name], rtol=1e-9, atol=1e-12)
        assert any(float(step.abs().max()) > 1e-6 for step in moved)


def test_what_is_logged_says_who_minimises_and_who_opposes(tmp_path):
    trainer = playing(tmp_path)
    trainer.play(next(iter(trainer.train.batches(16))))
    lines = trainer.rounds.lines(trainer.step)
    seen = lines[2]["terms"]  # of the discriminator: L_GAN comes apart by law
    parts = ("loss_on_data", "loss_on_reconstruction", "loss_on_generated")
    assert seen["gan_loss"] == pytest.approx(sum(seen[name] for name in parts))
    weights = {line["player"]: line["weights"] for line in lines}
    assert weights["decoder"] == {"feature_distortion": GAMMA, "gan_loss": -1.0, "rate": 1.7}
    assert weights["discriminator"]["gan_loss"] == 1.0 and weights["encoder"]["rate"] == BETA


def test_without_an_encoder_it_is_a_gan(tmp_path):
    trainer = playing(tmp_path, encode=False)
    assert [player.name for player in trainer.game.players] == ["decoder", "discriminator"]
    draw = trainer.rounds.draw(next(iter(trainer.train.batches(16))))
    gan = formulas(trainer, draw, ("generated",), encode=False)["discriminator"]
    wanted = expected_moves(trainer, {"decoder": -gan, "discriminator": gan})
    before = {name: [one.detach().clone() for one in own] for name, own in trainer.rounds.own.items()}
    trainer.rounds.all_at_once(draw, step=0)
    for name, own in trainer.rounds.own.items():
        moved = [after.detach() - held for after, held in zip(own, before[name], strict=True)]
        torch.testing.assert_close(moved, wanted[name], rtol=1e-9, atol=1e-12)


def test_in_turn_the_discriminator_has_moved_before_the_others_look(tmp_path):
    trainer = playing(tmp_path, at_once=False)
    moves, move = [], trainer.rounds.move
    judge = trainer.game.networks["discriminator"].body.inner.weight

    def watched(player, draw, step):
        moves.append((player.name, judge.detach().clone()))
        move(player, draw, step)

    trainer.rounds.move = watched
    trainer.play(next(iter(trainer.train.batches(16))))
    assert [name for name, _ in moves] == ["discriminator", "encoder", "decoder"]
    assert not torch.equal(moves[0][1], moves[1][1]) and torch.equal(moves[1][1], judge)


def test_who_runs_away_sits_a_round_out():
    def seen(real: float, fake: float):
        names = ("gan_loss", "loss_on_data", "loss_on_reconstruction", "loss_on_generated")
        means = tuple(torch.tensor([real + 2 * fake, real, 1.5 * fake, 0.5 * fake]))
        return {"discriminator": Breakdown(torch.zeros(()), names, means, (1.0, 0.0, 0.0, 0.0))}

    rule = Equilibrium()
    assert rule(seen(0.69, 0.69)) == set()
    assert rule(seen(0.2, 0.69)) == rule(seen(0.69, 0.2)) == {"discriminator"}
    assert rule(seen(1.2, 0.69)) == rule(seen(0.69, 1.2)) == {"decoder"}
    assert rule(seen(0.2, 1.2)) == set()


def test_a_player_who_sits_out_does_not_move(tmp_path):
    trainer = playing(tmp_path, equilibrium=True)
    object.__setattr__(trainer.game, "sits_out", lambda moves: {"discriminator"})
    before = {name: [one.detach().clone() for one in own] for name, own in trainer.rounds.own.items()}
    trainer.play(next(iter(trainer.train.batches(16))))
    moved = {
        name: any(not torch.equal(a, b) for a, b in zip(own, before[name], strict=True))
        for name, own in trainer.rounds.own.items()
    }
    assert moved == {"encoder": True, "decoder": True, "discriminator": False}


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(Refused, match="encode=False and deceive=False"):
        tw.recipe("vae-gan", encode=False, deceive=False)
    with pytest.raises(UnknownName, match=r"'inmer'.*inner"):
        tw.recipe("vae-gan", body=body(), layer="inmer")
    with pytest.raises(Refused, match=r"shape \(5,\).*body"):
        playing(tmp_path, body=None)
    with pytest.raises(Refused, match="at_once=True"):
        tw.recipe("vae-gan", at_once=False, equilibrium=True)
