import itertools
import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from helpers.brute_force import mixture_log_prob
from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms import Bank, Full, MinibatchStratified, MinibatchWeighted


class Frozen:
    """A model whose posteriors are given by index: x is the index."""

    def __init__(self, count=300, dimension=3, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.mean = torch.randn(count, dimension, generator=generator)
        self.scale = (0.4 * torch.randn(count, dimension, generator=generator) - 1).exp()

    def infer(self, x):
        rows = x.long().flatten()
        return Independent(Normal(self.mean[rows], self.scale[rows]), 1), None

    def draw(self, index):
        return Draw(self, index.float().unsqueeze(1), index, len(self.mean))


class Whole:
    """All of a frozen model's draws, 64 at a time."""

    def __init__(self, model):
        self.model = model

    def __len__(self):
        return len(self.model.mean)

    def __call__(self):
        for index in torch.arange(len(self)).split(64):
            yield self.at(index)

    def at(self, index):
        return self.model.draw(index)


def uniform(model):
    return torch.tensor(-math.log(len(model.mean)))


def test_full_is_the_mixture_of_all_posteriors():
    model = Frozen()
    memory = Full()
    memory.prepare(Whole(model))
    draw = model.draw(torch.tensor([5, 17, 299]))
    joint, marginal = mixture_log_prob(draw.z, model.mean, model.scale, uniform(model))
    assert torch.allclose(memory.log_density(draw.z, draw).double(), joint, atol=1e-5)
    assert torch.allclose(memory.marginal_log_density(draw.z, draw).double(), marginal, atol=1e-5)


def test_full_reads_the_marginals_from_tables_while_the_posteriors_stand_still(monkeypatch):
    monkeypatch.setattr("termwise.terms.aggregate.convolution.CONVOLVED_FROM", 300)
    model = Frozen()
    memory = Full()
    memory.prepare(Whole(model))
    draw = model.draw(torch.arange(40))

    def read():
        exact = mixture_log_prob(draw.z, model.mean, model.scale, uniform(model))[1]
        assert torch.allclose(memory.marginal_log_density(draw.z, draw).double(), exact, atol=1e-5)
        return memory._marginals

    table = read()
    assert table is not None and read() is table
    model.mean = model.mean + 1
    memory.refresh()
    assert read() is not table
    model.mean = model.mean - 2
    memory.observe(draw)
    assert read() is None  # they move with every step: a table would not pay


@pytest.mark.parametrize("lattice", [False, True])
def test_a_whole_bank_on_frozen_posteriors_is_the_full_aggregate(lattice, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2 if lattice else 10**9)
    model = Frozen()
    bank, full = Bank(), Full()
    for memory in (bank, full):
        memory.prepare(Whole(model))
    for index in torch.randperm(300, generator=torch.Generator().manual_seed(0)).split(50):
        draw = model.draw(index)
        bank.observe(draw)
        for of in ("log_density", "marginal_log_density"):
            ours, exact = getattr(bank, of)(draw.z, draw), getattr(full, of)(draw.z, draw)
            assert torch.allclose(ours, exact, atol=1e-3 if lattice else 1e-5)


@pytest.mark.parametrize("lattice", [False, True])
def test_a_bank_forgets_a_posterior_when_its_example_is_visited_again(lattice, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2 if lattice else 10**9)
    model = Frozen()
    bank = Bank(anchors=0, refresh=0)
    bank.prepare(Whole(model))
    index = torch.arange(0, 300, 3)
    before = model.mean.clone()
    model.mean = model.mean + 2.0  # the encoder has moved; a third of the examples are visited since
    draw = model.draw(index)
    bank.observe(draw)
    held = before.clone()
    held[index] = model.mean[index]
    joint, marginal = mixture_log_prob(draw.z, held, model.scale, uniform(model))
    assert torch.allclose(bank.log_density(draw.z, draw).double(), joint, atol=1e-5)
    assert torch.allclose(bank.marginal_log_density(draw.z, draw).double(), marginal, atol=1e-3 if lattice else 1e-5)


@pytest.mark.parametrize("lattice", [False, True])
def test_the_examples_written_longest_ago_are_encoded_once_more(lattice, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2 if lattice else 10**9)
    model = Frozen()
    bank, full = Bank(refresh=2.0, anchors=0), Full()
    bank.prepare(Whole(model))
    model.mean = model.mean + 2.0  # the encoder has moved
    for _ in range(3):
        draw = model.draw(torch.arange(50))
        bank.observe(draw)
    full.prepare(Whole(model))  # 50 visited, 100 and 100 and then 50 of the stalest: all 300
    assert torch.allclose(bank.log_density(draw.z, draw), full.log_density(draw.z, draw), atol=1e-5)
    ours, exact = (memory.marginal_log_density(draw.z, draw) for memory in (bank, full))
    assert (ours - exact).abs().mean() < (1e-3 if lattice else 1e-5)


def test_a_bank_that_holds_everything_says_so_and_a_smaller_one_owns_to_jensen():
    model = Frozen()
    default, small = Bank(), Bank(size=80)
    for bank in (default, small):
        bank.prepare(Whole(model))
    assert default.label == "bank of all posteriors" and "Jensen" not in default.bias("index_code_mi")
    assert small.label == "bank of 80 posteriors" and "Jensen" in small.bias("index_code_mi")


def test_a_snapshot_stands_apart():
    model = Frozen()
    bank = Bank()
    bank.prepare(Whole(model))
    draw = model.draw(torch.arange(50))
    before = bank.log_density(draw.z, draw)
    snapshot = bank.snapshot()
    model.mean = model.mean + 2.0
    snapshot.observe(model.draw(torch.arange(50)))
    assert torch.equal(bank.log_density(draw.z, draw), before)
    assert not torch.equal(snapshot.log_density(draw.z, draw), before)


@pytest.mark.parametrize("lattice", [False, True])
def test_a_smaller_bank_holds_the_last_visited_and_weighs_them_for_all(lattice, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2 if lattice else 10**9)
    model = Frozen()
    bank = Bank(size=80, refresh=0)
    bank.prepare(Whole(model))
    visited = [torch.arange(200, 240), torch.arange(10, 50), torch.arange(20, 60)]
    for index in visited:
        draw = model.draw(index)
        bank.observe(draw)
    held = torch.tensor([*range(10, 60), *range(200, 240)])[-80:]  # 50 + 40 visited: the oldest of 200..239 are gone
    kept = set(bank.state_dict()["example"].tolist())
    assert set(range(10, 60)) <= kept and len(kept) == 80 and len(kept & set(range(200, 240))) == 30
    held = bank.state_dict()["example"]
    own = torch.tensor([(held == i).nonzero().item() for i in index.tolist()])
    table = torch.full((40, 80), 299 / (300 * 79)).double()
    table[torch.arange(40), own] = 1 / 300
    joint, marginal = mixture_log_prob(draw.z, model.mean[held], model.scale[held], table.log())
    assert torch.allclose(bank.log_density(draw.z, draw).double(), joint, atol=1e-5)
    assert torch.allclose(bank.marginal_log_density(draw.z, draw).double(), marginal, atol=2e-3 if lattice else 1e-5)


@pytest.mark.parametrize("size", [None, 80])
def test_a_restored_bank_goes_on_bit_for_bit(size, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2)
    model = Frozen()
    bank = Bank(size)
    bank.prepare(Whole(model))
    generator = torch.Generator().manual_seed(3)
    for _ in range(10):
        model.mean = model.mean + 0.5 * torch.randn(300, 3, generator=generator)
        bank.observe(model.draw(torch.randperm(300, generator=generator)[:32]))
    restored = Bank(size)
    restored.load_state_dict(bank.state_dict())
    restored.attach(Whole(model))
    for _ in range(3):
        draw = model.draw(torch.randperm(300, generator=generator)[:32])
        for held in (bank, restored):
            held.observe(draw)
        assert torch.equal(bank.log_density(draw.z, draw), restored.log_density(draw.z, draw))
        assert torch.equal(bank.marginal_log_density(draw.z, draw), restored.marginal_log_density(draw.z, draw))


class Counted(Whole):
    """The same, with x that is another at every visit, by a number that changes nothing, and a count of the visits."""

    def __init__(self, model):
        super().__init__(model)
        self.visits = 0

    def at(self, index):
        self.visits += 1
        self.asked = len(index)
        return self.model.draw(index + 0.9 * torch.rand(len(index)))


def move(model, generator, by=0.03):
    """One step of an encoder that turns, stretches and shifts the space of all codes."""
    dimension = model.mean.shape[1]
    turn = torch.eye(dimension) + by * torch.randn(dimension, dimension, generator=generator)
    model.mean = model.mean @ turn + by * torch.randn(dimension, generator=generator)


@pytest.mark.parametrize("size", [None, 200])
@pytest.mark.parametrize("lattice", [False, True])
def test_a_bank_follows_an_encoder_that_moves_all_codes_alike(lattice, size, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2 if lattice else 10**9)
    monkeypatch.setattr("termwise.terms.aggregate.drift.PERIOD", 8)
    monkeypatch.setattr("termwise.terms.aggregate.drift.EVERY", 1)
    model, generator = Frozen(), torch.Generator().manual_seed(1)
    banks = [Bank(size, refresh=0), Bank(size, refresh=0), Bank(size, refresh=0, anchors=0)]
    for bank in banks:
        bank.prepare(Whole(model))
    for step in range(20):
        move(model, generator)
        index = torch.randperm(300, generator=generator)[:10]
        for bank in banks:
            bank.observe(model.draw(index))
        if step == 11:  # in the middle of a period
            state = banks[1].state_dict()
            banks[1] = Bank(size, refresh=0)
            banks[1].load_state_dict(state)
            banks[1].attach(Whole(model))
    draw = model.draw(index)
    held = banks[0].state_dict()["example"]
    own = torch.tensor([(held == i).nonzero().item() for i in index.tolist()])
    table = torch.full((10, len(held)), -math.log(300)).double()
    if size:
        table = torch.full((10, size), math.log(299 / (300 * (size - 1)))).double()
        table[torch.arange(10), own] = -math.log(300)
    joint, marginal = mixture_log_prob(draw.z, model.mean[held], model.scale[held], table)
    errors = [(bank.log_density(draw.z, draw).double() - joint).abs().mean() for bank in banks]
    assert errors[0] < 0.03  # the ridge keeps a hundredth of each motion
    assert errors[2] > 10 * errors[0]
    by_dimension = [(bank.marginal_log_density(draw.z, draw).double() - marginal).abs().mean() for bank in banks]
    assert by_dimension[0] < 0.05 < by_dimension[2]  # of 300, a turn shows in more than the spread
    for of in ("log_density", "marginal_log_density"):
        assert torch.equal(*(getattr(bank, of)(draw.z, draw) for bank in banks[:2]))


def test_the_examples_that_are_followed_keep_their_x_in_a_resumed_training_too():
    model = Frozen()
    bank, batches = Bank(), Counted(model)
    before = torch.random.get_rng_state()
    bank.prepare(batches)
    first = bank._followed()
    resumed = Bank()
    resumed.load_state_dict(bank.state_dict())
    resumed.attach(Counted(model))
    torch.rand(3)
    assert torch.equal(resumed._followed().x, first.x) and bool((first.x != first.x.round()).any())
    assert bank._followed() is first
    assert len(first) == 128 and not torch.equal(before, torch.random.get_rng_state())


def test_normals_are_followed_and_others_are_encoded_once_more():
    model = Frozen()
    for bank, more in ((Bank(), 0), (Bank(anchors=0), 3), (Bank(refresh=1.0), 3), (Bank(refresh=0.0, anchors=0), 0)):
        batches = Counted(model)
        bank.prepare(batches)
        before = batches.visits
        for _ in range(3):
            bank.observe(model.draw(torch.arange(40)))
        assert batches.visits - before == more
    model.infer = lambda x: (MultivariateNormal(model.mean[x.long().flatten()], torch.eye(3)), None)
    bank, batches = Bank(), Counted(model)
    bank.prepare(batches)
    before = batches.visits
    bank.observe(model.draw(torch.arange(40)))
    assert batches.visits - before == 1


def test_as_many_are_encoded_once_more_as_what_a_map_leaves_is_worth(monkeypatch):
    """Every example goes its own way by r: of a standard deviation s that is r^2 / (2 s^2) nats by each dimension."""
    monkeypatch.setattr("termwise.terms.aggregate.drift.KEPT", 0.0)
    model = Frozen()
    model.scale = torch.full_like(model.scale, 0.5)
    bank, batches = Bank(), Counted(model)
    bank.prepare(batches)
    before = batches.visits
    bank.observe(model.draw(torch.arange(40)))
    assert batches.visits == before  # nothing has moved
    generator = torch.Generator().manual_seed(1)
    model.mean = model.mean + 0.5 * torch.randn(300, 3, generator=generator)
    bank.observe(model.draw(torch.arange(40, 140)))
    nats = 3 * 0.5  # less what the map takes, and the noise of a hundred examples: sqrt(3 / 2 / 100) = 0.12
    assert abs(bank._slots.drift.left - nats) < 4 * 0.12
    assert batches.asked == round((bank._slots.drift.left / 3) ** 2 * 100)
    model.mean = model.mean + 50 * torch.randn(300, 3, generator=generator)
    bank.observe(model.draw(torch.arange(40)))
    assert batches.asked == 5 * 40  # at the most


def test_the_followed_are_looked_at_every_few_steps():
    model, looks = Frozen(), []
    bank = Bank()
    bank.prepare(Whole(model))
    follow = bank._slots.follow
    bank._slots.follow = lambda anchors: looks.append(bank._slots.drift.steps) or follow(anchors)
    for _ in range(9):
        bank.observe(model.draw(torch.arange(40)))
    assert looks == [0, 4, 8]


@pytest.mark.parametrize("age", ["one extent", "one for each block"])
def test_banks_that_were_saved_before_they_moved_can_be_taken_over(age, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2)
    model, generator = Frozen(), torch.Generator().manual_seed(1)
    bank = Bank()
    bank.prepare(Whole(model))
    state = bank.state_dict()
    (lattice,) = state.pop("lattices")
    del state["drift"]
    old = {**state, "extents": [lattice["extent"]]}
    if age == "one extent":
        old = {**state, **state["components"], "extent": lattice["extent"]}
        del old["components"]
    restored = Bank()
    restored.load_state_dict(old)
    restored.attach(Whole(model))
    for _ in range(3):
        draw = model.draw(torch.arange(30))
        for one in (bank, restored):
            one.observe(draw)
        assert torch.equal(bank.log_density(draw.z, draw), restored.log_density(draw.z, draw))
        assert torch.equal(bank.marginal_log_density(draw.z, draw), restored.marginal_log_density(draw.z, draw))
        move(model, generator)


def test_stratified_weights_make_q_unbiased_over_every_batch_that_could_be_drawn():
    model = Frozen(count=7)
    own = 2
    z = model.draw(torch.tensor([own])).z
    joint, marginal = mixture_log_prob(z, model.mean, model.scale, uniform(model))
    densities = []
    for others in itertools.combinations([i for i in range(7) if i != own], 3):
        draw = model.draw(torch.tensor([own, *others]))
        memory = MinibatchStratified()
        codes = z.expand(4, -1)
        densities.append((memory.log_density(codes, draw)[0].exp(), memory.marginal_log_density(codes, draw)[0].exp()))
    assert torch.stack([d for d, _ in densities]).mean() == pytest.approx(float(joint.exp()), rel=1e-5)
    assert torch.allclose(torch.stack([m for _, m in densities]).mean(0).double(), marginal[0].exp(), rtol=1e-5)


def test_weighted_is_the_log_mean_over_the_batch_less_log_n():
    model = Frozen(count=1000)
    draw = model.draw(torch.arange(40))
    memory = MinibatchWeighted()
    joint, marginal = mixture_log_prob(draw.z, model.mean[:40], model.scale[:40], torch.tensor(-math.log(1000 * 40)))
    assert torch.allclose(memory.log_density(draw.z, draw).double(), joint, atol=1e-5)
    assert torch.allclose(memory.marginal_log_density(draw.z, draw).double(), marginal, atol=1e-5)


@pytest.mark.parametrize("lattice", [False, True])
def test_the_bank_s_gradient_is_that_of_the_full_aggregate_with_components_detached(lattice, monkeypatch):
    monkeypatch.setattr(Bank, "LATTICE_FROM", 2 if lattice else 10**9)
    model = Frozen()
    bank = Bank()
    bank.prepare(Whole(model))
    draw = model.draw(torch.arange(100))
    bank.observe(draw)
    z, exact = draw.z.clone().requires_grad_(), draw.z.double().requires_grad_()
    truth = mixture_log_prob(exact, model.mean, model.scale, uniform(model))
    for of, wanted in (("log_density", truth[0]), ("marginal_log_density", truth[1])):
        (got,) = torch.autograd.grad(getattr(bank, of)(z, draw).sum(), z)
        (should,) = torch.autograd.grad(wanted.sum(), exact, retain_graph=True)
        assert (got - should).norm() < (3e-3 if lattice else 1e-4) * should.norm()


def test_what_cannot_be_is_refused():
    model = Frozen()
    draw = model.draw(torch.arange(10))
    with pytest.raises(Refused, match="prepare"):
        Bank().log_density(draw.z, draw)
    with pytest.raises(Refused, match="two posteriors or more"):
        Bank(size=1)
    unplaced = Draw(model, draw.x)
    with pytest.raises(Refused, match="dataset_size"):
        MinibatchStratified().log_density(draw.z, unplaced)
    bank = Bank(size=20)
    bank.prepare(Whole(model))
    with pytest.raises(Refused, match="smaller than a batch"):
        bank.observe(model.draw(torch.arange(40)))
