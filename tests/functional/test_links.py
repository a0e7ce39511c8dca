"""Terms as functions are those that training minimises, and have the values of worlds whose terms are known."""

import math
import re

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

import termwise as tw
from termwise import functional
from termwise.errors import Refused
from termwise.functional import SteppedBank
from termwise.models.data_pass import DataPass
from termwise.models.law_rows import rows
from termwise.objectives import recipe
from termwise.terms import ClosedForm, Full, Link, MinibatchStratified, MonteCarlo
from termwise.worlds import LinearGaussian

COUNT = 2000
NAMES = {
    "index_code_mi": ("posterior", "aggregate"),
    "marginal_kl": ("aggregate", "prior"),
    "total_correlation": ("aggregate", "marginals"),
    "dimension_wise_kl": ("marginals", "prior"),
}


@pytest.fixture(scope="module")
def world():
    """A world, its truth, posteriors of some of its examples, and a code of each."""
    found = LinearGaussian.random(seed=0, latent=3, mutual_information=2.0)
    posterior, _ = found.infer(found.data(COUNT).double())
    torch.manual_seed(0)
    return found.truth(), posterior, posterior.rsample()


def stepped(posterior, size=COUNT, batch=400):
    bank = SteppedBank(dataset_size=COUNT, size=size)
    for index in torch.arange(COUNT).split(batch):
        bank.step(rows(posterior, index), index)
    return bank


@pytest.mark.parametrize("name", NAMES)
def test_a_bank_that_has_seen_all_reads_what_is_true(world, name):
    truth, posterior, z = world
    bank, index = stepped(posterior), torch.arange(400)
    values = getattr(functional, name)(rows(posterior, index), z[index], aggregate=bank, index=index, reduction="none")
    stderr = float(values.std()) / 400**0.5
    assert abs(float(values.mean()) - truth[name]) < 4 * stderr + 0.02  # 0.02: of 2,000 points
    assert bank.bias(name) == "staleness of the bank only"


def test_the_links_are_the_terms_of_training():
    torch.manual_seed(0)
    mean = torch.randn(50, 4, requires_grad=True)
    log_variance = torch.randn(50, 4)
    code = mean + (0.5 * log_variance).exp() * torch.randn(50, 4)
    law = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    draw = functional.given_draw.GivenDraw(law, code, dataset_size=1000)
    memory = MinibatchStratified()
    for name, ends in NAMES.items():
        term = Link(*ends, MonteCarlo(memory))(draw)
        found = getattr(functional, name)((mean, log_variance), code, dataset_size=1000)
        expected = term.sum(1).mean() if term.dim() == 2 else term.mean()
        assert torch.allclose(found, expected, atol=1e-5)
        one, other = (torch.autograd.grad(value, mean, retain_graph=True)[0] for value in (found, expected))
        assert torch.allclose(one, other, atol=1e-6) and bool(one.abs().sum() > 0)
    rate = functional.rate((mean, log_variance))
    assert torch.allclose(rate, Link("posterior", "prior", ClosedForm())(draw).sum(1).mean())
    whole = sum(getattr(functional, name)((mean, log_variance), code, dataset_size=1000) for name in NAMES)
    sampled = (law.log_prob(code) + 0.5 * code.square().sum(1) + 2 * math.log(2 * math.pi)).mean()
    tc_and_dw = functional.marginal_kl((mean, log_variance), code, dataset_size=1000)
    assert torch.allclose(whole, sampled + tc_and_dw, atol=1e-4)  # the walk, and its second half again


def test_a_bank_of_few_is_a_minibatch_of_those_and_keeps_the_newest(world):
    _, posterior, z = world
    index = torch.arange(100)
    bank = SteppedBank(dataset_size=COUNT, size=100)
    bank.step(rows(posterior, index), index)
    alone = functional.index_code_mi(rows(posterior, index), z[index], aggregate=bank, index=index)
    batch = functional.index_code_mi(rows(posterior, index), z[index], dataset_size=COUNT)
    assert torch.allclose(alone, batch, atol=1e-9)
    later = torch.arange(60, 140)
    bank.step(rows(posterior, later), later)
    assert set(bank.examples(None).tolist()) >= set(later.tolist()) and len(bank) == 100
    moved = rows(posterior, later)
    moved = Independent(Normal(moved.mean + 1, moved.stddev), 1)
    bank.step(moved, later)
    components, _ = bank.components(functional.given_draw.GivenDraw(moved, index=later))
    place = [bank.examples(None).tolist().index(one) for one in later.tolist()]
    assert torch.equal(components.at(torch.tensor(place)).mean, moved.mean)


def test_a_bank_goes_on_from_its_state(world):
    _, posterior, z = world
    bank, index = stepped(posterior, size=500), torch.arange(1900, 2000)
    again = SteppedBank(dataset_size=COUNT, size=500)
    again.load_state_dict(bank.state_dict())
    for one in (bank, again):
        one.step(rows(posterior, torch.arange(50)), torch.arange(50))
    values = [
        functional.total_correlation(rows(posterior, index), z[index], aggregate=one, index=index)
        for one in (bank, again)
    ]
    assert torch.equal(*values)
    with pytest.raises(Refused, match="Make it with the same dataset_size and size"):
        SteppedBank(dataset_size=COUNT, size=100).load_state_dict(bank.state_dict())


def test_what_codes_tell_of_side_is_what_the_account_reads():
    from helpers.side_worlds import linear_gaussian

    model, data, _ = linear_gaussian(400)
    every = DataPass(model, data, 400)
    draw = next(iter(every()))
    memory = Full()
    memory.prepare(every)
    side, index = data.side.values[:, 0].long() + 7, torch.arange(400)  # any numbers
    bank = SteppedBank(dataset_size=400)
    bank.step(draw.posterior, index)
    for name, ends in (("side_information", ("conditional", "aggregate")),
                       ("index_code_mi_given_side", ("posterior", "conditional"))):  # fmt: skip
        found = getattr(functional, name)(draw.posterior, draw.z, side, index, aggregate=bank)
        assert torch.allclose(found, Link(*ends, MonteCarlo(memory))(draw).mean(), atol=1e-4)


def test_a_prior_may_be_another_for_every_example():
    torch.manual_seed(0)
    mean, log_variance, at = torch.randn(40, 2), torch.randn(40, 2), torch.randn(4, 2)
    side, index = torch.arange(40) % 4, torch.arange(40)
    z = mean + (0.5 * log_variance).exp() * torch.randn(40, 2)
    prior = Normal(at[side], 0.7)  # p(z|s)
    law = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    rate = functional.rate((mean, log_variance), prior=prior, reduction="none")
    assert torch.allclose(rate, kl_divergence(law, Independent(prior, 1)), atol=1e-5)
    parts = [
        functional.index_code_mi_given_side(law, z, side, index, reduction="none"),
        functional.marginal_kl_given_side(law, z, side, index, prior, reduction="none"),
    ]
    sampled = law.log_prob(z) - Independent(prior, 1).log_prob(z)
    assert torch.allclose(sum(parts), sampled, atol=1e-4)
    with pytest.raises(Refused, match=r"Take marginal_kl_given_side"):
        functional.marginal_kl(law, z, prior, dataset_size=40)
    near, far = (functional.marginal_mmd2(torch.randn(40, 2) + at[side] + off, prior, "rbf") for off in (0.0, 5.0))
    assert near < 0.2 < far


def test_group_links_sum_to_the_total_correlation(world):
    _, posterior, z = world
    law, code, groups = rows(posterior, slice(200)), z[:200], [[0, 2], [1]]
    between = functional.group_correlation(law, code, groups, dataset_size=COUNT)
    within = functional.within_group_correlation(law, code, groups, dataset_size=COUNT)
    assert torch.allclose(between + within, functional.total_correlation(law, code, dataset_size=COUNT), atol=1e-9)
    rest = functional.group_wise_kl(law, code, groups, dataset_size=COUNT)
    assert torch.allclose(between + rest, functional.marginal_kl(law, code, dataset_size=COUNT), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [("vae", {}), ("beta-vae", {"beta": 4.0}), ("beta-tcvae", {}), ("free-bits", {}), ("wae-mmd", {}),
     ("dip-vae-i", {}), ("hfvae", {"groups": 2}), ("hsic-vae", {}), ("capacity", {}), ("info-vae", {})],
)  # fmt: skip
def test_an_objective_is_the_one_that_a_model_minimises(name, options):
    torch.manual_seed(0)
    model = tw.VAE.build((6,), latent=4, options={"hidden": [8]}, likelihood="normal:0.5")
    x, index = torch.randn(30, 6), torch.arange(30)
    draw = model.draw(x, index, dataset_size=300)
    log_likelihood = draw.likelihood.log_prob(x)
    stratified = {"aggregate": "minibatch-stratified"} if name in ("beta-tcvae", "hfvae") else {}
    torch.manual_seed(1)
    expected = recipe(name, **options, **stratified).over(100).players[0].objective(draw, step=40)
    torch.manual_seed(1)
    found = functional.objective(
        name, draw.posterior, draw.z, log_likelihood, dataset_size=300, index=index, step=40, run=100, **options
    )
    assert found.names == expected.names
    assert torch.allclose(found.total, expected.total, rtol=1e-5)
    gradients = [
        torch.autograd.grad(one.total, list(model.parameters()), retain_graph=True) for one in (expected, found)
    ]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_is_refused_in_a_line():
    mean, z = torch.zeros(8, 2), torch.zeros(8, 2)
    with pytest.raises(Refused, match=r"make bank = SteppedBank\(dataset_size=N\)"):
        functional.total_correlation((mean, mean), z, dataset_size=80, aggregate="bank")
    with pytest.raises(Refused, match="dataset_size"):
        functional.total_correlation((mean, mean), z)
    with pytest.raises(Refused, match=r"Expected codes of 8 posteriors of 2 dimensions; got .*\(8, 3\)"):
        functional.total_correlation((mean, mean), torch.zeros(8, 3), dataset_size=80)
    bank = SteppedBank(dataset_size=80)
    with pytest.raises(Refused, match=r"call bank.step\(posterior, index\) first"):
        functional.total_correlation((mean, mean), z, aggregate=bank, index=torch.arange(8))
    with pytest.raises(Refused, match="comes twice"):
        bank.step((mean, mean), torch.zeros(8, dtype=torch.int64))
    with pytest.raises(Refused, match=r"a game of several \(critic of total correlation"):
        functional.objective("factor-vae", (mean, mean), z, torch.zeros(8))
    with pytest.raises(Refused, match="iwae_bound"):
        functional.objective("iwae", (mean, mean), z, torch.zeros(8))
    with pytest.raises(Refused, match=r"Sum the logarithms over pixels"):
        functional.elbo(torch.zeros(8, 28), (mean, mean))
    with pytest.raises(Refused, match="batch shape"):
        functional.rate(Independent(Normal(torch.zeros(2), 1.0), 1))
    with pytest.raises(Refused, match="reduction is"):
        functional.rate((mean, mean), reduction="avg")


def test_what_stands_beside_x_and_dependence_together_are_the_sum_of_two_links(world):
    _, posterior, z = world
    law, code, index = rows(posterior, slice(200)), z[:200], torch.arange(200)
    side, groups = torch.arange(COUNT) % 3, [[0, 2], [1]]
    known = functional.side_information(law, code, side, index)
    for name, more in (("total_correlation", ()), ("group_correlation", (groups,))):
        both = getattr(functional, f"side_and_{name}")(law, code, side, index, *more)
        assert torch.allclose(both, known + getattr(functional, name)(law, code, *more, dataset_size=COUNT), atol=1e-9)


@pytest.mark.parametrize("name", ["rate", "marginal_kl", "dimension_wise_kl", "marginal_kl_given_side"])
def test_an_end_may_be_left_without_gradient(name):
    torch.manual_seed(0)
    mean, at = torch.randn(30, 2, requires_grad=True), torch.zeros(2, requires_grad=True)
    z, index = mean + torch.randn(30, 2), torch.arange(30)
    options = {"dataset_size": 30} if name in ("marginal_kl", "dimension_wise_kl") else {}
    beside = (torch.arange(30) % 2, index) if name.endswith("side") else ()
    prior = Independent(Normal(at, 1.0), 1)
    values, found = {}, {}
    for end in (None, "from", "to"):
        value = getattr(functional, name)(
            (mean, torch.zeros(30, 2)), z, *beside, prior=prior, stop_gradient=end, **options
        )
        values[end], found[end] = (
            float(value.detach()),
            torch.autograd.grad(value, (mean, at), retain_graph=True, allow_unused=True),
        )
    assert values["from"] == values["to"] == pytest.approx(values[None])
    of_left, of_right = found["to"][0], found["from"][1]
    assert torch.allclose(of_left, found[None][0], atol=1e-6) and torch.allclose(of_right, found[None][1], atol=1e-6)
    for left_out in (found["from"][0], found["to"][1]):
        assert left_out is None or not bool(left_out.any())


SIGN = r"to be made (small|large)|a value, no gradient"
UNIT = r"in (nats|(the value's|its|kernel|squared kernel|the divergence's) units?|squared units|fourth powers)"
REDUCTION = r"the batch's mean|the mean|shape \(\)"


@pytest.mark.parametrize("name", sorted(set(functional.__all__) - {"SteppedBank"}))
def test_every_term_says_in_its_first_line_its_sign_its_unit_and_its_reduction(name):
    said = getattr(functional, name).__doc__
    first = said.splitlines()[0]
    for pattern in (SIGN, UNIT, REDUCTION):
        assert re.search(pattern, first), first
    assert ">>>" in said
