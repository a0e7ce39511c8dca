"""A mixture of normals for a prior, which learns: p(z) = sum_k w_k N(z; m_k, diag s_k^2)."""

import math
from typing import Any

import torch
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from termwise.main_memory import check_fits
from termwise.values import Count

APART = 0.5
"""The standard deviation of the components' means at first; with their own, the mixture has the moments of N(0, I)."""


class MixturePrior(nn.Module):
    """The mixture: weights, means and standard deviations learn; at first it has about the moments of N(0, I).

    Args:
        latent: D.
        components: K, of how many normals.

    Example:
        >>> law = MixturePrior(2, components=3)()
        >>> law.component_distribution.mean.shape, law.sample((5,)).shape
        (torch.Size([3, 2]), torch.Size([5, 2]))
    """

    name = "mixture"

    def __init__(self, latent: int, components: Count = 10) -> None:
        super().__init__()
        check_fits(8 * components * latent, "The mixture prior")
        self.options: dict[str, Any] = {"components": components}
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(APART * torch.randn(components, latent))
        self.log_scale = nn.Parameter(torch.full((components, latent), 0.5 * math.log(1 - APART**2)))

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (D,)."""
        normals = Independent(Normal(self.mean, self.log_scale.exp(), validate_args=False), 1, validate_args=False)
        return MixtureSameFamily(Categorical(logits=self.logits, validate_args=False), normals, validate_args=False)
