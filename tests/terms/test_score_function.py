"""The gradients of categories against that of an exact sum: the score's is unbiased, straight through is not."""

import itertools
import math

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, OneHotCategorical

import termwise as tw
from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.draw import Draw
from termwise.objectives.objective import Objective, Weighted
from termwise.terms import ClosedForm, Kernel, Link, MonteCarlo, MultiSampleBound
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.closed_or_sampled import ClosedOrSampled

STATES, BATCH, ROUNDS = 4, 200, 100
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]


class Table:
    """x is one of four states; q(z|x) is two positions of three categories, and what is decoded bends as z goes."""

    def __init__(self, seed, gradient="score-function", beside=False):
        generator = torch.Generator().manual_seed(seed)
        made = torch.randn(44, generator=generator, dtype=torch.float64).split([24, 12, 4, 4])
        self.logits = made[0].view(STATES, 2, 3).clone().requires_grad_()
        self.slopes, self.mean, self.log_scale = (
            made[1].view(6, 2),
            *(one.clone().requires_grad_() for one in made[2:4]),
        )
        self.gradient, self.beside = gradient, beside

    @property
    def parameters(self):
        return [self.logits, *([self.mean, self.log_scale] if self.beside else [])]

    def infer(self, x):
        state = x.long().squeeze(1)
        temperature = 0.5 if self.gradient == "relaxed" else None
        digits = Categories(self.logits[state], temperature, self.gradient != "score-function")
        if not self.beside:
            return digits, None
        style = Independent(Normal(self.mean[state, None], 0.3 * self.log_scale[state, None].exp()), 1)
        return BlockLaw([digits, style], ["digit", "style"]), None

    def generate(self, z, context):
        at = z[..., :6].double() @ self.slopes
        bent = torch.tanh(2 * at).prod(-1, keepdim=True) + at[..., :1]
        if self.beside:
            bent = bent * (1 + torch.sin(z[..., 6:]))
        return Independent(Normal(bent[..., :1], 1.0), 1)

    def prior_law(self):
        prior = Categories(torch.zeros(2, 3, dtype=torch.float64))
        style = Independent(Normal(torch.zeros(1, dtype=torch.float64), 1.0), 1)
        return BlockLaw([prior, style], ["digit", "style"]) if self.beside else prior


def every_code():
    """The nine codes, shape (9, 6)."""
    pairs = itertools.product(torch.eye(3, dtype=torch.float64), repeat=2)
    return torch.stack([torch.cat(pair) for pair in pairs])


def exact_gradient(model, weight, codes=1):
    """The gradient of distortion and rate, or of the bound of two codes, summed over all that can be drawn."""
    x = torch.arange(STATES, dtype=torch.float64).unsqueeze(1)
    log_q = model.logits.log_softmax(-1)
    log_q = (log_q[:, 0, :, None] + log_q[:, 1, None, :]).flatten(1)  # (states, 9)
    log_prior = -2 * math.log(3)
    if model.beside:
        nodes, shares = (torch.from_numpy(one) for one in hermegauss(60))
        style = model.mean[:, None] + 0.3 * model.log_scale.exp()[:, None] * nodes  # (states, nodes)
        digits = every_code()[None, :, None].expand(STATES, -1, 60, -1)
        z = torch.cat([digits, style[:, None, :, None].expand(-1, 9, -1, 1)], -1)
        distortion = -model.generate(z, None).log_prob(x[:, None, None].expand(-1, 9, 60, -1))
        distortion = (distortion * shares / shares.sum()).sum(-1)
        scale = 0.3 * model.log_scale.exp()
        normal = (0.5 * (scale**2 + model.mean**2 - 1) - scale.log()).mean()
    else:
        distortion = -model.generate(every_code().expand(STATES, 9, 6), None).log_prob(x[:, None].expand(-1, 9, -1))
        normal = 0.0
    if codes == 1:
        total = (log_q.exp() * (distortion + weight * (log_q - log_prior))).sum(1).mean() + weight * normal
    else:
        log_w = log_prior - distortion - log_q
        both = torch.logaddexp(log_w[:, :, None], log_w[:, None, :]) - math.log(2)
        total = -(log_q.exp()[:, :, None] * log_q.exp()[:, None, :] * both).sum((1, 2)).mean()
    return torch.cat([one.flatten() for one in torch.autograd.grad(total, model.parameters)])


def gradients(model, objective):
    """The objective's gradient, drawn many times: its mean, and that mean's standard error."""
    x = torch.arange(STATES, dtype=torch.float64).repeat(BATCH // STATES).unsqueeze(1)
    drawn = []
    for _ in range(ROUNDS):
        total = objective(Draw(model, x)).total
        drawn.append(torch.cat([one.flatten() for one in torch.autograd.grad(total, model.parameters)]))
    stacked = torch.stack(drawn)
    return stacked.mean(0), stacked.std(0) / math.sqrt(ROUNDS)


def objective(rate=None, weight=0.7):
    part = weight * Weighted(Link("posterior", "prior", rate or ClosedForm()))
    return tw.objectives.distortion() + part


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beside", [False, True])
def test_the_scores_gradient_is_that_of_the_sum_over_all_codes(seed, beside):
    model = Table(seed, beside=beside)
    mean, error = gradients(model, objective())
    assert ((mean - exact_gradient(model, 0.7)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_also_where_the_rate_is_at_the_codes(seed):
    model = Table(seed)
    mean, error = gradients(model, objective(MonteCarlo("minibatch-weighted")))
    assert ((mean - exact_gradient(model, 0.7)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("codes", "beside"), [(1, False), (2, False), (1, True)])
def test_the_bound_of_several_codes_has_the_gradient_of_the_sum(seed, codes, beside):
    model = Table(seed, beside=beside)
    mean, error = gradients(model, Objective((Weighted(MultiSampleBound(codes)),)))
    assert ((mean - exact_gradient(model, 1.0, codes)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("gradient", ["straight-through", "relaxed"])
def test_the_other_two_are_off_where_the_decoder_bends(gradient):
    model = Table(0, gradient)
    mean, error = gradients(model, objective())
    assert ((mean - exact_gradient(model, 0.7)).abs() > 10 * error).any()


def test_straight_through_is_exact_where_each_position_enters_alone_and_linearly():
    """The rate at codes is a sum over positions, and between categories each log density goes on in a line."""
    model = Table(1, "straight-through")
    weighed = Objective((Weighted(Link("posterior", "prior", MonteCarlo("minibatch-weighted"))),))
    mean, error = gradients(model, weighed)
    log_q = model.logits.log_softmax(-1)
    (exact,) = torch.autograd.grad((log_q.exp() * log_q).sum((1, 2)).mean(), model.logits)
    assert ((mean - exact.flatten()).abs() < 4.5 * error + 1e-12).all()


def test_a_baseline_of_the_others_takes_noise_out(monkeypatch):
    model = Table(0)
    with_it = gradients(model, objective())[1]
    monkeypatch.setattr("termwise.terms.score_function.centred", lambda values: values)
    assert with_it.square().mean() < 0.8 * gradients(model, objective())[1].square().mean()


def test_a_law_of_another_that_has_no_path_learns_by_its_score():
    """torch's own categories, and a mixture: neither has `rsample`, and both had no gradient at all."""
    logits = torch.zeros(5, 3, requires_grad=True)
    parts = Independent(Normal(torch.randn(5, 3, 2), 1.0), 1)
    for law in (OneHotCategorical(logits=logits), MixtureSameFamily(Categorical(logits=logits), parts)):
        model = Table(0)
        model.infer = lambda x, law=law: (law, None)
        model.generate = lambda z, context: Independent(Normal(z[..., :1], 1.0), 1)
        objective_of_it = tw.objectives.distortion() + tw.objectives.rate(MonteCarlo("full"))
        model.prior_law = lambda law=law: Independent(Normal(torch.zeros(law.event_shape), 1.0), 1)
        total = objective_of_it(Draw(model, torch.randn(5, 1))).total
        assert torch.autograd.grad(total, logits)[0].abs().sum() > 0.01


class Chain(Table):
    """A category given another: the second's logits are of what the first came to."""

    def infer(self, x):
        first = Categories(self.logits[x.long().squeeze(1)][:, :1], has_rsample=False)
        table = self.logits[:3, 1]
        second = Conditional(
            lambda given, _: Categories((given @ table).unsqueeze(-2), has_rsample=False), given=[0], size=3
        )
        return ChainedLaw([first, second], ["digit", "tag"]), None

    def prior_law(self):
        return BlockLaw([Categories(torch.zeros(1, 3, dtype=torch.float64)) for _ in range(2)], ["digit", "tag"])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_block_given_another_has_its_score_too(seed):
    model = Chain(seed)
    mean, error = gradients(model, objective(ClosedOrSampled()))
    x = torch.arange(STATES, dtype=torch.float64).unsqueeze(1)
    first, second = model.logits[:, 0].log_softmax(-1), model.logits[:3, 1].log_softmax(-1)
    log_q = (first.unsqueeze(2) + second).flatten(1)
    distortion = -model.generate(every_code().expand(STATES, 9, 6), None).log_prob(x[:, None].expand(-1, 9, -1))
    total = (log_q.exp() * (distortion + 0.7 * (log_q + 2 * math.log(3)))).sum(1).mean()
    (exact,) = torch.autograd.grad(total, model.logits)
    assert ((mean - exact.flatten()).abs() < 4.5 * error + 1e-12).all()


def test_what_has_one_value_for_a_batch_is_refused():
    kernel = Objective((Weighted(Link("aggregate", "prior", Kernel("imq"))),))
    with pytest.raises(Refused, match="one value for the batch"):
        kernel(Draw(Table(0), torch.zeros(8, 1)))
    link = Link("aggregate", "marginals", DensityRatio("jensen-shannon"))
    with pytest.raises(Refused, match="codes of both"):
        link.check(Draw(Table(0), torch.zeros(8, 1)))


def test_a_closed_form_has_no_score_and_so_no_noise():
    model = Table(0)
    rate = Objective((Weighted(Link("posterior", "prior", ClosedForm())),))
    mean, error = gradients(model, rate)
    assert error.max() < 1e-12 and mean.abs().max() > 0.01
