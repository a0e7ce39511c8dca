"""Density ratios: who gets which gradient, held against the written formula."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.terms import Critic, DensityRatio, Link
from termwise.terms.adversarial.critic_loss import accuracy, cross_entropy, separation
from termwise.terms.adversarial.divergences import DIVERGENCES

B, D, N = 6, 3, 40
LINKS = [
    ("posterior", "prior"),
    ("posterior", "aggregate"),
    ("aggregate", "prior"),
    ("aggregate", "marginals"),
    ("marginals", "prior"),
]
TRAINABLE = [name for name, entry in DIVERGENCES.items() if entry.differentiable]
SLOPES = {  # f'(r), as the textbook writes it
    "kl": lambda r: r.log() + 1,
    "reverse-kl": lambda r: -1 / r,
    "pearson": lambda r: 2 * (r - 1),
    "neyman": lambda r: 1 - 1 / r.square(),
    "hellinger": lambda r: 1 - r.rsqrt(),
    "jensen-shannon": lambda r: 0.5 * (2 * r / (r + 1)).log(),
    "gan": lambda r: (r / (r + 1)).log(),
    "non-saturating": lambda r: ((r + 1) / 2).log(),
    "jeffreys": lambda r: r.log() + 1 - 1 / r,
}
FUNCTIONS = {
    "reverse-kl": lambda r: -r.log(),
    "pearson": lambda r: (r - 1).square(),
    "neyman": lambda r: (r - 1).square() / r,
    "hellinger": lambda r: (r.sqrt() - 1).square(),
    "jensen-shannon": lambda r: 0.5 * (r * r.log() - (r + 1) * ((r + 1) / 2).log()),
    "gan": lambda r: r * r.log() - (r + 1) * (r + 1).log(),
    "non-saturating": lambda r: (r + 1) * ((r + 1) / 2).log() - r + 1,
    "jeffreys": lambda r: (r - 1) * r.log(),
}


class Game:
    """A model, a link under a critic, and a draw with a second batch, all in float64."""

    def __init__(self, left, right, divergence="kl", **critic):
        torch.manual_seed(3)
        self.model = VAE.build((5,), D, options={"hidden": [7]}).double()
        self.x = torch.rand(N, 5, dtype=torch.float64).round()
        self.critic = Critic((9,), "softplus", **critic)
        self.link = Link(left, right, DensityRatio(divergence, self.critic))
        self.critic.build(self.draw(), left == "posterior")
        self.critic.double()

    def draw(self):
        first, second = torch.arange(B), torch.arange(B, 2 * B)
        return Draw(self.model, self.x[first], first, N, lambda: Draw(self.model, self.x[second], second, N))

    @property
    def adversary(self):
        (one,) = self.link.estimator.adversaries(self.link.name, self.link.left, self.link.right)
        return one

    def logit(self, z, x):
        """T, written out."""
        first, last = self.critic.body[0], self.critic.body[2]
        inputs = torch.cat([x, z], 1) if self.critic.given_x else z
        hidden = torch.nn.functional.softplus(inputs @ first.weight.T + first.bias)
        return (hidden @ last.weight.T + last.bias).squeeze(1)


@pytest.mark.parametrize("divergence", TRAINABLE)
@pytest.mark.parametrize(("left", "right"), LINKS)
def test_the_autoencoders_gradient_is_that_of_the_written_formula_and_the_critic_gets_none(left, right, divergence):
    game = Game(left, right, divergence)
    draw = game.draw()
    game.link(draw).mean().backward(retain_graph=True)
    ours = {name: parameter.grad for name, parameter in game.model.named_parameters()}
    assert all(parameter.grad is None for parameter in game.critic.parameters())

    lefts, rights = game.link.estimator.samples(game.link.left, game.link.right, draw)
    formula = SLOPES[divergence](game.logit(lefts, draw.x).exp()).mean()
    if divergence != "kl" and right in ("aggregate", "marginals"):
        r = game.logit(rights, draw.x).exp()
        formula = formula - (r * SLOPES[divergence](r) - FUNCTIONS[divergence](r)).mean()
    wanted = torch.autograd.grad(formula, list(game.model.parameters()), allow_unused=True)
    for (name, got), should in zip(ours.items(), wanted, strict=True):
        assert (got is None) == (should is None), name
        assert got is None or torch.allclose(got, should, rtol=1e-9, atol=1e-12), name
    assert ours["encoder.1.weight"].abs().max() > 1e-6


@pytest.mark.parametrize("penalty", [0.0, 3.0])
@pytest.mark.parametrize(("left", "right"), LINKS)
def test_the_critics_gradient_is_that_of_the_written_formula_and_the_encoder_gets_none(left, right, penalty):
    game = Game(left, right, gradient_penalty=penalty)
    draw = game.draw()
    sum(weight * term(draw).mean() for weight, term in game.adversary.terms).backward()
    assert all(parameter.grad is None for parameter in game.model.parameters())

    samples = [z.detach().requires_grad_() for z in game.link.estimator.samples(game.link.left, game.link.right, draw)]
    logits = [game.logit(z, draw.x) for z in samples]
    formula = -(torch.sigmoid(logits[0]).log() + torch.sigmoid(-logits[1]).log()).mean()
    for logit, z in zip(logits, samples, strict=True):
        (slope,) = torch.autograd.grad(logit.sum(), z, create_graph=True)
        formula = formula + penalty / 2 * slope.square().sum(1).mean()
    wanted = torch.autograd.grad(formula, list(game.critic.parameters()), allow_unused=True)
    for got, should in zip(game.critic.parameters(), wanted, strict=True):
        assert torch.allclose(got.grad, should, rtol=1e-9, atol=1e-12)
    assert max(float(parameter.grad.abs().max()) for parameter in game.critic.parameters()) > 1e-6


def test_a_step_down_its_gradient_lets_the_critic_tell_the_laws_apart_better():
    game = Game("aggregate", "prior")
    draw = game.draw()
    before = game.adversary.terms[0][1](draw).mean()
    before.backward()
    with torch.no_grad():
        for parameter in game.critic.parameters():
            parameter -= 0.1 * parameter.grad
    lefts, rights = game.link.estimator.samples(game.link.left, game.link.right, draw)
    assert cross_entropy(game.critic(lefts), game.critic(rights)).mean() < before


def test_the_value_is_the_plug_in():
    game = Game("aggregate", "prior", "jensen-shannon")
    draw = game.draw()
    r = game.logit(draw.z, draw.x).exp().detach()
    wanted = 0.5 * (r * r.log() - (r + 1) * ((r + 1) / 2).log()) / r
    assert torch.allclose(game.link(draw), wanted)


def test_codes_of_the_aggregate_beside_a_posterior_are_of_other_examples():
    game = Game("posterior", "aggregate")
    draw = game.draw()
    lefts, rights = game.link.estimator.samples(game.link.left, game.link.right, draw)
    assert torch.equal(lefts, draw.z)
    assert torch.equal(rights, draw.independent.z)


def test_permuted_codes_are_those_of_an_independent_batch():
    game = Game("aggregate", "marginals")
    draw = game.draw()
    lefts, rights = game.link.estimator.samples(game.link.left, game.link.right, draw)
    assert torch.equal(rights.sort(0).values, draw.independent.z.sort(0).values)
    assert not torch.isin(rights, lefts).any()


def test_names_units_and_biases_say_what_a_plug_in_is():
    names = {d: Link("aggregate", "prior", DensityRatio(d)).name for d in ("kl", "gan", "pearson", "jensen-shannon")}
    assert names == {
        "kl": "marginal_kl_by_critic",
        "gan": "marginal_gan_by_critic",
        "pearson": "marginal_pearson_chi2_by_critic",
        "jensen-shannon": "marginal_jensen_shannon_by_critic",
    }
    link = Link("posterior", "prior", DensityRatio())
    assert link.name == "rate_kl_by_critic" and "NEITHER bound" in link.bias and link.unit == "nats"
    assert Link("posterior", "prior", DensityRatio("hellinger", swapped=True)).unit == "units"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: DensityRatio("total-variation"), "no pathwise gradient.*'jensen-shannon'"),
        (lambda: DensityRatio(lambda r: (r - 1).abs()), "no pathwise gradient"),
        (lambda: DensityRatio(moves=0), "moves=0"),
        (
            lambda: Link("aggregate", "marginals", DensityRatio(critic=Critic(quadratic=True))),
            "needs the prior on the right",
        ),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_built(make, reason):
    with pytest.raises(Refused, match=reason):
        make()


def pairs(shift, count, batches, seed=0):
    """T = log N(shift, 1)/N(0, 1), exact, at samples of both: shape (batches, count) each; the KL is shift^2/2."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, batches, count, generator=generator, dtype=torch.float64)
    left, right = noise[0] + shift, noise[1]
    return shift * left - shift**2 / 2, shift * right - shift**2 / 2


def test_accuracy_counts_the_samples_of_both_laws():
    assert accuracy(torch.tensor([1.0, -1.0, 2.0]), torch.tensor([-1.0, 1.0, -2.0])).tolist() == [1.0, 0.0, 1.0]
    blind = torch.zeros(4)
    assert cross_entropy(blind, blind).tolist() == pytest.approx([2 * math.log(2)] * 4)


def test_the_best_critics_cross_entropy_is_that_of_the_jensen_shannon_divergence():
    """2 log 2 - 2 JS, by quadrature."""
    z = torch.linspace(-12, 14, 200_001, dtype=torch.float64)
    p, q = (Normal(torch.tensor(at, dtype=torch.float64), 1.0).log_prob(z).exp() for at in (1.5, 0.0))
    step = float(z[1] - z[0])
    js = 0.5 * (p * (2 * p / (p + q)).log() + q * (2 * q / (p + q)).log()).sum() * step
    found = cross_entropy(*(side.flatten() for side in pairs(1.5, 400_000, 1)))
    assert abs(float(found.mean()) - (2 * math.log(2) - 2 * float(js))) < 4 * float(found.std()) / math.sqrt(400_000)


def test_separation_is_said_with_its_evidence_and_only_where_it_is():
    seen = separation({"accuracy": 0.9987, "cross_entropy": 0.004})
    assert seen is not None and "99.87%" in seen and "0.004" in seen
    assert separation({"accuracy": 0.97, "cross_entropy": 0.1}) is None
    assert separation({"distortion": 3.0}) is None


class Learning(torch.nn.Module):
    """A prior N(m, s^2), or a mixture of it and the standard normal, which has no pathwise samples."""

    name = "learning"

    def __init__(self, mixed=False):
        super().__init__()
        self.mean = torch.nn.Parameter(torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64))
        self.log_scale = torch.nn.Parameter(torch.tensor([0.2, 0.0, -0.3], dtype=torch.float64))
        self.mixed = mixed

    def forward(self):
        normal = Independent(Normal(self.mean, self.log_scale.exp()), 1)
        if not self.mixed:
            return normal
        both = Normal(torch.stack([self.mean, 0 * self.mean]), torch.stack([self.log_scale.exp(), 1 + 0 * self.mean]))
        return MixtureSameFamily(Categorical(torch.ones(2, dtype=torch.float64)), Independent(both, 1))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("left", ["posterior", "aggregate"])
def test_a_prior_that_learns_gets_the_gradient_of_the_kl_by_its_density(left, mixed):
    """d KL(left || prior) = -E_left[d log p(z)], whatever the critic; the critic's own loss does not reach it."""
    game = Game(left, "prior")
    game.model.prior = prior = Learning(mixed)
    draw = game.draw()
    sum(weight * term(draw).mean() for weight, term in game.adversary.terms).backward()
    assert prior.mean.grad is None and prior.log_scale.grad is None
    game.link(draw).mean().backward()
    wanted = torch.autograd.grad(-prior().log_prob(draw.z.detach()).mean(), [prior.mean, prior.log_scale])
    torch.testing.assert_close(prior.mean.grad, wanted[0])
    torch.testing.assert_close(prior.log_scale.grad, wanted[1])


@pytest.mark.parametrize("divergence", [name for name in TRAINABLE if name != "kl"])
def test_a_prior_that_learns_gets_the_pathwise_gradient_of_any_other_divergence(divergence):
    """-E_prior[f*(f'(r))] along the prior's samples, with f* o f' = r f' - f."""
    game = Game("aggregate", "prior", divergence)
    game.model.prior = prior = Learning()
    draw = game.draw()
    game.link(draw).mean().backward(retain_graph=True)
    r = game.logit(game.link.estimator.samples(game.link.left, game.link.right, draw)[1], draw.x).exp()
    formula = -(r * SLOPES[divergence](r) - FUNCTIONS[divergence](r)).mean()
    wanted = torch.autograd.grad(formula, [prior.mean, prior.log_scale])
    torch.testing.assert_close(prior.mean.grad, wanted[0])
    torch.testing.assert_close(prior.log_scale.grad, wanted[1])


def test_a_prior_that_learns_without_pathwise_samples_is_refused_any_other_divergence_than_the_kl():
    game = Game("aggregate", "prior", "hellinger")
    game.model.prior = Learning(mixed=True)
    with pytest.raises(Refused, match=r"needs samples with a pathwise.*Take divergence 'kl'"):
        game.link(game.draw())
    with torch.no_grad():
        assert game.link(game.draw()).isfinite().all()
