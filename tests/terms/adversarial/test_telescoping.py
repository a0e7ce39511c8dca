"""Telescoping ratios: the bridges are those of the written waymarks, and their sum is the ratio of the ends."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from termwise.data import load_data
from termwise.errors import Refused
from termwise.measuring.critic_bounds.train_critics import train_critics
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.objectives import Objective, OptimizerSettings, Weighted, distortion, solo, total_correlation
from termwise.terms import Critic, DensityRatio, Link, Telescoping
from termwise.terms.adversarial.telescoping import waymark
from termwise.worlds import LinearGaussian

WAYMARKS = 3


class Told(torch.nn.Module):
    """Heads of a fixed linear form, so that each logit can be written out."""

    def __init__(self, inputs, heads):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(heads, inputs, dtype=torch.float64))

    def forward(self, *given):
        return torch.cat([one.flatten(1) for one in given], 1) @ self.weight.T


def drawn(left, right):
    torch.manual_seed(1)
    model = VAE.build((4,), 2, options={"hidden": [6]}).double()
    x = torch.rand(10, 4, dtype=torch.float64).round()
    draw = Draw(model, x[:5], torch.arange(5), 10, lambda: Draw(model, x[5:], torch.arange(5, 10), 10))
    given_x = left == "posterior"
    critic = Critic(heads=WAYMARKS + 1, body=Told(6 if given_x else 2, WAYMARKS + 1))
    link = Link(left, right, Telescoping(WAYMARKS, critic=critic))
    critic.build(draw, given_x)
    return model, draw, critic, link


@pytest.mark.parametrize(("left", "right"), [("aggregate", "marginals"), ("posterior", "prior")])
def test_every_bridge_tells_a_waymark_from_the_next_and_no_gradient_reaches_the_encoder(left, right):
    model, draw, critic, link = drawn(left, right)
    (adversary,) = link.estimator.adversaries(link.name, link.left, link.right)
    loss = adversary.terms[0][1](draw)
    assert loss.shape == (5, WAYMARKS + 1)
    loss.sum().backward()
    assert all(parameter.grad is None for parameter in model.parameters())

    first, last = (z.detach() for z in link.estimator.samples(link.left, link.right, draw))
    total, weight = 0.0, critic.body.weight
    for k in range(1, WAYMARKS + 2):
        for step, label in ((k - 1, 1.0), (k, -1.0)):
            share = step / (WAYMARKS + 1)
            z = math.sqrt(1 - share**2) * first + share * last
            inputs = torch.cat([draw.x, z], 1) if left == "posterior" else z
            total = total - torch.sigmoid(label * (inputs @ weight[k - 1])).log().sum()
    assert loss.sum().item() == pytest.approx(total.item(), rel=1e-12)
    (wanted,) = torch.autograd.grad(total, weight)
    assert torch.allclose(weight.grad, wanted)
    accuracy = adversary.terms[1][1](draw)
    assert accuracy.shape == (5,) and accuracy.min() >= 0 and accuracy.max() <= 1


def test_the_ratio_is_the_sum_of_the_bridges_and_its_gradient_reaches_the_encoder_alone():
    model, draw, critic, link = drawn("aggregate", "marginals")
    values = link(draw)
    assert torch.allclose(values, (draw.z @ critic.body.weight.T).sum(1))
    values.mean().backward()
    assert critic.body.weight.grad is None
    assert model.encoder[1].weight.grad.abs().max() > 0


def test_the_ends_are_the_laws_and_the_waymarks_between_two_normals_telescope_exactly():
    """Mixed samples of N(0, A) and N(0, I) are N(0, (1 - a^2) A + a^2 I): the sum of log ratios is the whole's."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    left = torch.randn(200_000, 2, generator=generator, dtype=torch.float64) @ torch.linalg.cholesky(spread).T
    right = torch.randn(200_000, 2, generator=generator, dtype=torch.float64)
    assert torch.equal(waymark(left, right, 0, 4), left) and torch.equal(waymark(left, right, 4, 4), right)
    eye = torch.eye(2, dtype=torch.float64)
    for step in range(5):
        wanted = (1 - (step / 4) ** 2) * spread + (step / 4) ** 2 * eye
        found = waymark(left, right, step, 4).T.cov()
        assert (found - wanted).abs().max() < 4 * math.sqrt(2 / 200_000)
    laws = [
        MultivariateNormal(torch.zeros(2).double(), (1 - s**2) * spread + s**2 * eye) for s in (0, 0.25, 0.5, 0.75, 1)
    ]
    z = left[:10]
    bridges = sum(laws[k].log_prob(z) - laws[k + 1].log_prob(z) for k in range(4))
    assert torch.allclose(bridges, laws[0].log_prob(z) - laws[-1].log_prob(z))


def test_a_telescoping_link_is_seated_and_named_as_any_density_ratio():
    game = solo(distortion() + total_correlation(Telescoping(2)))
    assert game.players[0].objective.names[1] == Link("aggregate", "marginals", DensityRatio()).name
    assert game.networks["critic of total correlation"].heads == 3
    assert "2 waymarks" in game.players[0].objective.parts[1].term.label


@pytest.mark.parametrize(
    "make",
    [
        lambda: Telescoping(0),
        lambda: Telescoping(3, critic=Critic()),
        lambda: Telescoping(1, critic=Critic(heads=2, quadratic=True)),
    ],
)
def test_a_critic_that_cannot_bridge_the_steps_is_refused(make):
    with pytest.raises(Refused, match="needs a critic with heads="):
        make()


class Squares(torch.nn.Module):
    """Logits linear in ((z - mu(x)) / sigma)^2, z^2 and z mu(x): all bridges of the world below are of this form."""

    def __init__(self, world, heads):
        super().__init__()
        self.world = world
        self.linear = torch.nn.Linear(3 * len(world.offset), heads)

    def forward(self, x, z):
        posterior = self.world.infer(x)[0]
        bar = (z - posterior.mean) / posterior.stddev
        return self.linear(torch.cat([bar.square(), z.square(), z * posterior.mean], 1))


@pytest.mark.parametrize("waymarks", [0, 8])
def test_a_rate_of_eighteen_nats_is_bridged_in_steps_and_not_in_one(waymarks):
    """Both critics can say the truth; the single one tells the laws apart long before, and stops nowhere near."""
    latent, rate = 8, 18.0
    spread = torch.full((latent,), math.exp(2 * rate / latent))
    world = LinearGaussian.probabilistic_pca(torch.zeros(latent + 1), torch.cat([torch.ones(1), spread]).diag(), latent)
    assert world.truth()["rate"] == pytest.approx(rate, abs=1e-6)
    critic = Critic(heads=waymarks + 1, body=Squares(world, waymarks + 1))
    ratio = Telescoping(waymarks, critic=critic) if waymarks else DensityRatio(critic=critic)
    link = Link("posterior", "prior", ratio)
    falling = OptimizerSettings(learning_rate={"schedule": "cosine", "start": 0.1, "end": 1e-3, "steps": 300})
    game = solo(Objective((Weighted(link),)))
    train_critics(game, world, load_data(world.data(20_000), test=0.0), steps=300, optimizer=falling)
    draw = Draw(world, world.data(5000, seed=1))
    with torch.no_grad():
        error = abs(float(link(draw).mean()) - rate)  # of standard error 0.04
    assert error < 1.5 if waymarks else error > 5
