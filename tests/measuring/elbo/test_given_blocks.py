"""The account of blocks that are given categories, against sums over these and quadrature over the rest."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.mixture import log_density
from termwise.terms.aggregate.posterior_components import components_from_state, components_of

STATES, K = 4, 3


class Table:
    """x in a few states: of each a table of the categories, and a normal for each category."""

    def __init__(self, seed, conditional_prior):
        generator = torch.Generator().manual_seed(seed)
        self.logits = 2 * torch.randn(STATES, K, generator=generator)
        self.mean, self.prior_mean = 2 * torch.randn(STATES, K, generator=generator), torch.linspace(-2, 2, K)
        self.scale = 0.3 + torch.rand(STATES, K, generator=generator)
        self.conditional_prior = conditional_prior

    def infer(self, x):
        state = x.long().squeeze(1)

        def style(given, features):
            mean, scale = ((of * given).sum(-1, keepdim=True) for of in features.split(K, -1))
            return Independent(Normal(mean, scale), 1)

        features = torch.cat([self.mean[state], self.scale[state]], -1)
        links = [Categories(self.logits[state].unsqueeze(1)), Conditional(style, [0], 1, features)]
        return ChainedLaw(links, ["kind", "style"]), None

    def generate(self, z, context):
        return Independent(Normal(z[:, :1], 1.0), 1)

    def prior_law(self):
        shift = self.prior_mean if self.conditional_prior else torch.zeros(K)
        style = Conditional(lambda given, _: Independent(Normal((given * shift).sum(-1, True), 1.0), 1), [0], 1)
        return ChainedLaw([Categories(torch.zeros(1, K)), style], ["kind", "style"])

    def truth(self):
        grid = torch.linspace(-14, 14, 40_001, dtype=torch.float64)
        step = float(grid[1] - grid[0])
        p = self.logits.double().softmax(1)
        normal = Normal(self.mean.double()[..., None], self.scale.double()[..., None]).log_prob(grid).exp()
        joint = p[..., None] * normal  # (states, K, grid)
        q = joint.mean(0)
        shift = self.prior_mean if self.conditional_prior else torch.zeros(K)
        prior = Normal(shift.double()[:, None], 1.0).log_prob(grid).exp() / K

        def kl(density, other, step=step):
            return float(torch.special.xlogy(density, density / other).sum()) * step

        q_k, q_s = q.sum(1) * step, q.sum(0)
        mi = sum(kl(joint[i], q) for i in range(STATES)) / STATES
        of_kind = sum(kl(p[i], q_k, 1.0) for i in range(STATES)) / STATES
        return {
            "index_code_mi": mi,
            "marginal_kl": kl(q, prior),
            "rate": sum(kl(joint[i], prior) for i in range(STATES)) / STATES,
            "total_correlation": kl(q, q_k[:, None] * q_s),
        }, [of_kind, mi - of_kind]


@pytest.mark.parametrize("conditional_prior", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_link_is_within_its_error_of_the_truth(seed, conditional_prior):
    world = Table(seed, conditional_prior)
    account = tw.measure(world, torch.arange(float(STATES)).repeat(200).unsqueeze(1), seed=seed)
    truth, by_block = world.truth()
    for name, value in truth.items():
        reading = account[name]
        assert abs(reading.value - value) < 4 * reading.stderr + 1e-5, name
    read = account.by_dimension["index_code_mi_by_block"]
    for value, stderr, expected in zip(read.value, read.stderr, by_block, strict=True):
        assert abs(value - expected) < 4 * stderr + 1e-5
    assert account["rate"].estimator == "closed form" and account.data["blocks"] == ["kind", "style"]
    assert sum(account.by_dimension["rate_by_block"].value) == pytest.approx(account["rate"].value, abs=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "stratified"])
def test_components_by_value_are_every_law_asked_and_their_gradient_is_every_category_in_turn(weights):
    posterior, _ = Table(3, True).infer(torch.arange(4.0).repeat(3).unsqueeze(1))
    z = posterior.sample()
    n = len(z)
    components = components_from_state(components_of(posterior).at(torch.arange(n)).state())
    index = torch.arange(n)
    of = LogWeights.uniform(n) if weights == "uniform" else LogWeights.stratified(index, n, 100)
    log_weight = torch.full((n, n), of.other, dtype=torch.float64)
    if weights == "stratified":
        log_weight[index, index] = of.own

    def brute(codes):
        rows = [posterior.log_prob(code.expand(n, -1)).double() for code in codes]
        return (torch.stack(rows) + log_weight).logsumexp(1)

    codes = z.clone().requires_grad_()
    value = log_density(codes, components, of)
    assert torch.allclose(value.double(), brute(z), atol=1e-5)
    (gradient,) = torch.autograd.grad(value.sum(), codes)
    wanted = z.clone().requires_grad_()
    (slope,) = torch.autograd.grad(brute(wanted).sum(), wanted)
    assert torch.allclose(gradient[:, K:], slope[:, K:], atol=1e-4)
    for k in range(K):
        other = z.clone()
        other[:, :K] = torch.eye(K)[k]
        assert torch.allclose(gradient[:, k].double(), brute(other), atol=1e-4)


class Apart(Table):
    """The same, but that the posterior's number is given no category: it is told by the state alone, as the prior's."""

    def infer(self, x):
        state = x.long().squeeze(1)
        sure = 4.5 * torch.eye(STATES)[state][:, :K].unsqueeze(1)
        place = (sure.squeeze(1).softmax(1) * self.prior_mean).sum(1, keepdim=True)
        return BlockLaw([Categories(sure), Independent(Normal(place, 1.0), 1)], ["kind", "style"]), None


def test_a_number_may_tell_more_by_itself_than_it_costs_given_a_category():
    """Under p(style | kind) near q(style | x) the style costs nearly nothing, and tells nearly what the kind does."""
    account = tw.measure(Apart(0, True), torch.arange(float(K)).repeat(500).unsqueeze(1))
    assert account.by_dimension["rate_by_block"].value[1] < 0.1
    told = account.by_dimension["index_code_mi_by_dimension"]
    assert told.value[1] > 0.3 and "rate_by_dimension" not in account.by_dimension
    assert account["total_correlation"].value > 0.3


@pytest.mark.filterwarnings("error")
def test_many_components_are_taken_a_part_at_a_time_whichever_value_a_code_is_given():
    posterior, _ = Table(4, True).infer(torch.arange(4.0).repeat(550).unsqueeze(1))
    z = posterior.sample()[:128]  # of one value they are taken 2,048 components at a time, of their own all at once
    codes = z.clone().requires_grad_()
    log_density(codes, components_of(posterior), LogWeights.uniform(2200)).sum().backward()
    for k in range(K):
        other = torch.cat([torch.eye(K)[k].expand(128, K), z[:, K:]], 1)
        each = torch.stack([posterior.log_prob(code.expand(2200, -1)) for code in other]).double()
        assert torch.allclose(codes.grad[:, k].double(), each.logsumexp(1) - math.log(2200), atol=1e-4)


CODES = {
    "style given kind": [
        {"name": "kind", "latent": 4, "posterior": "categorical"},
        {"name": "style", "latent": 2, "given": ["kind"], "prior": "conditional"},
    ],
    "two levels": [
        {"name": "top", "latent": 2},
        {"name": "low", "latent": 3, "given": ["top"], "prior": "conditional"},
    ],
}


@pytest.mark.parametrize("code", CODES)
def test_such_codes_train_and_resume_and_are_measured(code, tmp_path):
    tables = {
        "model": {"code": CODES[code], "options": {"hidden": [16]}, "likelihood": "bernoulli"},
        "objective": {"recipe": "mi-floor", "target": 1.0, "aggregate": "minibatch-stratified"},
        "training": {"epochs": 1},
    }
    data = tw.load_data(torch.rand(300, 6).round())
    run = tw.train(tables, data=data, out=tmp_path / "run")
    assert math.isfinite(run.account["index_code_mi"].value)
    again = tw.train(tables, data=data, out=tmp_path / "run", epochs=2, resume=True)
    assert again.config.model.code[1]["given"] == CODES[code][1]["given"]


def test_links_that_there_are_not_are_refused_in_words(tmp_path):
    tables = {"data": {"source": "digits"}, "model": {"code": CODES["style given kind"]}, "training": {"epochs": 1}}
    with pytest.raises(Refused, match="no dimension_wise_kl under this prior"):
        tw.train({**tables, "objective": {"recipe": "beta-tcvae"}}, out=tmp_path / "run")
