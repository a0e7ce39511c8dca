import math

import pytest
import torch

from helpers.brute_force import mixture_log_prob
from helpers.link_cases import (
    AGGREGATED,
    CASES,
    GROUPS,
    IMPOSSIBLE,
    WALK,
    WIDTH,
    NormalLaws,
    by_their_claims,
    link_between,
    within,
)
from termwise.data import load_data
from termwise.errors import Refused
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.registry import Row
from termwise.terms import Bank, Distortion, Full, Link, MonteCarlo
from termwise.terms.adversarial.adversary import Adversarial
from termwise.terms.estimators import ESTIMATORS
from termwise.terms.link import by_example
from termwise.worlds import LinearGaussian

COUNT, BATCH = 4000, 500


class Encoder:
    """A linear-Gaussian world as a model whose posterior is float32 and has a gradient."""

    def __init__(self, world, scale=None):
        self.world = world
        self.weight = world.encoder.float().requires_grad_()
        self.log_scale = (world.posterior_covariance.diagonal().log() / 2).float().requires_grad_()

    def infer(self, x):
        mean = x @ self.weight.T + self.world.offset.float()
        scale = self.log_scale.exp().expand_as(mean)
        return torch.distributions.Independent(torch.distributions.Normal(mean, scale), 1), None

    def prior_law(self):
        return self.world.prior_law()


class Collapsed(Encoder):
    """q(z|x) = p(z): all laws of the walk are equal."""

    def infer(self, x):
        zero = torch.zeros(len(x), 4)
        return torch.distributions.Independent(torch.distributions.Normal(zero, torch.ones_like(zero)), 1), None


def laws_of(model, data):
    """The laws of the walk, the aggregate's moments being those of these points."""
    if isinstance(model, Collapsed):
        zero, one = torch.zeros(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
        return NormalLaws(lambda x: x.new_zeros(len(x), 4), one, zero, one, collapsed=True)
    world, x = model.world, data.tensor().double()
    codes = x @ world.encoder.T + world.offset
    covariance = codes.T.cov(correction=0) + world.posterior_covariance
    mean = lambda some: some @ world.encoder.T + world.offset  # noqa: E731
    return NormalLaws(mean, world.posterior_covariance, codes.mean(0), covariance)


def prepared(case, model, data):
    link = link_between(case.ends, case.make(laws_of(model, data)))
    if link.memory is not None:
        link.memory.prepare(DataPass(model, data))
    if isinstance(link.estimator, Adversarial):
        for adversary in link.estimator.adversaries(link.name, link.left, link.right):
            adversary.build(draw_of(model, data, torch.arange(2)))
    return link


def draw_of(model, data, index):
    def independent():
        other = torch.randperm(len(data))[: len(index)]
        return Draw(model, data.tensor()[other], other, len(data))

    return Draw(model, data.tensor()[index], index, len(data), independent)


def batches(model, data, link):
    for index in torch.randperm(len(data)).split(BATCH):
        draw = draw_of(model, data, index)
        if link.memory is not None and not isinstance(link.memory, Full):
            link.memory.observe(draw)
        yield draw


def world_and_data(seed=0):
    world = LinearGaussian.random(seed, latent=4, mutual_information=1.0)
    return world, load_data(world.data(COUNT, seed=seed), test=0.0)


def heavy(case):
    """What is a sum over all pairs of codes and points: of the bank one link is no slow test, of all points four."""
    if case.label == "bank":
        return case.link != "total_correlation"
    return case.label == "full" and case.link in ("group_correlation", "within_group_correlation")


@pytest.mark.parametrize("case", [case for case in CASES if case.exact], ids=str)
def test_the_mean_is_the_closed_form_within_four_standard_errors(case):
    world, data = world_and_data()
    model = Encoder(world)
    link = prepared(case, model, data)
    with torch.no_grad():
        values = torch.cat([by_example(link(draw)) for draw in batches(model, data, link)]).double()
    stderr = float(values.std()) / math.sqrt(COUNT)
    finite_n = 0.01  # of 4000 points at an MI of 1 nat
    lattice = 1e-3 if case.label == "bank" else 0.0
    assert abs(float(values.mean()) - case.truth(world.truth(GROUPS))) < 4 * stderr + finite_n + lattice


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow if case.by_critic or heavy(case) else ())
        for case in CASES
        if case.vanishes
    ],
    ids=str,
)
def test_a_collapsed_posterior_reads_zero(case):
    world, data = world_and_data()
    model = Collapsed(world)
    link = prepared(case, model, data)
    with torch.no_grad():
        values = torch.stack([by_example(link(draw)).mean() for draw in batches(model, data, link)])
    if case.label == "minibatch-weighted":  # useless as a value, by exactly this much
        log_n = math.log(COUNT)
        off = {"index_code_mi": 1, "marginal_kl": -1, "total_correlation": 3, "dimension_wise_kl": -4}
        off |= {"group_correlation": 1, "within_group_correlation": 2, "group_wise_kl": -2}
        assert float(values.mean()) == pytest.approx(off[case.link] * log_n, abs=0.01)
    else:
        error = float(values.std()) / math.sqrt(len(values))
        assert abs(float(values.mean())) < 0.01 + 4 * error


def at_own_codes(case):
    """Whether the values are at the draw's own codes, one for one: not at samples that a critic takes of other laws."""
    if case.ends[0] == "groups" and case.estimator == "kernel":
        return False  # of the draw's own batch, permuted
    return not case.by_critic or case.ends[0] in ("posterior", "aggregate")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if case.by_critic else ()) for case in CASES if at_own_codes(case)],
    ids=str,
)
def test_the_order_of_a_batch_does_not_matter(case):
    world, data = world_and_data()
    model = Encoder(world)
    link = prepared(case, model, data)
    index = torch.arange(100)
    order = torch.randperm(100)
    with torch.no_grad():
        one, other = draw_of(model, data, index), draw_of(model, data, index[order])
        other.codes = one.codes[order]
        if link.memory is not None:
            link.memory.observe(one)
        torch.manual_seed(1)
        straight = by_example(link(one))
        torch.manual_seed(1)
        shuffled = by_example(link(other))
    if straight.dim() == 0:
        assert torch.allclose(straight, shuffled, atol=1e-4)
    else:
        assert torch.allclose(straight[order], shuffled, atol=2e-4)


def exact_log_ratio(case, draw, model, data, held, log_weights):
    """The link at the draw's codes in float64, components as constants."""
    z = draw.z.double()
    joint, marginal = mixture_log_prob(z, *held, log_weights)
    logs = {
        "posterior": draw.posterior.base_dist.log_prob(draw.z).double().sum(1),
        "aggregate": joint,
        "groups": sum(mixture_log_prob(z[:, g], *(of[:, g] for of in held), log_weights)[0] for g in GROUPS),
        "marginals": marginal.sum(1),
        "prior": -0.5 * z.square().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi),
    }
    return (logs[case.ends[0]] - logs[case.ends[1]]).mean()


FROM_DENSITIES = [c for c in CASES if c.label in ("monte-carlo", "full", "bank") and c.link in (*AGGREGATED, "rate")]


@pytest.mark.parametrize("case", FROM_DENSITIES, ids=str)
def test_the_gradient_is_that_of_the_written_formula_with_components_detached(case):
    world, data = world_and_data()
    model = Encoder(world)
    link = prepared(case, model, data)
    with torch.no_grad():
        everything = model.infer(data.tensor())[0].base_dist
    draw = draw_of(model, data, torch.arange(64))
    if isinstance(link.memory, Bank):
        link.memory.observe(draw)
    parameters = [model.weight, model.log_scale]
    ours = torch.autograd.grad(by_example(link(draw)).mean(), parameters, retain_graph=True, allow_unused=True)
    held = (everything.loc, everything.scale)
    formula = exact_log_ratio(case, draw, model, data, held, torch.tensor(-math.log(COUNT)))
    wanted = torch.autograd.grad(formula, parameters, allow_unused=True)
    for got, should in zip(ours, wanted, strict=True):
        assert (got - should).norm() < 2e-3 * should.norm() + 1e-5


def gradient_in_log_sigma(case, world, data):
    """Of the KL in the posterior's log standard deviations, in closed form; A is the aggregate's covariance."""
    spread = world.posterior_covariance.diagonal()
    a = laws_of(Encoder(world), data).covariance
    inverse = torch.linalg.inv(a).diagonal()
    grouped = torch.linalg.inv(a * within("groups", a)).diagonal()
    if case.estimator == "adaptive-contrast":
        return torch.full_like(spread, 1 / WIDTH**2 - 1)  # r stands still
    return {
        "rate": spread - 1,
        "index_code_mi": inverse * spread - 1,
        "marginal_kl": spread * (1 - inverse),
        "total_correlation": spread * (1 / a.diagonal() - inverse),
        "dimension_wise_kl": spread * (1 - 1 / a.diagonal()),
        "group_correlation": spread * (grouped - inverse),
        "within_group_correlation": spread * (1 / a.diagonal() - grouped),
        "group_wise_kl": spread * (1 - grouped),
        "reference_kl": 0 * spread,
        "reference_to_prior": spread - 1,
    }[case.link]


def standing(case):
    """Whether the link's first law is a reference, whose moments are constants, and codes of which have no gradient."""
    return case.link.startswith("reference_to") and case.label != "monte-carlo"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow if heavy(case) else ())
        for case in CASES
        if case.exact and not standing(case)
    ],
    ids=str,
)
def test_in_expectation_the_gradient_is_that_of_the_closed_form(case):
    """Through the codes alone, where components, references and critics are constants."""
    world, data = world_and_data()
    model = Encoder(world)
    link = prepared(case, model, data)
    gradients = []
    for _ in range(4):
        for draw in batches(model, data, link):
            (gradient,) = torch.autograd.grad(by_example(link(draw)).mean(), model.log_scale)
            gradients.append(gradient.double())
    found = torch.stack(gradients)
    stderr = found.std(0) / math.sqrt(len(found))
    assert (found.mean(0) - gradient_in_log_sigma(case, world, data)).abs().max() < float(4 * stderr.max()) + 0.01


@pytest.mark.parametrize("case", [case for case in CASES if case.by_critic], ids=str)
def test_a_critic_learns_by_samples_of_the_laws_that_its_link_names(case):
    """Where T = log left/right, E_left sigma(-T) = E_right sigma(T), bridge by bridge."""
    world, data = world_and_data()
    model = Encoder(world)
    link = prepared(case, model, data)
    with torch.no_grad():
        pairs = [link.estimator.contests(link.left, link.right, draw) for draw in batches(model, data, link)]
    left, right = (torch.cat(side).double().view(COUNT, -1) for side in zip(*pairs, strict=True))
    gap = torch.sigmoid(-left) - torch.sigmoid(right)
    assert bool((gap.mean(0).abs() < 4 * gap.std(0) / math.sqrt(COUNT) + 1e-6).all())
    if case.link != "reference_kl" or case.estimator == "adaptive-contrast":
        assert float(left.mean()) > 0 > float(right.mean())


def test_every_estimator_of_the_table_has_a_case_on_every_link_that_it_takes():
    for name in ESTIMATORS:
        taken = {link for link in WALK if is_taken(name, link)}
        assert taken or name == "classifier", name  # which is of the conditional law alone
        assert taken == {case.link for case in CASES if case.estimator == name}, name


def is_taken(name, link):
    try:
        link_between(WALK[link], ESTIMATORS.build(name))
    except Refused:
        return False
    return True


@pytest.mark.parametrize(("name", "link"), sorted(IMPOSSIBLE))
def test_impossible_pairs_are_refused_and_the_message_names_what_would_do(name, link):
    with pytest.raises(Refused, match=r"[Uu]se (MonteCarlo|ClosedForm)|Give Link\('posterior', reference, Adaptive"):
        link_between(WALK[link], ESTIMATORS.build(name))


class Halved(MonteCarlo):
    """A toy that is wrong, and says that it is unbiased."""

    name = "halved"

    def bias(self, link):
        return "unbiased" if link == "rate" else "biased"

    def __call__(self, left, right, draw):
        return super().__call__(left, right, draw) / 2


@pytest.mark.parametrize(("toy", "right"), [(Halved, False), (MonteCarlo, True)])
def test_an_estimator_from_elsewhere_is_held_to_what_it_claims_by_its_row_alone(toy, right):
    written = set(ESTIMATORS)
    ESTIMATORS.add(Row("toy", toy, "a toy"))
    try:
        cases = {case.link: case for case in by_their_claims(written)}
        assert set(cases) == set(WALK)
        assert cases["rate"].exact and not cases["total_correlation"].exact
        if right:
            for case in cases.values():
                test_a_collapsed_posterior_reads_zero(case)
                test_the_order_of_a_batch_does_not_matter(case)
            test_the_mean_is_the_closed_form_within_four_standard_errors(cases["rate"])
        else:
            with pytest.raises(AssertionError):
                test_the_mean_is_the_closed_form_within_four_standard_errors(cases["rate"])
    finally:
        del ESTIMATORS._rows["toy"]


def test_links_that_do_not_exist_are_refused_with_those_that_do():
    with pytest.raises(Refused, match="posterior -> aggregate"):
        Link("prior", "posterior", MonteCarlo())
    with pytest.raises(Refused, match="stops at"):
        Link("posterior", "nowhere", MonteCarlo())
    with pytest.raises(Refused, match=r"^.{,250}$"):
        Link("9" * 5000, "prior", MonteCarlo())


def test_the_distortion_is_minus_the_log_likelihood_at_the_draw_s_codes():
    world, data = world_and_data()
    draw = Draw(world, data.tensor()[:10])
    residual = draw.x.double() - draw.z.double() @ world.decoder.T - world.decoder_offset
    wanted = residual.square().sum(1) / (2 * world.sigma**2) + 3 * math.log(2 * math.pi * world.sigma**2)
    assert torch.allclose(Distortion()(draw).double(), wanted, rtol=1e-5)
