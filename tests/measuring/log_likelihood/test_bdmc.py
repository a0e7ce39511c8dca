import math

import pytest
import torch

from helpers.exact_evidence import Binary, dataset, linear, log_evidence, normal
from termwise.errors import Refused
from termwise.measuring.log_likelihood.annealing import Annealer
from termwise.measuring.log_likelihood.bdmc import Certificate, bracket, certificates, doubling, simulate
from termwise.models.data_pass import DataPass


def simulated(model, data, chains=4, base="posterior"):
    draw = next(iter(DataPass(model, dataset(data))()))
    return simulate(model, draw, Annealer(chains, 3, base))


@pytest.mark.parametrize(("latent", "noise"), [(2, 0.1), (8, 1.0), pytest.param(32, 0.1, marks=pytest.mark.slow)])
def test_bdmc_brackets_log_p_of_x_and_closes_on_it(latent, noise):
    world = linear(latent, noise)
    torch.manual_seed(1)
    batch = simulated(world, world.data(40))
    truth = log_evidence(world, batch.path.joint.x)
    gaps = []
    for certificate in certificates([batch], 4, 0.1, [3, 32]):
        short, over = truth - certificate.lower, certificate.upper - truth
        for error in (short, over):
            assert float(error.mean()) > -4 * float(error.std()) / math.sqrt(40)
        gaps.append(certificate.gap)
    assert gaps[1] < 0.1 or gaps[1] < 0.25 * gaps[0]


def test_simulated_examples_are_of_the_model():
    world = linear(2, 0.5)
    torch.manual_seed(2)
    x = simulated(world, torch.zeros(4000, 4)).path.joint.x.double()
    covariance = world.decoder @ world.decoder.T + 0.25 * torch.eye(4)
    assert torch.all((x.mean(0) - world.decoder_offset).abs() < 4 * (covariance.diagonal() / 4000).sqrt())
    scale = covariance.diagonal().outer(covariance.diagonal()).sqrt()
    assert torch.all((torch.cov(x.T) - covariance).abs() < 4 * scale * math.sqrt(2 / 4000))


def test_one_temperature_bounds_a_binary_world_loosely_from_both_sides():
    binary = Binary(mirrored=True)
    torch.manual_seed(3)
    batch = simulated(binary.model(), binary.data(200), chains=2)
    truth = binary.log_evidence(batch.path.joint.x)
    lower, upper = bracket([batch], torch.tensor([0.0, 1.0]).double(), 1)
    for error in (truth - lower, upper - truth):
        assert float(error.mean()) > 4 * float(error.std()) / math.sqrt(200)


def test_a_context_of_the_data_is_the_one_simulated_under_and_bracketed_under():
    class Scaled:
        """x ~ N(c z, I), log p(x|c) = log N(x; 0, (1 + c^2) I); c of the simulated x is far from that of the data."""

        def infer(self, x):
            return normal(x / 2, torch.full_like(x, 0.8)), 0.2 + 4 * (-x[:, :1].abs()).exp()

        def generate(self, z, context):
            return normal(context * z, torch.ones_like(z))

        def prior_law(self):
            return normal(torch.zeros(2), torch.ones(2))

    data = torch.linspace(0, 4, 100)[:, None].repeat(1, 2)
    torch.manual_seed(4)
    batch = simulated(Scaled(), data)
    scale = (1 + (0.2 + 4 * (-data).exp()) ** 2).sqrt()
    truth = torch.distributions.Normal(0.0, scale).log_prob(batch.path.joint.x).sum(1)
    lower, upper = bracket([batch], torch.linspace(0, 1, 21).double(), 4)
    for error in (truth - lower, upper - truth):
        assert abs(float(error.mean())) < 4 * float(error.std()) / math.sqrt(100) + 0.03
        assert float(error.abs().mean()) < 0.4  # under another context it is about 2


def test_a_certificate_is_reached_by_two_standard_errors_on_either_side_of_zero():
    schedule = torch.tensor([0.0, 1.0])

    def reached(*gaps):
        upper = torch.tensor(gaps)
        return Certificate(torch.zeros(len(upper), 1), schedule, torch.zeros(len(upper)), upper, 0.1).reached

    assert reached(0.02, 0.04, 0.03)
    assert not reached(0.2, 0.1, 0.15)
    assert not reached(-0.3, 0.3, 0.0)  # a mean of zero, but nothing is known
    assert not reached(-0.2, -0.21, -0.22)
    assert doubling(8) == [8] and doubling(50) == [8, 16, 32, 50] and doubling(3) == [3]


def test_a_likelihood_without_samples_is_refused_with_what_to_do():
    class Silent(torch.distributions.Distribution):
        arg_constraints = {}  # noqa: RUF012

    world = linear(2, 1.0)
    silent = type("Model", (), {"generate": lambda self, z, context: Silent(validate_args=False)})()
    silent.infer, silent.prior_law = world.infer, world.prior_law
    with pytest.raises(Refused, match="simulated=0"):
        simulated(silent, torch.zeros(3, 4))
