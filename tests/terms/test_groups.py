"""The stop `groups` against normals whose covariance is known, at several seeds, sizes and groupings."""

import math

import pytest
import torch

from termwise.data import load_data
from termwise.errors import NoDensity, Refused, UnknownName
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.objectives.configured import ObjectiveSpec
from termwise.terms import RBF, Bank, Full, Groups, Kernel, Link, MonteCarlo
from termwise.terms.aggregate.gaussians import Gaussians
from termwise.terms.aggregate.margin import margin
from termwise.terms.groups import dimensions_of
from termwise.worlds import LinearGaussian

COUNT = 3000
ENDS = {
    "group_correlation": ("aggregate", "groups"),
    "within_group_correlation": ("groups", "marginals"),
    "group_wise_kl": ("groups", "prior"),
}


def group_links(groups, estimator):
    own = {"groups": Groups(groups)}
    return {name: Link(*(own.get(end, end) for end in ends), estimator) for name, ends in ENDS.items()}


@pytest.mark.parametrize(
    ("seed", "latent", "groups", "diagonal", "memory"),
    [
        (7, 3, [[0, 1], [2]], True, "full"),
        (2, 5, [[4, 0], [1, 3], [2]], True, "bank"),
        (3, 6, 3, True, "full"),
        (4, 4, [[0, 3], [1, 2]], False, "full"),
        (5, 5, 2, False, "bank"),
    ],
)
def test_the_links_of_groups_are_the_world_s_within_four_standard_errors(seed, latent, groups, diagonal, memory):
    world = LinearGaussian.random(seed, latent=latent, mutual_information=1.0, diagonal=diagonal)
    data = load_data(world.data(COUNT, seed=seed), test=0.0)
    kl = MonteCarlo(memory)
    kl.aggregate.prepare(DataPass(world, data))
    index = torch.arange(COUNT)
    draw = Draw(world, data.tensor(), index, COUNT)
    links = group_links(groups, kl) | {"total_correlation": Link("aggregate", "marginals", kl)}
    values = {name: link(draw).double() for name, link in links.items()}
    truth = world.truth(dimensions_of(groups, latent))
    for name, of_codes in values.items():
        stderr = float(of_codes.std()) / math.sqrt(COUNT)
        assert abs(float(of_codes.mean()) - truth[name]) < 4 * stderr + 0.01, name  # of 3000 points at an MI of 1 nat
    both = values["group_correlation"] + values["within_group_correlation"]
    assert torch.allclose(both, values["total_correlation"], atol=1e-4)
    assert truth["group_correlation"] > 0.01 < truth["within_group_correlation"]


@pytest.mark.parametrize("diagonal", [True, False])
def test_groups_of_one_are_the_marginals_and_one_group_is_the_aggregate(diagonal):
    world = LinearGaussian.random(0, diagonal=diagonal)
    full = Full()
    full.prepare(DataPass(world, load_data(world.data(300), test=0.0)))
    draw = Draw(world, world.data(300), torch.arange(300), 300)
    alone = Groups(1, full).log_prob_by_group(draw.z, draw)
    assert torch.allclose(alone, full.marginal_log_density(draw.z, draw), atol=1e-5)
    assert torch.allclose(Groups(4, full).log_prob(draw.z, draw), full.log_density(draw.z, draw), atol=1e-6)
    elsewhere = torch.zeros(300, 4)  # codes that are not the draw's own
    assert torch.allclose(Groups(4, full).log_prob(elsewhere, draw), full.log_density(elsewhere, draw), atol=1e-6)


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_gradient_of_a_group_s_density_is_that_of_float64_autograd(diagonal):
    world = LinearGaussian.random(3, diagonal=diagonal)
    draw = Draw(world, world.data(40), torch.arange(40), 40)
    bank = Bank()
    bank.prepare(DataPass(world, load_data(world.data(40), test=0.0)))
    z = draw.z.detach().requires_grad_()
    (got,) = torch.autograd.grad(Groups([[0, 2], [1, 3]], bank).log_prob(z, draw).sum(), z)
    mean = draw.posterior.mean.double()
    at = z.detach().double().requires_grad_()
    total = 0.0
    for group in ([0, 2], [1, 3]):
        covariance = world.posterior_covariance[group][:, group]
        law = torch.distributions.MultivariateNormal(mean[:, group], covariance)
        total = total + law.log_prob(at[:, None, group]).logsumexp(1).sum()
    (wanted,) = torch.autograd.grad(total, at)
    assert torch.allclose(got.double(), wanted, rtol=1e-4, atol=1e-5)


def test_the_margin_of_a_full_covariance_keeps_a_thin_direction():
    factor = torch.tensor([[[1.0, 0.0, 0.0], [1.0, 1e-6, 0.0], [0.3, 0.2, 0.5]]], dtype=torch.float64)
    one = margin(Gaussians(torch.zeros(1, 3, dtype=torch.float64), factor), [0, 1])
    assert float(one.spread[0, 1, 1]) == pytest.approx(1e-6, rel=1e-6)  # its square is lost beside 1 in float32
    turned = margin(Gaussians(torch.zeros(1, 3, dtype=torch.float64), factor), [2, 0]).spread[0]
    covariance = (factor @ factor.mT)[0][[2, 0]][:, [2, 0]]
    assert torch.allclose(turned @ turned.T, covariance) and bool((turned.diagonal() > 0).all())


def batch(world, count, seed):
    second = Draw(world, world.data(count, seed=10_000 + seed))
    return Draw(world, world.data(count, seed=seed), independent=lambda: second)


def test_samples_are_a_batch_whose_groups_are_permuted_each_as_a_whole():
    draw = batch(LinearGaussian.random(0), 200, 1)
    groups = Groups([[0, 3], [2, 1]])
    for law, source in ((groups, draw.independent.z), (groups.placed(None, on_left=True), draw.z)):
        z = law.sample(draw)
        rows = [[tuple(row.tolist()) for row in some[:, group]] for some in (z, source) for group in ([0, 3], [2, 1])]
        assert sorted(rows[0]) == sorted(rows[2]) and sorted(rows[1]) == sorted(rows[3])
        assert sum(z[i].equal(row) for i, row in enumerate(source)) < 10


def mean_of_rbf(covariance, width):
    """E exp(-|d|^2 / 2 h^2) of d ~ N(0, covariance)."""
    return float(torch.linalg.det(torch.eye(len(covariance)) + covariance / width**2) ** -0.5)


@pytest.mark.parametrize("name", ENDS)
def test_the_mmd_of_small_batches_is_unbiased_on_every_link_of_groups(name):
    """Also from groups to marginals, whose samples must not share codes: of 12 rows they would share many."""
    world = LinearGaussian.random(7, mutual_information=3.0)
    world = type(world)(**{**vars(world), "offset": -world.encoder @ world.mean})  # q(z) around 0
    a = (world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance).float()
    group = torch.tensor([0, 1, 1, 0])
    of = {
        "aggregate": a,
        "groups": a * (group == group.unsqueeze(1)),
        "marginals": a.diagonal().diag(),
        "prior": torch.eye(4),
    }
    left, right = (of[end] for end in ENDS[name])
    mean = mean_of_rbf
    wanted = mean(2 * left, 1.5) + mean(2 * right, 1.5) - 2 * mean(left + right, 1.5)
    link = group_links([[0, 3], [1, 2]], Kernel(RBF(1.5)))[name]
    values = torch.stack([link(batch(world, 12, seed)) for seed in range(500)])
    assert abs(float(values.mean()) - wanted) < 4 * float(values.std()) / math.sqrt(len(values))
    assert wanted > 0.002 and link.name == f"{name.removesuffix('_kl')}_mmd2"


@pytest.mark.parametrize("groups", [[[0, 1]], [[0, 1], [1, 2]], [[0], [1], [3]], [[0, 1, 2], []], []])
def test_groups_that_are_not_all_dimensions_once_are_refused(groups):
    with pytest.raises(Refused, match=r"every dimension of a code once: 0 to \d.*groups=\[\[0, 1\], \[2, 3, 4\]\]"):
        dimensions_of(groups, 3)


@pytest.mark.parametrize("groups", [0, -1, True, 1.5, "01", [[0, -1]], [0, 1]])
def test_groups_that_are_no_groups_are_refused(groups):
    with pytest.raises(Refused, match=r"groups = .* cannot be"):
        Groups(groups)


def test_what_groups_need_is_said():
    draw = batch(LinearGaussian.random(0), 5, 0)
    with pytest.raises(Refused, match=r"Groups\(\[\[0, 1\], \[2, 3, 4\]\]\).*beside the links in a file"):
        Link("aggregate", "groups", MonteCarlo())
    with pytest.raises(NoDensity, match="memory"):
        Groups(2).log_prob(draw.z, draw)


def spec(**more):
    one = {"to": "groups", "weight": 2.0, "estimator": {"name": "monte-carlo"}, "from": "aggregate"}
    return ObjectiveSpec.model_validate({"links": [one, {**one, "from": "groups", "to": "marginals"}], **more})


def test_a_file_says_the_groups_beside_its_links():
    (player,) = spec(groups=[[0, 2], [1, 3]]).build().players
    assert player.objective.names == ("distortion", "group_correlation", "within_group_correlation")
    (memory,) = player.objective.memories
    first, second = (part.term for part in player.objective.parts[1:])
    assert first.right.memory is memory is second.left.memory and first.right.groups == [[0, 2], [1, 3]]
    with pytest.raises(Refused, match="must be told which dimensions go together"):
        spec().build()
    with pytest.raises(Refused, match=r"no link goes there\. Leave it out"):
        rate = {"from": "posterior", "to": "prior", "estimator": {"name": "closed-form"}}
        ObjectiveSpec.model_validate({"links": [rate], "groups": 2}).build()
    with pytest.raises(UnknownName, match=r"Unknown key of .objective. 'group'. Did you mean 'groups'"):
        spec(groups=2, group=2).build()
