"""What stands beside a discrete x and is a function of it: every estimator against integrals on a grid."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.models.data_pass import DataPass
from termwise.terms import RBF, Bank, Full, Kernel, Link, MinibatchStratified, MonteCarlo, SideClassifier
from termwise.worlds import DiscreteWorld, Grid

STATE = torch.arange(6)
KIND, HALF = STATE % 3, STATE // 3
COUNT = 1500


def world():
    """Six states of unequal weights; the first number of the code tells of the kind, the second of the half."""
    means = torch.stack([1.2 * (KIND - 1.0), 1.5 * (HALF - 0.5)], 1).double()

    def encode(x):
        mean = means[x[:, 0].long()]
        return Independent(Normal(mean, torch.full_like(mean, 0.6)), 1)

    weights = torch.tensor([0.3, 0.1, 0.15, 0.15, 0.1, 0.2])
    return DiscreteWorld(
        STATE.unsqueeze(1).float(), encode, lambda z: Independent(Normal(z[:, :1], 1.0), 1), weights, grid=Grid()
    )


def drawn(count=COUNT, seed=0):
    """Examples, and their states."""
    x = world().data(count, seed)
    return x, x[:, 0].long()


def passes(groups, count=COUNT, seed=0):
    x, state = drawn(count, seed)
    data = tw.load_data(x, test=0.0).with_side({"kind": groups[state]})
    return DataPass(world(), data, batch_size=count, dtype=torch.float64)


def near(values, truth, errors=4.0):
    """Whether a mean is a truth, within standard errors."""
    return abs(float(values.mean()) - truth) < errors * float(values.std()) / math.sqrt(len(values))


@pytest.mark.parametrize("groups", [KIND, HALF, STATE, (STATE == 0).long()], ids=["kind", "half", "all", "first"])
def test_the_truth_is_the_average_over_codes(groups):
    one, count = world(), 50_000
    x, state = drawn(count)
    z = one.infer(x)[0].sample()
    laws = one.infer(one.examples)[0].log_prob(z.unsqueeze(1)) + one.weights.log()  # (count, states)
    same = groups[state].unsqueeze(1) == groups
    shares = torch.zeros(6).double().index_add(0, groups, one.weights)[groups[state]]
    log_given = laws.masked_fill(~same, -math.inf).logsumexp(1) - shares.log()
    truth = one.truth_beside(groups)
    assert near(log_given - laws.logsumexp(1), truth["side_information"])
    assert near(-shares.log(), truth["side_entropy"])
    whole = float(one.weights @ one.grid.mean(one.log_posterior - one.log_aggregate, one.log_posterior))
    assert truth["index_code_mi_given_side"] + truth["side_information"] == pytest.approx(whole, abs=1e-12)
    if groups is STATE:
        assert truth["side_information"] == pytest.approx(whole, abs=1e-9)


def test_the_dimensions_that_tell_are_those_that_the_world_has():
    kind, half = (world().truth_beside_by_dimension(groups) for groups in (KIND, HALF))
    assert kind[0] > 0.4 > 0.05 > kind[1] and half[1] > 0.3 > 0.05 > half[0]  # weights are unequal: a little of each


@pytest.mark.parametrize("seed", range(2))
def test_the_instrument_reads_it_alone_jointly_and_by_dimension(seed):
    one, (x, state) = world(), drawn(seed=seed)
    side = {"kind": KIND[state], "half": HALF[state]}
    account = tw.measure(one, tw.load_data(x, test=0.0), side=side, seed=seed)
    truths = {"kind": one.truth_beside(KIND), "half": one.truth_beside(HALF), "": one.truth_beside(STATE)}
    for name in ("side_information", "index_code_mi_given_side", "side_entropy"):
        reading = account[name]
        assert abs(reading.value - truths[""][name]) < 4 * reading.stderr + 1e-9, name
    by_variable = account.by_dimension["side_information_by_variable"]
    for place, name in enumerate(("kind", "half")):
        truth = truths[name]["side_information"]
        assert abs(by_variable.value[place] - truth) < 4 * by_variable.stderr[place]
        by_dimension = account.by_dimension[f"side_information_of_{name}_by_dimension"]
        truth_by_dimension = one.truth_beside_by_dimension(KIND if name == "kind" else HALF)
        for value, stderr, truth in zip(by_dimension.value, by_dimension.stderr, truth_by_dimension, strict=True):
            assert abs(value - truth) < 4 * stderr


@pytest.mark.parametrize("memory", [Full, Bank, lambda: Bank(size="all", refresh=0)], ids=["full", "bank", "all"])
@pytest.mark.parametrize("groups", [KIND, HALF], ids=["kind", "half"])
def test_a_training_s_links_read_it(memory, groups):
    every, held = passes(groups), memory()
    held.prepare(every)
    truth, draw = world().truth_beside(groups), next(iter(every()))
    for ends in (("posterior", "conditional"), ("conditional", "aggregate")):
        link = Link(*ends, MonteCarlo(held))
        assert near(link(draw), truth[link.name]), link.name


def test_of_a_batch_it_is_near():
    every, memory = passes(KIND), MinibatchStratified()
    link = Link("conditional", "aggregate", MonteCarlo(memory))
    values = torch.cat([link(every.at(some)) for some in torch.randperm(COUNT).split(300)])
    assert abs(float(values.mean()) - world().truth_beside(KIND)["side_information"]) < 0.02 + 4 * float(
        values.std()
    ) / math.sqrt(COUNT)  # the logs of means of a hundred


@pytest.mark.parametrize("told", [True, False])
def test_a_kernel_s_is_nothing_where_groups_are_alike_and_only_there(told):
    every = passes(KIND if told else torch.arange(6) // 6)
    if not told:
        x, _ = drawn()
        coin = torch.rand(COUNT, generator=torch.Generator().manual_seed(1)) < 0.3
        every = DataPass(world(), tw.load_data(x, test=0.0).with_side({"coin": coin}), dtype=torch.float64)
    link = Link("conditional", "aggregate", Kernel(RBF(1.0)))
    values = torch.stack([link(every.at(some)) for some in torch.randperm(COUNT).split(60)])
    assert near(values, 0.0) is not told


@pytest.mark.parametrize("groups", [KIND, HALF], ids=["kind", "half"])
def test_a_classifier_comes_to_it_from_below(groups):
    every, estimator = passes(groups), SideClassifier(hidden=(16,))
    link = Link("conditional", "aggregate", estimator)
    (player,) = estimator.adversaries(link.name, link.left, link.right)
    fresh, truth, means = next(iter(passes(groups, 6000, seed=9)())), world().truth_beside(groups), []
    player.build(next(iter(every())))
    optimizer = torch.optim.Adam(player.network.double().parameters(), lr=0.02)
    for steps in (0, 20, 100):
        for _ in range(steps):
            optimizer.zero_grad()
            player.terms[0][1](next(iter(every()))).mean().backward()
            optimizer.step()
        values = link(fresh).detach()
        means.append(float(values.mean()))
        assert means[-1] < truth["side_information"] + 4 * float(values.std()) / math.sqrt(6000)
    assert means == sorted(means) and means[-1] > 0.9 * truth["side_information"]
