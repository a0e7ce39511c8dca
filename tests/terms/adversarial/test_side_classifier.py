"""The classifier of what stands beside x: a lower bound on what the code knows of it, and who gets which gradient."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.terms import Critic, DensityRatio, Link, SideClassifier
from termwise.terms.adversarial.side_law import SideLaw
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
    logits = player.network.critic.body(draw.z)
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


@pytest.mark.slow
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


def numbered(count, correlation, law=lambda s: s, seed=0):
    """Draws of codes of a normal number whose neighbour s is, under any increasing function; and I(z; s)."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(count, 2, generator=generator), torch.randn(count, generator=generator)
    s = law(correlation * x[:, 0] + math.sqrt(1 - correlation**2) * noise).double()
    model = tw.adapt(lambda x: (x, torch.full_like(x, 2 * math.log(0.5))), lambda z: z, likelihood="normal:1")
    data = tw.load_data(x, test=0.0).with_side({"age": s})
    return DataPass(model, data, batch_size=count), -0.5 * math.log(1 - correlation**2 / 1.25)


@pytest.mark.parametrize("make", [SideClassifier, lambda hidden: DensityRatio("kl", Critic(hidden))])
@pytest.mark.parametrize(
    ("correlation", "law"),
    [(0.0, lambda s: s), (0.9, lambda s: 1e12 * (3 * s).exp()), (0.9, lambda s: (6 * s).round())],
    ids=["none", "of a huge scale", "in whole years"],
)
def test_of_a_number_it_is_what_the_code_tells_of_it_whatever_its_scale(make, correlation, law):
    every, _ = numbered(3000, correlation, law)
    draw = next(iter(every()))
    estimator = make(hidden=(32,))
    link = Link("conditional", "aggregate", estimator)
    (player,) = estimator.adversaries(link.name, link.left, link.right)
    player.build(draw)
    optimizer = torch.optim.Adam(player.network.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        player.terms[0][1](next(iter(every()))).mean().backward()
        optimizer.step()
    fresh, truth = numbered(5000, correlation, law, seed=9)
    values = link(next(iter(fresh()))).detach()
    assert truth - 0.05 < float(values.mean()) < truth + 0.015 + 4 * float(values.std()) / math.sqrt(5000)


def test_a_number_within_a_category_tells_of_both_and_its_density_integrates_to_one():
    torch.manual_seed(0)
    x = torch.randn(400, 2)
    side = {"kind": (x[:, 1] > 0).long(), "size": x[:, 0].double().exp(), "age": (x[:, 0] + 5 * x[:, 1]).double()}
    model = tw.VAE.build((2,), 2, options={"hidden": [8]})
    draw = DataPass(model, tw.load_data(x, test=0.0).with_side(side)).at(torch.arange(50))
    law = SideLaw((8,))
    law.build(draw)
    assert len(law._counts) <= 20 and law.number == 2  # two kinds, ten bins of the first number, and the last as it is
    classes, scores = law.told(draw)
    assert torch.equal(classes, law.classes_of(draw.side)) and (classes >= 0).all()
    logits = law.critic.steps(draw.z)
    line = torch.linspace(-40, 40, 4001)
    mass = torch.stack([law._law(logits, classes, at.expand(50)).exp() for at in line]).sum(0) * 0.02
    assert torch.allclose(mass, torch.ones(50), atol=1e-3)
    shares = law._counts.float() / 400
    expected = logits[:, : len(shares)].log_softmax(1)[range(50), classes] - shares.log()[classes]
    expected = expected + law._law(logits, classes, scores) - torch.distributions.Normal(0.0, 1.0).log_prob(scores)
    assert torch.allclose(law.log_ratio(draw.z, draw), expected, atol=1e-5)


def test_a_part_that_lacks_a_category_is_read_by_those_that_trained():
    x = torch.rand(90, 4)
    data = tw.load_data(x, test=0.0).with_side({"kind": ["a", "b", "c"] * 30})
    model = tw.VAE.build((4,), 2, options={"hidden": [8]})
    link, player = built(DataPass(model, data).at(torch.arange(90)), hidden=(5,))
    part = data.subset(torch.tensor([1, 2, 4, 5]))  # of b and c alone
    draw = DataPass(model, part).at(torch.arange(4))
    logits = player.network.critic.steps(draw.z)
    expected = logits.log_softmax(1)[range(4), [1, 2, 1, 2]] + math.log(3)
    assert torch.allclose(link(draw), expected, atol=1e-6)


def test_what_is_the_same_for_all_is_refused():
    data = tw.load_data(torch.rand(6, 4), test=0.0).with_side({"a": ["b"] * 6})
    with pytest.raises(Refused, match="read a off the codes, which is the same for all that trains"):
        built(DataPass(tw.VAE.build((4,), 2, options={"hidden": [8]}), data).at(torch.arange(6)))


def test_categories_that_never_came_together_tell_nothing():
    data = tw.load_data(torch.rand(6, 4), test=0.0).with_side({"a": [0, 0, 1, 1, 0, 1], "b": [0, 1, 0, 0, 1, 1]})
    model = tw.VAE.build((4,), 2, options={"hidden": [8]})
    link, _ = built(DataPass(model, data.subset(torch.arange(5))).at(torch.arange(5)), hidden=(5,))
    assert link(DataPass(model, data).at(torch.tensor([5, 0])))[0] == 0.0


@pytest.mark.slow
def test_a_training_by_fader_keeps_a_number_out_of_the_code(tmp_path):
    torch.manual_seed(0)
    x = torch.randn(600, 3) * 0.3
    age = torch.rand(600) * 60 + 20
    x[:, 0] += (age - 50) / 10
    data, known = tw.load_data(x, test=0.3).with_side({"age": age.double()}), {}
    for name in ("vae", "fader"):
        model = {"options": {"hidden": [32]}, "latent": 2, "likelihood": "normal:0.5"}
        training = {"epochs": 20, "batch_size": 32, "audit": False, "optimizer": {"learning_rate": 0.01}}
        config = {"model": model, "objective": {"recipe": name}, "training": training}
        run = tw.train(config, data=data, out=tmp_path / name, progress=False)
        known[name] = run.account["population_side_information"].value
    assert known["fader"] < 0.3 * known["vae"], known
