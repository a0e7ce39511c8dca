"""Critics: what they read, what they add, and what is refused."""

import pytest
import torch
from torch import nn

from termwise.errors import Refused, UnknownName
from termwise.models import VAE
from termwise.terms import Critic
from termwise.terms.adversarial.critic import as_constants


def draw():
    torch.manual_seed(0)
    return VAE.build((2, 3), 4, options={"hidden": [8]}).draw(torch.rand(5, 2, 3).round())


def built(given_x=False, **options):
    critic = Critic((7, 6), **options)
    critic.build(draw(), given_x)
    return critic


@pytest.mark.parametrize(("given_x", "inputs"), [(False, 4), (True, 10)])
def test_the_first_layer_has_the_size_of_what_is_read(given_x, inputs):
    critic, seen = built(given_x), draw()
    layers = [layer.weight.shape for layer in critic.body if isinstance(layer, nn.Linear)]
    assert layers == [(7, inputs), (6, 7), (1, 6)]
    assert critic(seen.z, seen.x).shape == (5,)


def test_a_critic_that_is_given_x_depends_on_it_and_one_that_is_not_does_not():
    seen, other = draw(), torch.rand(5, 2, 3)
    assert not torch.equal(built(True)(seen.z, seen.x), built(True)(seen.z, other))
    critic = built(False)
    assert torch.equal(critic(seen.z, seen.x), critic(seen.z))


def test_the_fixed_feature_is_half_the_squared_length():
    critic, z = built(quadratic=True), draw().z
    plain = critic(z) - critic.body(z).flatten()
    assert torch.allclose(plain, 0.5 * z.square().sum(1), atol=1e-5)


def test_a_spectrally_normalised_critic_rises_no_faster_than_its_input():
    """Each layer's largest singular value is 1 and the activation's slope at most 1."""
    critic = built(spectral_norm=True)
    with torch.no_grad():
        for layer in critic.body:
            if isinstance(layer, nn.Linear):
                layer.parametrizations.weight.original.mul_(50)
        for _ in range(300):  # the power iteration settles
            critic(torch.randn(2, 4))
    a, b = torch.randn(2000, 4), torch.randn(2000, 4)
    steepest = ((critic(a) - critic(b)).abs() / (a - b).norm(dim=1)).max().item()
    assert 0.05 < steepest < 1.0 + 1e-3


def test_a_body_of_ones_own_is_called_with_x_and_z_and_checked():
    class Own(nn.Module):
        def forward(self, x, z):
            return x.flatten(1).sum(1, keepdim=True) * z[:, :1]

    seen, critic = draw(), Critic(body=Own())
    critic.build(seen, given_x=True)
    assert torch.equal(critic(seen.z, seen.x), seen.x.flatten(1).sum(1) * seen.z[:, 0])
    wide = Critic(body=nn.Linear(4, 2))
    wide.build(seen, given_x=False)
    with pytest.raises(Refused, match=r"one logit for each of 5 codes; got shape \(5, 2\)"):
        wide(seen.z)


def test_constant_lets_gradients_through_to_the_input_alone_and_undoes_itself():
    critic, z = built(), draw().z.detach().requires_grad_()
    critic.body[0].bias.requires_grad_(False)
    with as_constants(critic.parameters()):
        total = critic(z).sum()
    total.backward()
    assert z.grad.abs().min() > 0
    assert all(parameter.grad is None for parameter in critic.parameters())
    assert [name for name, p in critic.named_parameters() if not p.requires_grad] == ["body.0.bias"]


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"activation": "rlu"}, UnknownName, "Did you mean 'relu'"),
        ({"gradient_penalty": -1.0}, Refused, "gradient_penalty = -1.0 cannot be"),
        ({"hidden": (8, 0)}, Refused, r"hidden = \(8, 0\) cannot be"),
        ({"body": nn.Linear(2, 1), "spectral_norm": True}, Refused, "its own normalisation"),
    ],
)
def test_what_cannot_be_is_refused(options, error, reason):
    with pytest.raises(error, match=reason):
        Critic(**options)


def test_a_critic_that_was_not_built_says_so():
    with pytest.raises(Refused, match=r"call build\(draw"):
        Critic()(torch.zeros(2, 3))


@pytest.mark.parametrize(
    "options",
    [{}, {"quadratic": True}, {"heads": 3}, {"spectral_norm": True}, {"activation": "tanh"}, {"hidden": ()}],
)
@pytest.mark.parametrize("given_x", [True, False])
def test_several_batches_of_codes_at_once_have_the_logits_and_gradients_of_each(options, given_x):
    """In float64, where what the first layer makes of x and of z can be told from their sum."""
    seen = draw()
    critic = Critic(**{"hidden": (7, 6), **options})
    critic.build(seen, given_x)
    critic.double().eval()
    x, codes = seen.x.double() if given_x else None, [torch.randn(5, 4, dtype=torch.float64) for _ in range(3)]
    weights = [*critic.parameters(), codes[0].requires_grad_()]
    mine, each = critic.at_all(codes, x), [critic(z, x) for z in codes]
    toward = torch.randn(3, 5, dtype=torch.float64)
    torch.testing.assert_close(torch.stack(mine), torch.stack(each), rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad((torch.stack(tuple(of)) * toward).sum(), weights) for of in (mine, each)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_a_body_of_ones_own_is_asked_for_each_batch():
    asked = []

    class Own(nn.Module):
        def forward(self, x, z):
            asked.append(z)
            return z.sum(1) + x.flatten(1).sum(1)

    critic, seen = Critic(body=Own()), draw()
    critic.build(seen, given_x=True)
    one, other = critic.at_all((seen.z, seen.prior_codes), seen.x)
    assert len(asked) == 2 and torch.equal(one, critic(seen.z, seen.x)) and not torch.equal(one, other)
