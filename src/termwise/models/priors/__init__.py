"""Priors: p(z), as modules, so that a prior may learn."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from termwise.errors import Refused


class StandardNormal(nn.Module):
    """N(0, I) over codes of `latent` dimensions."""

    name = "standard-normal"
    zero: Tensor

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (D,)."""
        zero = self.zero
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)


class GivenPrior(nn.Module):
    """p(z) as a distribution of the user's, event shape (D,)."""

    name = "given"

    def __init__(self, law: Distribution) -> None:
        super().__init__()
        self.law = law

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (D,)."""
        return self.law


def prior_from(given: Distribution | nn.Module | None, latent: int) -> nn.Module:
    """The prior as a module: N(0, I) where none is given; Refused where it is not over codes of `latent` dimensions."""
    prior = given if isinstance(given, nn.Module) else StandardNormal(latent) if given is None else GivenPrior(given)
    law = prior()
    if (law.batch_shape, law.event_shape) != ((), (latent,)):
        raise Refused(
            f"The prior must have batch shape () and event shape ({latent},); got {tuple(law.batch_shape)} and "
            f"{tuple(law.event_shape)}. Independent(..., 1) makes a batch of laws one event."
        )
    return prior
