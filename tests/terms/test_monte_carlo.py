"""Of a posterior that is no product the rate at codes has the right gradient in the mean, and no noise at the prior."""

import pytest
import torch

from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.models.spline_flow import SplineFlow
from termwise.terms import Link, MonteCarlo
from termwise.terms.closed_or_sampled import ClosedOrSampled

RATES = [MonteCarlo, ClosedOrSampled]


class OfFeatures:
    """A model whose features of an example are the example itself."""

    def __init__(self, family):
        self.family = family

    def infer(self, x):
        return self.family(x), None

    def prior_law(self):
        latent = self.family.latent
        return torch.distributions.Independent(torch.distributions.Normal(torch.zeros(latent).double(), 1.0), 1)


def bent(latent):
    """A flow of random weights, in float64."""
    flow = SplineFlow(latent, layers=2, bins=5, hidden=4).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(0.6 * torch.randn_like(parameter))
    return flow.requires_grad_(False)


@pytest.mark.parametrize("estimator", RATES)
def test_the_gradient_of_a_flows_rate_is_the_integrals_in_the_mean_within_four_standard_errors(estimator):
    flow, count = bent(1), 20_000
    one = torch.randn(flow.features, dtype=torch.float64).requires_grad_()
    nodes = torch.linspace(-15, 15, 6001, dtype=torch.float64).view(-1, 1, 1)
    log_q = flow(one.unsqueeze(0)).log_prob(nodes)
    log_p = OfFeatures(flow).prior_law().log_prob(nodes)
    kl = (log_q.exp() * (log_q - log_p)).sum() * (30 / 6000)
    (wanted,) = torch.autograd.grad(kl, one)
    several = one.detach().expand(count, -1).clone().requires_grad_()
    rate = Link("posterior", "prior", estimator())(Draw(OfFeatures(flow), several))
    (gradients,) = torch.autograd.grad(rate.sum(), several)  # of every code, in features of its own
    error = gradients.std(0) / count**0.5
    assert ((gradients.mean(0) - wanted).abs() <= 4 * error + 1e-6).all()
    assert abs(float((rate.mean() - kl).detach())) < 4 * float(rate.detach().std()) / count**0.5


@pytest.mark.parametrize("estimator", RATES)
def test_a_flow_that_is_the_prior_has_no_gradient_of_its_rate_at_any_code(estimator):
    """Its score is noise there, and nothing else: with it every code would push the flow somewhere."""
    model = VAE.build((4,), latent=3, posterior="flow:2", options={"hidden": [5]})
    with torch.no_grad():
        for parameter in model.encoder[-1].parameters():
            parameter.zero_()
    rate = Link("posterior", "prior", estimator())(Draw(model, torch.rand(6, 4)))
    gradients = torch.autograd.grad(rate.sum(), [*model.encoder.parameters(), *model.family.parameters()])
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-4


def test_a_decoder_that_learns_alone_has_the_rates_value():
    model = VAE.build((4,), latent=3, posterior="flow:2")
    for part in (model.encoder, model.family):
        part.requires_grad_(False)
    draw = Draw(model, torch.rand(6, 4))
    rate = Link("posterior", "prior", ClosedOrSampled())(draw)
    expected = draw.posterior.log_prob(draw.z) - draw.prior.log_prob(draw.z)
    assert not rate.requires_grad
    torch.testing.assert_close(rate, expected)
