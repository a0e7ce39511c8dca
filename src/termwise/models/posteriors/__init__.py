"""Posterior families: an encoder's features -> q(z|x), a torch Distribution over codes z, shape (D,).

A family is a module of features alone, so the same encoder body serves any of them; an implicit one has small networks
of its own, which whoever owns the encoder owns too.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import Refused, UnknownName
from termwise.models.posteriors.implicit import LastNormal
from termwise.models.posteriors.noise_basis import NoiseBasis
from termwise.models.posteriors.noise_input import NoiseInput


class PosteriorFamily(Protocol):
    """Turns features of shape (B, features) into q(z|x)."""

    name: str
    latent: int
    options: dict[str, Any]

    @property
    def features(self) -> int:
        """How many numbers per example the encoder must give."""
        ...

    def __call__(self, features: Tensor) -> Distribution:
        """q(z|x), batch shape (B,), event shape (D,)."""
        ...


class DiagonalNormal(nn.Module):
    """N(mu, diag sigma^2); features are [mu, log sigma^2] (Kingma and Welling, 2014, eq. 9)."""

    name = "diagonal-normal"

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.options: dict[str, Any] = {}

    @property
    def features(self) -> int:
        """2 D."""
        return 2 * self.latent

    def forward(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D)."""
        mean, log_variance = features.chunk(2, dim=-1)
        scale = (0.5 * log_variance).exp()
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


class FullNormal(nn.Module):
    """N(mu, Sigma) with Sigma = L L', L lower triangular; features are [mu, log diag L, the rest of L, row by row]."""

    name = "full-normal"

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.options: dict[str, Any] = {}

    @property
    def features(self) -> int:
        """2 D + D (D - 1) / 2."""
        return 2 * self.latent + self.latent * (self.latent - 1) // 2

    def forward(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D + D (D - 1) / 2)."""
        d = self.latent
        mean, log_diagonal, below = features.split([d, d, features.shape[-1] - 2 * d], dim=-1)
        rows, columns = torch.tril_indices(d, d, offset=-1, device=features.device)
        scale_tril = torch.diag_embed(log_diagonal.exp())
        scale_tril[..., rows, columns] = below
        return MultivariateNormal(mean, scale_tril=scale_tril, validate_args=False)


def _with_last_normal(family: Callable[..., Any]) -> Callable[..., LastNormal]:
    """A family with a last Gaussian layer: options of the layer, and the family's own."""

    def built(latent: int, sigma: float | str = "learned", least_sigma: float = 0.01, **options: Any) -> LastNormal:
        return LastNormal(family(latent, **options), sigma, least_sigma)

    return built


POSTERIORS: dict[str, Callable[..., Any]] = {
    "diagonal-normal": DiagonalNormal,
    "full-normal": FullNormal,
    "noise-basis": NoiseBasis,
    "noise-basis+normal": _with_last_normal(NoiseBasis),
    "noise-input": NoiseInput,
    "noise-input+normal": _with_last_normal(NoiseInput),
}


def posterior_family(name: str, latent: int, options: Mapping[str, Any] | None = None) -> PosteriorFamily:
    """The family called `name`, for codes of `latent` dimensions.

    Args:
        options: The family's own, such as {"noise": 16}.

    Raises:
        Refused: Options that the family does not take, or less noise than codes with a density need.
    """
    if name not in POSTERIORS:
        raise UnknownName("posterior", name, POSTERIORS)
    try:
        family: PosteriorFamily = POSTERIORS[name](latent, **(options or {}))
    except TypeError as error:
        raise Refused(f"The posterior {name!r} cannot be built with options {dict(options or {})}: {error}") from None
    noise = getattr(family, "noise_size", latent)
    if noise < latent:
        raise Refused(
            f"{noise} numbers of noise leave codes of {latent} dimensions on a surface, where the rate has no end. Ask "
            f'for {latent} or more, or for a last Gaussian layer ("{name}+normal").'
        )
    return family
