"""The classifier of what stands beside x: a lower bound on what the code knows of it, and who gets which gradient."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.terms import Link, SideClassifier
from termwise.worlds import ConditionalLinearGaussian


def draws(world, count=4000, seed=0):
    data = tw.load_data(world.data(count, seed), test=0.0).with_side({"kind": world.side(count, seed)})
    return next(iter(DataPass(world, data, batch_size=count)()))


def built(draw, **options):
    estimator = SideClassifier(**options)
    link = Link("conditional", "aggregate", estimator)
    (player,) = estimator.adversaries(link.name, link.left, link.right)
    player.build(draw)
    return link, player


@pytest.mark.parametrize("seed", range(2))
def test_once_it_has_learned_it_is_near_the_world_s_information_and_not_above(seed):
    torch.manual_seed(seed)
    world = ConditionalLinearGaussian.random(seed, categories=3, separation=1.5, mutual_information=1.0)
    link, player = built(draws(world), hidden=(32,))
    optimizer = torch.optim.Adam(player.network.parameters(), lr=0.01)
    learning = draws(world)
    for _ in range(150):
        optimizer.zero_grad()
        player.terms[0][1](learning).mean().backward()
        optimizer.step()
    fresh = draws(world, seed=seed + 7)
    values, truth = link(fresh), world.truth()["side_information"]
    stderr = float(values.std()) / math.sqrt(len(values))
    assert truth - 0.05 - 4 * stderr < float(values.mean()) < truth + 4 * stderr
    right = float(player.terms[1][1](fresh).mean())
    assert right > max(world.shares) and link.name == "side_information_kl_by_classifier"


def test_its_value_is_the_formula_and_its_gradient_reaches_the_codes_alone():
    torch.manual_seed(0)
    groups = torch.tensor([0, 1, 1, 2, 1, 0])
    model = tw.VAE.build((4,), 2, options={"hidden": [8]})
    data = tw.load_data(torch.rand(6, 4), test=0.0).with_side({"kind": groups})
    draw = DataPass(model, data).draw(next(data.batches(6)))
    link, player = built(draw, hidden=(5,))
    values = link(draw)
    logits = player.network.body(draw.z)
    share = torch.tensor([2, 3, 1])[groups] / 6
    expected = logits.log_softmax(1)[range(6), groups] - share.log()
    assert torch.allclose(values, expected, atol=1e-6)
    values.sum().backward()
    assert all(parameter.grad is None for parameter in player.network.parameters())
    assert any(parameter.grad is not None for parameter in model.encoder.parameters())
    model.zero_grad(set_to_none=True)
    player.terms[0][1](draw).sum().backward()
    assert all(parameter.grad is not None for parameter in player.network.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_other_links_and_data_beside_which_nothing_stands_are_refused():
    with pytest.raises(Refused, match="conditional -> aggregate"):
        Link("aggregate", "prior", SideClassifier())
    world = ConditionalLinearGaussian.random(0)
    draw = next(iter(DataPass(world, tw.load_data(world.data(20), test=0.0))()))
    with pytest.raises(Refused, match="nothing does"):
        Link("conditional", "aggregate", SideClassifier()).check(draw)


def test_a_training_by_fader_keeps_less_of_it_in_the_code(tmp_path):
    torch.manual_seed(0)
    world = ConditionalLinearGaussian.random(3, separation=2.5)
    data = tw.load_data(world.data(600), test=0.3).with_side({"kind": world.side(600)})
    known = {}
    for name in ("vae", "fader"):
        model = {"options": {"hidden": [32]}, "latent": 3, "likelihood": "normal:0.5"}
        training = {"epochs": 20, "batch_size": 32, "audit": False, "optimizer": {"learning_rate": 0.01}}
        config = {"model": model, "objective": {"recipe": name}, "training": training}
        run = tw.train(config, data=data, out=tmp_path / name, progress=False)
        known[name] = run.account["population_side_information"].value
    assert known["fader"] < 0.5 * known["vae"]
