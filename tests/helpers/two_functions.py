"""A model that is two functions, of twelve binary images of 4 x 4, and its rate."""

import torch
from torch import nn
from torch.distributions import Independent, Normal

from termwise.models import Draw
from termwise.terms import ClosedForm, Link

DOWN = torch.randn(16, 4, generator=torch.Generator().manual_seed(1)) / 4
X = (torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(2)) > 0.5).float()


def mean_of(x):
    return x.flatten(1) @ DOWN


def encode(x):
    return mean_of(x), mean_of(x) - 1


def logits(z):
    return (z @ DOWN.T).view(-1, 1, 4, 4)


def posterior() -> Independent:
    mean, log_variance = encode(X)
    return Independent(Normal(mean, log_variance.exp().sqrt()), 1)


def rate_of(model) -> torch.Tensor:
    values = Link("posterior", "prior", ClosedForm())(Draw(model, X))
    return values.sum(1) if values.dim() == 2 else values


class Theirs(nn.Module):
    """A model that someone trained."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(16, 8), nn.Sequential(nn.Linear(4, 16), nn.Dropout())

    def encode(self, x):
        return self.down(x.flatten(1)).chunk(2, dim=1)

    def decode(self, z):
        return self.up(z).view(-1, 1, 4, 4).sigmoid()
