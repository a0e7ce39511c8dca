"""One critic of pairs (x, z): what either side minimises, by hand; and who learns from it."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from termwise.models import VAE, Draw
from termwise.terms.adversarial.critic import Critic
from termwise.terms.adversarial.joint_gan import JointDeception


class Sum(torch.nn.Module):
    """T(x, z) = a sum of x + b sum of z, by which the pairs can be told from each other."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([0.3, -0.7]))

    def forward(self, x, z):
        return self.weight[0] * x.flatten(1).sum(1) + self.weight[1] * z.sum(1)


def played():
    model = VAE.build((4,), 3, likelihood="normal:0.5")
    critic = Critic(body=Sum())
    draw = Draw(model, torch.rand(6, 4))
    deception = JointDeception(critic)
    adversary = deception.adversary(moves=2)
    adversary.build(draw)
    return model, critic, draw, deception, adversary


def logits_by_hand(model, draw):
    a, b = 0.3, -0.7
    left = a * draw.x.sum(1) + b * draw.z.sum(1)
    right = a * model.decoder(draw.prior_codes).sum(1) + b * draw.prior_codes.sum(1)
    return left, right


def test_the_critic_calls_the_encoder_s_pairs_left_and_the_autoencoder_minimises_the_labels_exchanged():
    model, _, draw, deception, adversary = played()
    left, right = logits_by_hand(model, draw)
    assert torch.allclose(deception(draw), -logsigmoid(-left) - logsigmoid(right), atol=1e-5)
    cross_entropy = adversary.terms[0][1]
    assert torch.allclose(cross_entropy(draw), -logsigmoid(left) - logsigmoid(-right), atol=1e-5)
    assert (adversary.name, adversary.moves) == ("critic of joint laws", 2)
    assert [term.name for _, term in adversary.terms] == ["cross_entropy", "accuracy", "left_logit", "right_logit"]


def test_the_autoencoder_learns_from_both_laws_and_the_critic_from_its_own_loss_alone():
    model, critic, draw, deception, adversary = played()
    deception(draw).mean().backward(retain_graph=True)
    assert critic.body.weight.grad is None
    got = [p.grad.clone() for part in (model.encoder, model.decoder) for p in part.parameters()]
    assert all(bool(gradient.abs().sum() > 0) for gradient in got)
    model.zero_grad()
    left, right = logits_by_hand(model, draw)
    (-logsigmoid(-left) - logsigmoid(right)).mean().backward()
    wanted = [p.grad for part in (model.encoder, model.decoder) for p in part.parameters()]
    assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(got, wanted, strict=True))
    model.zero_grad()
    adversary.terms[0][1](draw).mean().backward()
    assert bool(critic.body.weight.grad.abs().min() > 0)
    assert all(p.grad is None or float(p.grad.abs().sum()) == 0 for p in model.parameters())


def test_the_best_critic_of_a_model_whose_joint_laws_are_one_tells_nothing():
    """x = z, q(z|x) = x and p(x|z) = z: every pair is (z, z), z ~ N(0, 1), under both laws."""

    class Same:
        def infer(self, x):
            return torch.distributions.Independent(torch.distributions.Normal(x, 1e-6), 1), None

        def generate(self, z, context):
            return torch.distributions.Independent(torch.distributions.Normal(z, 1.0), 1)

        def prior_law(self):
            return torch.distributions.Independent(torch.distributions.Normal(torch.zeros(2), 1.0), 1)

    deception = JointDeception(Critic(hidden=(16,)))
    adversary = deception.adversary()
    adversary.build(Draw(Same(), torch.randn(8, 2)))
    optimizer = torch.optim.Adam(adversary.network.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        adversary.terms[0][1](Draw(Same(), torch.randn(256, 2))).mean().backward()
        optimizer.step()
    with torch.no_grad():
        value = float(deception(Draw(Same(), torch.randn(4096, 2))).mean())
    assert value == pytest.approx(2 * torch.log(torch.tensor(2.0)).item(), abs=0.02)
