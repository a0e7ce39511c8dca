"""Data of which something stands beside x, and models whose answers are known."""

import torch
from torch import nn
from torch.distributions import MultivariateNormal

import termwise as tw
from termwise.models import VAE

SIGMA = 0.5
SLOPE = torch.tensor([1.0, -0.5, 2.0])
MEANS = torch.tensor([[0.0, 0.0, 0.0], [3.0, 1.0, -2.0]])


class ExactEncoder(nn.Module):
    """q(z|x, s) = p(z|x, s) of x = m_s + w z + sigma e."""

    def forward(self, x, side):
        precision = 1 + SLOPE.square().sum() / SIGMA**2
        mean = ((x - side @ MEANS) @ SLOPE / SIGMA**2 / precision).unsqueeze(1)
        return torch.cat([mean, -precision.log().expand_as(mean)], 1)


class ExactDecoder(nn.Module):
    """m_s + w z."""

    def forward(self, z, side):
        return side @ MEANS + z * SLOPE


def linear_gaussian(count=200, seed=0):
    """The model, data drawn from it with its s beside, and log p(x|s) of every example."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.randint(2, (count,), generator=generator)
    z, noise = torch.randn(count, 1, generator=generator), torch.randn(count, 3, generator=generator)
    x = MEANS[s] + z * SLOPE + SIGMA * noise
    data = tw.load_data(x, test=0.0).with_side({"s": s})
    model = VAE(
        ExactEncoder(), ExactDecoder(), shape=(3,), latent=1, likelihood=f"normal:{SIGMA}", side=data.side
    ).eval()
    covariance = SLOPE.outer(SLOPE) + SIGMA**2 * torch.eye(3)
    exact = MultivariateNormal(MEANS[s].double(), covariance.double()).log_prob(x.double())
    return model, data, exact


def shifted(count=600, seed=0, sigma=0.3):
    """x = m_s + sigma e, with nothing else in it: shape (count, 3)."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.randint(2, (count,), generator=generator)
    return MEANS[s] + sigma * torch.randn(count, 3, generator=generator), s
