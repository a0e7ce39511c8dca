"""Groups that are blocks, by name: a table beside numbers, whose links are sums of integrals."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Laplace, Normal

import termwise as tw
from termwise.errors import Refused, UnknownName
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.data_pass import DataPass
from termwise.objectives.recipes import hfvae
from termwise.terms import Full, Groups, Link, MonteCarlo
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.margin import margin
from termwise.terms.aggregate.mixture import log_density
from termwise.terms.aggregate.posterior_components import components_of
from termwise.terms.groups import groups_of_code

STATES, REPEATS = 4, 150
LINE = torch.linspace(-9, 9, 361, dtype=torch.float64)
STEP = float(LINE[1] - LINE[0])
NAMES = ("digit", "style")


def world(seed, law=Normal, sigma=0.6):
    """Every x is one of four states, each with a table of three categories and a place of two numbers."""
    g = torch.Generator().manual_seed(seed)
    table, place = 3 * torch.randn(STATES, 1, 3, generator=g), 1.3 * torch.randn(STATES, 2, generator=g)

    def encode(x):
        state = x.argmax(1)
        return BlockLaw([Categories(table[state]), Independent(law(place[state], sigma), 1)], NAMES)

    prior = BlockLaw([Categories(torch.zeros(1, 3)), Independent(Normal(torch.zeros(2), 1.0), 1)], NAMES)
    model = tw.adapt(encode, prior=prior)
    return model, torch.eye(STATES).repeat(REPEATS, 1), table.double().squeeze(1).softmax(1), place.double()


def truth(table, place, law=Normal, sigma=0.6):
    """The links of the two blocks, by a sum over categories and a grid of both numbers."""
    lines = law(place[:, :, None], torch.tensor(sigma).double()).log_prob(LINE).exp()  # (states, 2, G)
    joint = torch.einsum("sk,si,sj->kij", table, lines[:, 0], lines[:, 1]) / STATES
    digit, style = joint.sum((1, 2)) * STEP**2, joint.sum(0)
    first, second = style.sum(1) * STEP, style.sum(0) * STEP

    def kl(left, right):
        return float((left * (left / right).log().nan_to_num(0.0)).sum()) * STEP**2

    return {
        "group_correlation": kl(joint, digit[:, None, None] * style),
        "within_group_correlation": kl(style, first[:, None] * second),
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("law", [Normal, Laplace], ids=["normal", "laplace"])
def test_the_links_of_a_table_beside_numbers_are_those_of_quadrature(seed, law):
    model, x, *known = world(seed, law)
    exact = truth(*known, law)
    account = tw.measure(model, x, groups="blocks", samples=2, seed=seed)
    memory = Full()
    batches = DataPass(model, tw.load_data(x, test=0.0))
    memory.prepare(batches)
    torch.manual_seed(seed)
    draw = next(iter(batches()))
    ends = {"group_correlation": ("aggregate", Groups()), "within_group_correlation": (Groups("blocks"), "marginals")}
    for name, wanted in exact.items():
        assert wanted > 0.005 and abs(account[name].value - wanted) < 4 * account[name].stderr
        values = Link(*ends[name], MonteCarlo(memory))(draw).double()
        assert abs(float(values.mean()) - wanted) < 4 * float(values.std()) / math.sqrt(len(values))
    together = account["group_correlation"].value + account["within_group_correlation"].value
    assert together == pytest.approx(account["total_correlation"].value, abs=1e-9)
    assert account.data["groups"] == [[0, 1, 2], [3, 4]]


def test_a_link_of_blocks_has_the_gradient_of_a_sum_over_components_in_its_numbers():
    model, x, table, place = world(0, Laplace)
    memory = Full()
    batches = DataPass(model, tw.load_data(x, test=0.0))
    memory.prepare(batches)
    draw = next(iter(batches()))
    z = torch.cat([torch.eye(3)[torch.arange(6) % 3], torch.randn(6, 2)], 1).requires_grad_()
    law = Groups([["style"], ["digit"]], memory)
    (found,) = torch.autograd.grad(law.log_prob(z, draw).sum(), z)
    wide = z.detach().double().requires_grad_()
    style = Laplace(place, 0.6).log_prob(wide[:, None, 3:]).sum(2).logsumexp(1)
    (wanted,) = torch.autograd.grad(style.sum(), wide)
    torch.testing.assert_close(found[:, 3:].double(), wanted[:, 3:], atol=1e-4, rtol=1e-4)
    digit = table.mean(0).log()  # a code's log density with each category in the place of its own
    torch.testing.assert_close(found[:, :3].double(), digit.expand(6, 3), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("group", [[0, 1, 2], [3], [4, 3], [0, 1, 2, 4], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("law", [Normal, Laplace], ids=["normal", "laplace"])
def test_a_margin_is_the_average_of_the_components_own(group, law):
    model, x, table, place = world(3, law)
    posterior = model.infer(x[:STATES])[0]
    z = posterior.sample().double()
    chosen = sorted(group)
    parts = torch.zeros(STATES, STATES).double()
    if 0 in group:
        parts += table.log() @ z[:, :3].T
    for j in set(group) & {3, 4}:
        parts += law(place[:, None, j - 3], 0.6).log_prob(z[:, j])
    found = log_density(z[:, chosen], margin(components_of(posterior), group), LogWeights.uniform(STATES))
    torch.testing.assert_close(found, parts.logsumexp(0) - math.log(STATES), atol=1e-5, rtol=1e-5)


def test_groups_by_name():
    model, x, *_ = world(0)
    law = model.infer(x)[0]
    assert groups_of_code("blocks", law) == groups_of_code(None, law) == [[0, 1, 2], [3, 4]]
    assert groups_of_code([["digit", "style 0"], ["style 1"]], law) == [[0, 1, 2, 3], [4]]
    assert groups_of_code([[3], ["digit", 4]], law) == [[3], [0, 1, 2, 4]]
    flat = Independent(Normal(torch.zeros(5), 1.0), 1)
    assert groups_of_code(None, flat) == [[0, 1], [2, 3], [4]]
    with pytest.raises(UnknownName, match="Did you mean 'style'"):
        groups_of_code([["stile"], ["digit"]], law)
    with pytest.raises(Refused, match="every dimension of a code once"):
        groups_of_code([["style"]], law)
    assert groups_of_code(2, law) == [[0, 1, 2, 3], [4]]  # a category is one dimension
    with pytest.raises(Refused, match="one category and go together"):
        groups_of_code([[0, 1], [2, 3, 4]], law)
    with pytest.raises(Refused, match="This code has no blocks"):
        groups_of_code("blocks", flat)
    with pytest.raises(Refused, match="one category and go together"):
        tw.measure(model, x, groups=[[0], [1, 2, 3, 4]])


def test_numbers_that_cannot_be_told_apart_stay_in_one_group():
    code = [
        {"name": "digit", "latent": 3, "posterior": "categorical"},
        {"name": "style", "latent": 2, "posterior": "flow"},
    ]
    model, x = tw.VAE.build((4,), code=code, options={"hidden": [4]}), torch.rand(40, 4).round()
    account = tw.measure(model, x, groups="blocks")
    assert account["group_correlation"].value == pytest.approx(account["total_correlation"].value, abs=1e-6)
    with pytest.raises(Refused, match="does not fall apart by them"):
        tw.measure(model, x, groups=[["digit", 3], [4]])
    components = components_of(model.encode(x))
    with pytest.raises(Refused, match='say groups="blocks"'):
        margin(components, [0, 1, 2, 3])


@pytest.mark.parametrize(
    "aggregate", ["minibatch-stratified", *(pytest.param(it, marks=pytest.mark.slow) for it in ("bank", "full"))]
)
def test_hfvae_trains_a_category_beside_numbers(aggregate, tmp_path):
    code = [{"name": "digit", "latent": 3, "posterior": "categorical"}, {"name": "style", "latent": 2}]
    np.save(tmp_path / "x.npy", torch.rand(120, 4).round().numpy())
    tables = {
        "data": {"source": str(tmp_path / "x.npy")},
        "model": {"code": code, "options": {"hidden": [8]}},
        "objective": {"recipe": "hfvae", "aggregate": aggregate, "groups": [["style"], ["digit"]]},
        "training": {"epochs": 2, "batch_size": 32},
    }
    run = tw.train(tables, out=tmp_path / "run")
    account = tw.measure(run, groups=[["digit"], ["style"]])
    assert account["group_correlation"].value > -4 * account["group_correlation"].stderr
    names = [part.term.name for part in hfvae(aggregate=aggregate).players[0].objective.parts]
    assert names[2:4] == ["group_correlation", "within_group_correlation"]
