"""A normalising flow for a prior, which learns: N(0, I) bent by monotone splines (Durkan et al., 2019).

The flow is that of `spline_flow.py`, given numbers that learn where it would be given x. It is exact in both
directions, so that codes of the prior have a pathwise gradient.
"""

from typing import Any

import torch
from torch import nn

from termwise.models.spline_flow import FlowLaw, SplineFlow
from termwise.values import Count


class FlowPrior(nn.Module):
    """The law of a spline flow; at first it is N(0, I).

    Args:
        latent: D.
        layers: How many times all dimensions are bent.
        bins: Of every spline.
        hidden: The width of its networks.

    Example:
        >>> law = FlowPrior(2, layers=2, hidden=8)()
        >>> law.log_prob(torch.zeros(2))  # -log 2 pi, as of N(0, I)
        tensor(-1.8379, grad_fn=<SubBackward0>)
    """

    name = "flow"

    def __init__(self, latent: int, layers: Count = 4, bins: Count = 8, hidden: Count = 64) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"layers": layers, "bins": bins, "hidden": hidden}
        self.flow = SplineFlow(latent, layers, bins, hidden)
        self.features = nn.Parameter(torch.cat([torch.zeros(2 * latent), torch.ones(hidden)]))

    def forward(self) -> FlowLaw:
        """p(z), batch shape (), event shape (D,)."""
        return self.flow(self.features)
