import math

import pytest
import torch

from helpers.brute_force import mixture_log_prob
from helpers.link_cases import CASES, IMPOSSIBLE, WALK
from termwise.data import load_data
from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.models.passes import DataPass
from termwise.terms import Bank, Distortion, Full, Link, MonteCarlo
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


def prepared(case, model, data):
    link = Link(*case.ends, case.make())
    if link.memory is not None:
        link.memory.prepare(DataPass(model, data))
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
    assert abs(float(values.mean()) - world.truth()[case.link]) < 4 * stderr + finite_n + lattice


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_collapsed_posterior_reads_zero(case):
    world, data = world_and_data()
    model = Collapsed(world)
    link = prepared(case, model, data)
    with torch.no_grad():
        values = torch.stack([by_example(link(draw)).mean() for draw in batches(model, data, link)])
    if case.label == "weighted":  # useless as a value, by exactly this much
        log_n = math.log(COUNT)
        off = {"index_code_mi": 1, "marginal_kl": -1, "total_correlation": 3, "dimension_wise_kl": -4}
        assert float(values.mean()) == pytest.approx(off[case.link] * log_n, abs=0.01)
    else:
        error = float(values.std()) / math.sqrt(len(values))
        assert abs(float(values.mean())) < 0.01 + 4 * error


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_order_of_a_batch_does_not_matter(case):
    world, data = world_and_data()
    model = Encoder(world)
    link = prepared(case, model, data)
    index = torch.arange(100)
    order = torch.randperm(100)
    with torch.no_grad():
        one, other = draw_of(model, data, index), draw_of(model, data, index[order])
        other.z = one.z[order]
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
        "marginals": marginal.sum(1),
        "prior": -0.5 * z.square().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi),
    }
    return (logs[case.ends[0]] - logs[case.ends[1]]).mean()


@pytest.mark.parametrize("case", [c for c in CASES if c.label in ("monte-carlo", "full", "bank")], ids=str)
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


def test_in_expectation_the_gradient_through_z_alone_is_the_true_one():
    """dMI/dlog sigma_j = A_jj^-1 (of the inverse) sigma_j^2 - 1, with A the aggregate's covariance."""
    world, data = world_and_data()
    model = Encoder(world)
    bank = Bank()
    link = Link("posterior", "aggregate", MonteCarlo(bank))
    bank.prepare(DataPass(model, data))
    gradients = []
    for _ in range(10):
        for draw in batches(model, data, link):
            (gradient,) = torch.autograd.grad(link(draw).mean(), model.log_scale)
            gradients.append(gradient.double())
    found = torch.stack(gradients)
    spread = world.posterior_covariance.diagonal()
    centred = data.tensor().double() - data.tensor().double().mean(0)
    signal = world.encoder @ (centred.T @ centred / COUNT) @ world.encoder.T  # of these points
    truth = torch.linalg.inv(signal + spread.diag()).diagonal() * spread - 1
    stderr = found.std(0) / math.sqrt(len(found))
    assert (found.mean(0) - truth).abs().max() < float(4 * stderr.max()) + 0.01


@pytest.mark.parametrize(("link", "estimator"), IMPOSSIBLE, ids=lambda value: getattr(value, "__name__", value))
def test_impossible_pairs_are_refused_and_the_message_names_what_would_do(link, estimator):
    with pytest.raises(Refused, match=r"MonteCarlo|ClosedForm"):
        Link(*WALK[link], estimator())


def test_links_that_do_not_exist_are_refused_with_those_that_do():
    with pytest.raises(Refused, match="posterior -> aggregate"):
        Link("prior", "posterior", MonteCarlo())
    with pytest.raises(Refused, match="stops at"):
        Link("posterior", "nowhere", MonteCarlo())


def test_the_distortion_is_minus_the_log_likelihood_at_the_draw_s_codes():
    world, data = world_and_data()
    draw = Draw(world, data.tensor()[:10])
    residual = draw.x.double() - draw.z.double() @ world.decoder.T - world.decoder_offset
    wanted = residual.square().sum(1) / (2 * world.sigma**2) + 3 * math.log(2 * math.pi * world.sigma**2)
    assert torch.allclose(Distortion()(draw).double(), wanted, rtol=1e-5)
