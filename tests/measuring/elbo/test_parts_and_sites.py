"""Accounts by part: priors that tell blocks in another order, distortions by part of x, unknowns that all share."""

import pytest
import torch
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence

from termwise.api import measure
from termwise.errors import Refused
from termwise.models.block_law import Conditional
from termwise.models.chained_law import ChainedLaw
from termwise.terms.closed_form import kl_by_block, kl_given_codes

X = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))


def normal(mean, scale):
    return Independent(Normal(mean, torch.as_tensor(scale)), 1)


def posterior(x):
    """q(low|x) q(top|low), from below."""
    return ChainedLaw(
        [normal(x[:, :1], 0.5), Conditional(lambda low, _: normal(0.6 * low, 0.7), [0], 1)], ("low", "top")
    )


def prior():
    """p(top) p(low|top), from above: its first block is given its second."""
    top = normal(torch.zeros(1), 1.0)
    return ChainedLaw([Conditional(lambda top, _: normal(0.8 * top, 0.6), [1], 1), top], ("low", "top"))


def joint_normals():
    """The same two laws as normals of two dimensions."""
    of_posterior = torch.tensor([[0.25, 0.15], [0.15, 0.36 * 0.25 + 0.49]])
    mean = torch.stack([X[:, 0], 0.6 * X[:, 0]], 1)
    of_prior = torch.tensor([[0.64 + 0.36, 0.8], [0.8, 1.0]])
    return MultivariateNormal(mean, of_posterior), MultivariateNormal(torch.zeros(2), of_prior)


class ByPart(Distribution):
    """x in two parts."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, z):
        self.z = z
        super().__init__(z.shape[:1], torch.Size([4]), validate_args=False)

    def log_prob_by_part(self, value):
        density = Normal(self.z[:, :1].expand(-1, 4), 1.0).log_prob(value)
        return {"left": density[:, :1].sum(1), "right": density[:, 1:].sum(1)}

    def log_prob(self, value):
        return sum(self.log_prob_by_part(value).values())


class Upwards:
    """A model of these, with unknowns that all share."""

    def infer(self, x):
        return posterior(x), None

    def generate(self, z, context):
        return ByPart(z)

    def prior_law(self):
        return prior()

    def shared_rates(self):
        return {"bias": torch.tensor(1.5), "noise": torch.linspace(-1.0, 2.0, 64)}


def test_a_prior_in_another_order_is_sampled_as_the_law_that_it_is():
    codes, law = prior().sample((20_000,)), joint_normals()[1]
    assert torch.allclose(codes.T.cov(), law.covariance_matrix, atol=4 * 2 / 20_000**0.5)
    assert torch.allclose(prior().log_prob(codes), law.log_prob(codes), atol=1e-4)


def test_the_rate_to_a_prior_in_another_order_is_that_of_the_joint_normals():
    account = measure(Upwards(), X, samples=8)
    q, p = joint_normals()
    exact = kl_divergence(q, p)
    difference = account.per_example["rate"] - exact
    assert abs(float(difference.mean())) < 4 * float(difference.std()) / len(X) ** 0.5
    assert account["rate"].estimator.startswith("Monte Carlo")
    by_block = account.by_dimension["rate_by_block"]
    error = sum(one**2 for one in by_block.stderr) ** 0.5
    assert abs(sum(by_block.value) - float(exact.mean())) < 4 * error


def test_no_closed_form_given_codes_is_taken_of_a_block_whose_prior_knows_what_it_made():
    law, codes = posterior(X), posterior(X).sample()
    with pytest.raises(Refused, match="given blocks after it"):
        kl_given_codes(law, prior(), codes)
    low, top = kl_by_block(law, prior(), codes).float().T
    assert torch.allclose(top, kl_divergence(Normal(0.6 * codes[:, 0], 0.7), Normal(0.0, 1.0)), atol=1e-5)
    ratio = Normal(X[:, 0], 0.5).log_prob(codes[:, 0]) - Normal(0.8 * codes[:, 1], 0.6).log_prob(codes[:, 0])
    assert torch.allclose(low, ratio, atol=1e-4)


def test_the_distortion_is_read_by_part_and_what_all_share_once():
    account = measure(Upwards(), X, samples=2)
    assert account.data["parts"] == ["left", "right"] and account.data["shared"] == ["bias", "noise"]
    left, right = account.by_dimension["distortion_by_part"].value
    assert left + right == pytest.approx(account["distortion"].value, rel=1e-6)
    assert left < right / 2
    assert account["shared_rate"].value == pytest.approx(2.0)
    spread = float(torch.linspace(-1.0, 2.0, 64).std()) / 8
    assert account["shared_rate"].stderr == pytest.approx(spread, rel=1e-4)
    assert account.by_dimension["shared_rate_by_site"].value == pytest.approx([1.5, 0.5])
    assert "once for all examples" in account["shared_rate"].bias
