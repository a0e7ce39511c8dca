"""Log p(x) and the account's terms under likelihoods of any kind, against quadrature over one latent dimension."""

import math

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.models import VAE

N = 80
GRID = torch.linspace(-9, 9, 4001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])
SPECS = ["negative-binomial:observed"]
SLOW = ["negative-binomial", "poisson", "zero-inflated-poisson", "student-t:4", "beta", "discretized-logistic:17"]
SPECS += [pytest.param(spec, marks=pytest.mark.slow) for spec in SLOW]


class Doubled(nn.Module):
    """A linear function of z, as the shape that a likelihood asks."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.linear = shape, nn.Linear(1, math.prod(shape))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.linear(z).view(-1, *self.shape)


def model_of(spec: str) -> VAE:
    """A decoder that is linear in z, and an encoder that is not the best."""
    shape = tw.VAE.build((3,), 1, likelihood=spec).likelihood.decoded_shape((3,))
    model = VAE(nn.Linear(3, 2), Doubled(shape), shape=(3,), latent=1, likelihood=spec).eval()
    with torch.no_grad():
        model.encoder.weight.mul_(0.5)
        model.encoder.bias.copy_(torch.tensor([0.2, -1.0]))
        model.decoder.linear.weight.normal_(0, 0.6)
    return model


@pytest.mark.parametrize("spec", SPECS)
def test_log_p_of_x_and_the_terms_are_those_of_quadrature(spec):
    torch.manual_seed(3)
    model = model_of(spec)
    with torch.no_grad():
        x = model.decode(torch.randn(N, 1)).sample().float()
        codes = GRID.float()[:, None]
        joint = torch.stack([model.decode(codes).log_prob(one.expand(len(GRID), 3)).double() for one in x])  # (N, K)
        q = model.encode(x)
        mean, sd = q.mean.double(), q.stddev.double()
    prior = -0.5 * GRID.square() - 0.5 * math.log(2 * math.pi)
    evidence = torch.logsumexp(joint + prior + math.log(STEP), 1)
    own = -0.5 * ((GRID - mean) / sd).square() - sd.log() - 0.5 * math.log(2 * math.pi)  # log q(z|x), (N, K)
    aggregate = torch.logsumexp(own, 0) - math.log(N)
    density = own.exp()

    def by_quadrature(values):
        """The mean over examples of E_q[values], and the standard error of 16 codes an example, (N, K) to ()."""
        means = (density * values).sum(1) * STEP
        variances = (density * (values - means[:, None]).square()).sum(1) * STEP
        return float(means.mean()), float((variances.sum() / 16).sqrt() / N)

    terms = {
        "distortion": by_quadrature(-joint),
        "rate": by_quadrature(own - prior),
        "index_code_mi": by_quadrature(own - aggregate),
        "marginal_kl": by_quadrature((aggregate - prior).expand(N, -1)),
    }
    data = tw.load_data(x, test=0.0, standardize=False)
    account = tw.measure(model, data, samples=16)
    for name, (value, error) in terms.items():
        assert abs(account[name].value - value) < 4 * error, name
    importance = tw.log_likelihood(model, data, method="iwae", samples=2000)
    annealed = tw.log_likelihood(model, data, limit=20, simulated=0, temperatures=20, chains=4)
    for found, index, samples in ((importance, slice(None), 2000), (annealed, annealed.index, 4)):
        # relative errors of the weights, whose effective number is known, add up over examples
        relative = samples / found.per_example["effective_sample_size"] - 1
        error = float((relative.clamp(min=0) / samples).sum().sqrt()) / len(relative)
        bias = float(relative.mean()) / (2 * samples)
        assert abs(found["log_likelihood"].value - float(evidence[index].mean())) < 4 * error + bias + 1e-3
