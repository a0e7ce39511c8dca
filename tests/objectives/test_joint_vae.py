"""joint-vae: its total by hand, what it says of a code without blocks, and that categories come to tell."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

import termwise as tw
from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.objectives.recipes import recipe

CODE = [
    {"name": "digit", "latent": 10, "posterior": "categorical"},
    {"name": "style", "latent": 3},
]


def draw_of(code):
    torch.manual_seed(0)
    model = tw.VAE.build((6,), code=code, likelihood="normal:0.5", options={"hidden": [8]}).eval()
    return Draw(model, torch.randn(7, 6))


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (50, 0.5), (1000, 1.0)])
def test_its_total_is_its_formula(step, share):
    draw = draw_of(CODE)
    game = recipe("joint-vae", gamma=3.0).over(100)
    digit, style = draw.posterior.blocks
    of_digit = float((math.log(10) - digit.entropy()).mean())
    of_style = float(kl_divergence(style.base_dist, Normal(0.0, 1.0)).sum(1).mean())
    targets = 2.2 * min(1.0, share / 0.5), 10.0 * min(1.0, share / 0.8)
    distortion = -float(draw.likelihood.log_prob(draw.x).mean())
    expected = distortion + 3 * abs(of_digit - targets[0]) + 3 * abs(of_style - targets[1])
    (player,) = game.players
    assert float(player.objective(draw, step).total) == pytest.approx(expected, rel=1e-5)


def test_a_code_without_blocks_is_told_how_to_have_them():
    draw = Draw(tw.VAE.build((6,), latent=3), torch.rand(5, 6))
    (player,) = recipe("joint-vae").players
    with pytest.raises(Refused, match=r"\[\[model.code\]\]"):
        player.objective(draw, 0)
    with pytest.raises(Refused, match="No block of style"):
        player.objective(draw_of([CODE[1]]), 0)


@pytest.mark.slow
def test_on_digits_the_category_comes_to_tell_and_the_plain_vae_leaves_it_be(tmp_path):
    """The promise of the recipe: nats in the discrete block, which a vae of the same code has not."""
    told = {}
    for name in ("joint-vae", "vae"):
        model = {"code": CODE, "likelihood": "normal:optimal", "options": {"hidden": [128]}}
        tables = {"data": {"source": "digits"}, "model": model, "objective": {"recipe": name}}
        run = tw.train(tables, out=tmp_path / name, epochs=60)
        told[name] = run.account.by_dimension["index_code_mi_by_block"].value[0]
    assert told["joint-vae"] > 1.5 and told["joint-vae"] > told["vae"] + 1
