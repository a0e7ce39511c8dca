"""The conditional law q(z|s): by every memory against sums over the groups, by an MMD, and against a world."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.terms import IMQ, RBF, Bank, DensityRatio, Full, Kernel, Link, MinibatchStratified, MonteCarlo
from termwise.terms.aggregate.minibatch import MinibatchWeighted
from termwise.terms.kernel import mmd2, mmd2_of_groups
from termwise.worlds import ConditionalLinearGaussian

COUNT = 60
KINDS = torch.tensor([0, 1, 2] * 19 + [0, 1, 3])  # the last alone


def batches(model, side=KINDS):
    torch.manual_seed(0)
    data = tw.load_data(torch.rand(COUNT, 4), test=0.0)
    return DataPass(model, data if side is None else data.with_side({"kind": side}))


def model():
    torch.manual_seed(1)
    return tw.VAE.build((4,), 2, options={"hidden": [8]}).eval()


def by_sums(law, z, groups, index):
    """log q(z|s) of codes of the examples at `index`, from every posterior, shape (B,)."""
    pairs = torch.stack([law.log_prob(one.expand(COUNT, -1)) for one in z]).double()
    same = groups[index].unsqueeze(1) == groups
    return pairs.masked_fill(~same, -math.inf).logsumexp(1) - same.sum(1).double().log()


@pytest.mark.parametrize("memory", [Full, lambda: Bank(size="all"), lambda: Bank(size="all", refresh=0)])
def test_what_holds_all_posteriors_gives_the_sum_over_each_group_and_its_gradient(memory):
    held, one = memory(), model()
    every = batches(one)
    held.prepare(every)
    index = torch.tensor([5, 59, 0, 17, 33, 4])
    draw = every.at(index)
    z = draw.z.clone().requires_grad_()
    found = held.conditional_log_density(z, draw)
    with torch.no_grad():
        law = one.encode(every.data.tensor())
    expected = by_sums(law, z, KINDS, index)
    assert torch.allclose(found.double(), expected, atol=1e-5)
    (slope,) = torch.autograd.grad(expected.sum(), z)
    (found_slope,) = torch.autograd.grad(found.sum(), z)
    assert torch.allclose(found_slope, slope, atol=1e-4)


@pytest.mark.parametrize("example", [0, 4])
def test_a_batch_is_unbiased_for_the_density_within_a_group(example):
    one = model()
    every = batches(one)
    with torch.no_grad():
        z, law = every.at(torch.tensor([example])).z, one.encode(every.data.tensor())
        expected = by_sums(law, z, KINDS, torch.tensor([example])).exp()
        others = torch.tensor([n for n in range(COUNT) if n != example])
        estimates = []
        for seed in range(300):
            some = others[torch.randperm(COUNT - 1, generator=torch.Generator().manual_seed(seed))[:19]]
            draw = every.at(torch.cat([torch.tensor([example]), some]))
            whole = torch.cat([z, draw.z[1:]])
            estimates.append(MinibatchStratified().conditional_log_density(whole, draw)[0].exp())
    values = torch.stack(estimates).double()
    assert abs(float(values.mean() - expected)) < 4 * float(values.std()) / math.sqrt(len(values))


def test_a_bank_of_some_weighs_those_that_it_holds_of_a_group_for_all_of_it():
    one = model()
    every, bank = batches(one), Bank(size=30, refresh=0)
    bank.prepare(every)
    draw = every.at(torch.tensor([3, 10]))
    bank.observe(draw)
    with torch.no_grad():
        law = one.encode(every.data.tensor())
        found = bank.conditional_log_density(draw.z, draw)
        for row, example in enumerate((3, 10)):
            same = KINDS[example] == KINDS
            held = [n for n in bank.examples(draw).tolist() if same[n] and n != example]
            pairs = law.log_prob(draw.z[row].expand(COUNT, -1)).double().exp()
            size = int(same.sum())
            expected = pairs[example] / size + (size - 1) / size * pairs[held].mean()
            assert found[row] == pytest.approx(float(expected.log()), abs=1e-5)


def test_an_example_alone_of_its_group_in_a_batch_is_taken_to_tell_nothing_of_it():
    every = batches(model())
    draw = every.at(torch.tensor([0, 3, 1]))
    memory = MinibatchStratified()
    conditional, joint = memory.conditional_log_density(draw.z, draw), memory.log_density(draw.z, draw)
    assert conditional[2] == joint[2] and conditional[0] != joint[0]
    alone = every.at(torch.tensor([59, 0]))  # and one of a group of one is all that there is
    found = memory.conditional_log_density(alone.z, alone)
    assert found[0] == pytest.approx(float(alone.posterior.log_prob(alone.z)[0]), abs=1e-5)


def test_weighted_minibatches_weigh_by_the_group():
    every = batches(model())
    draw = every.at(torch.tensor([0, 3, 1, 4]))
    found = MinibatchWeighted().conditional_log_density(draw.z, draw)
    pairs = draw.posterior.log_prob(draw.z[0].expand(4, -1))[:2]
    assert found[0] == pytest.approx(float(pairs.logsumexp(0)) - math.log(20 * 2), abs=1e-5)


@pytest.mark.parametrize("memory", [Full, Bank])
@pytest.mark.parametrize("seed", range(2))
def test_the_links_of_a_world_are_read_from_training_draws(memory, seed):
    world = ConditionalLinearGaussian.random(seed, separation=1.5, mutual_information=1.0)
    data = tw.load_data(world.data(3000), test=0.0).with_side({"kind": world.side(3000)})
    every, held = DataPass(world, data, batch_size=3000), memory()
    held.prepare(every)
    truth, draw = world.truth(), next(iter(every()))
    values = {}
    for ends, name in ((("posterior", "conditional"), "index_code_mi_given_side"),
                       (("conditional", "aggregate"), "side_information"),
                       (("conditional", "marginals"), "side_and_total_correlation"),
                       (("conditional", "prior"), "marginal_kl_given_side")):  # fmt: skip
        link = Link(*ends, MonteCarlo(held))
        assert link.name == name
        values[name] = link(draw)
    truth["side_and_total_correlation"] = truth["side_information"] + truth["total_correlation"]
    truth["marginal_kl_given_side"] = truth["side_information"] + truth["marginal_kl"]
    for name, of in values.items():
        stderr = float(of.std()) / math.sqrt(3000)
        assert abs(float(of.mean()) - truth[name]) < 4 * stderr + 0.02, name  # of 3000 points


def test_the_mmd_of_two_groups_is_that_between_them():
    torch.manual_seed(0)
    z = torch.cat([torch.randn(40, 2), torch.randn(20, 2) + 1])
    groups, kernel = torch.tensor([0] * 40 + [1] * 20), RBF(1.0)
    found = mmd2_of_groups(z, groups, torch.tensor([400, 600]), kernel)
    assert float(found) == pytest.approx(0.4 * 0.6 * float(mmd2(z[:40], z[40:], kernel)), abs=1e-6)


def test_the_mmd_of_groups_is_unbiased_and_nothing_where_they_are_alike():
    kernel, sizes = RBF(1.0), torch.tensor([30, 50, 20])
    values = []
    for seed in range(400):
        torch.manual_seed(seed)
        groups = torch.multinomial(sizes / 100.0, 30, replacement=True)
        values.append(mmd2_of_groups(torch.randn(30, 2), groups, sizes, kernel))
    values = torch.stack(values)
    assert abs(float(values.mean())) < 4 * float(values.std()) / 20
    assert float(mmd2_of_groups(torch.randn(3, 2), torch.tensor([0, 1, 2]), sizes, kernel)) == 0.0


def test_the_kernel_s_link_is_that_of_the_draw_s_groups():
    draw = batches(model()).at(torch.arange(30))
    link = Link("conditional", "aggregate", Kernel(IMQ()))
    expected = mmd2_of_groups(draw.z, KINDS[:30], KINDS.bincount(), IMQ())
    assert link.name == "side_information_mmd2" and torch.equal(link(draw), expected)


@pytest.mark.parametrize("bandwidth", [None, 0.4])
def test_the_mean_of_an_rbf_over_normal_posteriors_is_that_of_many_codes(bandwidth):
    kernel, draw = RBF(bandwidth), batches(model()).at(torch.arange(30))
    exact = Link("conditional", "aggregate", Kernel(kernel))(draw)
    sizes = KINDS.bincount()
    drawn = torch.stack([mmd2_of_groups(draw.again().z, KINDS[:30], sizes, kernel) for _ in range(2000)])
    assert abs(float(drawn.mean() - exact)) < 4 * float(drawn.std()) / math.sqrt(2000)
    assert torch.equal(exact, Link("conditional", "aggregate", Kernel(kernel))(draw.again()))  # whatever was drawn


def test_an_rbf_between_normals_is_its_integral():
    mean, scale = torch.tensor([[0.3], [-1.1]]), torch.tensor([[0.5], [1.7]])
    found = RBF(0.8).between_normals(mean, scale)
    z = torch.linspace(-12, 12, 2401, dtype=torch.float64)
    densities = torch.distributions.Normal(mean.double(), scale.double()).log_prob(z).exp() * (z[1] - z[0])  # (2, Z)
    pairs = (-(z.unsqueeze(1) - z).square() / (2 * 0.64)).exp()
    torch.testing.assert_close(found.double(), densities @ pairs @ densities.T, atol=1e-6, rtol=1e-6)


def test_a_batch_of_many_numbers_is_compared_at_its_codes(monkeypatch):
    monkeypatch.setattr("termwise.terms.kernel.MOST_IN_CLOSED_FORM", 30 * 30 * 2 - 1)
    draw = batches(model()).at(torch.arange(30))
    expected = mmd2_of_groups(draw.z, KINDS[:30], KINDS.bincount(), RBF(1.0))
    assert torch.equal(Link("conditional", "aggregate", Kernel(RBF(1.0)))(draw), expected)


def test_where_nothing_stands_beside_x_there_is_no_such_law():
    draw = batches(model(), side=None).at(torch.arange(6))
    for link in (
        Link("conditional", "aggregate", MonteCarlo(MinibatchStratified())),
        Link("conditional", "aggregate", Kernel()),
    ):
        with pytest.raises(Refused, match="nothing does"):
            link.check(draw)
        with pytest.raises(Refused, match="nothing does"):
            link(draw)


@pytest.mark.parametrize("ends", [("conditional", "prior"), ("posterior", "conditional")])
def test_a_critic_that_does_not_see_it_is_refused(ends):
    with pytest.raises(Refused, match="no samples of one group alone"):
        Link(*ends, DensityRatio())
