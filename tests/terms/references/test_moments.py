"""The reference of adaptive contrast: r(z|x), the normal with the moments of q(z|x)."""

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms import MonteCarlo
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.critic import Critic
from termwise.terms.link import Link, by_example
from termwise.terms.references.moments import Reference

SCALE = torch.tensor([[0.5, 0.0], [0.3, 0.8]])


class Skewed(torch.distributions.Distribution):
    """z = mean(x) + SCALE (e^2 - 1, e): sampled, and without a density; Var(e^2 - 1) = 2."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, mean):
        self.centre = mean
        super().__init__(mean.shape[:1], mean.shape[1:], validate_args=False)

    def rsample(self, sample_shape=()):
        noise = torch.randn(*sample_shape, *self.centre.shape)
        return self.centre + torch.stack([noise[..., 0] ** 2 - 1, noise[..., 1]], -1) @ SCALE.T


class Model:
    def __init__(self, posterior):
        self.posterior = posterior

    def infer(self, x):
        return self.posterior(x), None

    def prior_law(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)


def draw_of(posterior, count=50):
    torch.manual_seed(0)
    return Draw(Model(posterior), torch.randn(count, 2))


@pytest.mark.parametrize("full", [False, True])
def test_it_has_the_moments_of_a_posterior_that_can_only_be_sampled(full):
    law = Reference(noises=20_000, full=full).distribution(draw_of(Skewed))
    covariance = SCALE @ torch.diag(torch.tensor([2.0, 1.0])) @ SCALE.T
    assert isinstance(law, MultivariateNormal) is full
    torch.testing.assert_close(law.mean, draw_of(Skewed).x, atol=0.04, rtol=0)
    found = law.covariance_matrix if full else law.variance
    expected = covariance if full else covariance.diagonal()
    torch.testing.assert_close(found.mean(0), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("full", [False, True])
def test_in_its_own_coordinates_it_is_the_standard_normal(full):
    draw, law = draw_of(Skewed), Reference(noises=500, full=full)
    z = law.distribution(draw).rsample()
    standard = law.standardised(z, draw)
    base = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    jacobian = law.distribution(draw).log_prob(z) - base.log_prob(standard)  # -log|A|^(1/2), whatever z is
    again = law.distribution(draw).rsample()
    torch.testing.assert_close(
        jacobian, law.distribution(draw).log_prob(again) - base.log_prob(law.standardised(again, draw))
    )


def test_two_links_share_its_moments_and_their_sum_is_the_rate():
    """Of a normal posterior the reference is the posterior itself."""
    draw = draw_of(lambda x: Independent(Normal(x, torch.full_like(x, 0.3)), 1))
    law = Reference()
    near, far = Link("posterior", law, MonteCarlo()), Link(law, "prior", MonteCarlo())
    rate = Link("posterior", "prior", MonteCarlo())
    torch.testing.assert_close(near(draw) + far(draw), rate(draw))
    torch.testing.assert_close(near(draw), torch.zeros_like(near(draw)), atol=1e-6, rtol=0)
    assert (near.name, far.name, far.bias) == ("reference_kl", "reference_to_prior", "unbiased")


@pytest.mark.parametrize("fixed", [True, False])
def test_its_moments_are_constants_or_carry_their_gradient_as_asked(fixed):
    scale = torch.tensor(0.3, requires_grad=True)
    draw = draw_of(lambda x: Independent(Normal(x, scale.expand_as(x)), 1))
    log_prob = Reference(fixed=fixed).log_prob(torch.zeros(50, 2), draw)
    assert log_prob.requires_grad is not fixed


class Square(torch.nn.Module):
    """T(x, z_bar) = sum_j a_j z_bar_j^2 + b . x, of known gradient."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor([0.3, -0.2], dtype=torch.float64))
        self.b = torch.nn.Parameter(torch.tensor([0.1, 0.4], dtype=torch.float64))

    def forward(self, x, z):
        return z.square() @ self.a + x @ self.b


@pytest.mark.parametrize("fixed", [True, False])
def test_adaptive_contrast_moves_the_encoder_as_the_written_formula_does_and_the_critic_not_at_all(fixed):
    """Against float64 autograd of E[T(x, z_bar) + log r(z|x) - log p(z)], z_bar = (z - mu) / sigma."""
    scale = torch.tensor([0.4, 0.7], dtype=torch.float64, requires_grad=True)
    shift = torch.tensor([0.1, -0.3], dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    x = torch.randn(40, 2, dtype=torch.float64)

    class Normals(Model):
        def prior_law(self):
            return Independent(Normal(torch.zeros(2, dtype=torch.float64), 1.0), 1)

    def posterior(x):
        return Independent(Normal(x + shift, scale.expand_as(x)), 1)

    body, reference = Square(), Reference(fixed=fixed)
    near = AdaptiveContrast(reference, Critic(body=body))
    draw = Draw(Normals(posterior), x)
    near.critic.build(draw, given_x=True)
    walk = (Link("posterior", reference, near), Link(reference, "prior", MonteCarlo()))
    found = torch.autograd.grad(sum(by_example(link(draw)).mean() for link in walk), [scale, shift], retain_graph=True)

    z = draw.z
    mean, sigma = x + shift, scale.expand_as(x)
    if fixed:
        mean, sigma = mean.detach(), sigma.detach()
    standard = (z - mean) / sigma
    t = standard.square() @ body.a.detach() + x @ body.b.detach()
    log_r = -0.5 * standard.square().sum(1) - sigma.log().sum(1)
    written = (t + log_r + 0.5 * z.square().sum(1)).mean()
    expected = torch.autograd.grad(written, [scale, shift])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert body.a.grad is None and body.b.grad is None
    assert walk[0].name == "reference_kl_by_critic"


def test_the_link_must_end_at_the_reference_that_the_critic_looks_from():
    with pytest.raises(Refused, match="one reference"):
        Link("posterior", Reference(), AdaptiveContrast(Reference()))
    with pytest.raises(Refused, match="one reference"):
        Link("posterior", "prior", AdaptiveContrast(Reference()))


def test_examples_that_are_alike_share_their_moments_which_are_taken_once():
    seen = []

    def posterior(x):
        seen.append(len(x))
        return Skewed(x)

    torch.manual_seed(0)
    draw = Draw(Model(posterior), torch.randn(3, 2).repeat(20, 1))
    law = Reference(noises=2000).distribution(draw)
    assert seen == [3]
    torch.testing.assert_close(law.mean, draw.x, atol=0.12, rtol=0)
    assert torch.equal(law.variance[:3], law.variance[-3:])


@pytest.mark.parametrize("fixed", [True, False])
def test_what_the_critic_minimises_reaches_no_moment_of_the_posterior(fixed):
    scale = torch.tensor([0.4, 0.7], requires_grad=True)
    draw = draw_of(lambda x: Independent(Normal(x, scale.expand_as(x)), 1))
    reference = Reference(fixed=fixed)
    near = Link("posterior", reference, AdaptiveContrast(reference, Critic((4,), "tanh", gradient_penalty=2.0)))
    near.estimator.critic.build(draw, given_x=True)
    (critic,) = near.estimator.adversaries(near.name, near.left, near.right)
    sum(weight * term(draw).mean() for weight, term in critic.terms).backward()
    assert scale.grad is None
    assert all(parameter.grad is not None for parameter in near.estimator.critic.parameters())


def test_moments_that_are_constants_are_taken_once_for_all_draws_of_a_batch_while_the_model_stands():
    seen = []

    def posterior(x):
        seen.append(len(x))
        return Skewed(x)

    draw = draw_of(posterior)
    law = Reference(noises=50)
    first = law.distribution(draw.again())
    assert law.distribution(draw.again()) is first and law.distribution(draw.again(inferred=False)) is first
    assert len(seen) == 1
