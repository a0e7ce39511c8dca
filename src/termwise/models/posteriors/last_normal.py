"""A last Gaussian layer on an implicit posterior: z = f(x, eps) + sigma(x) eta, eta ~ N(0, I).

It gives any implicit family a density that can be bounded from both sides (`implicit`).
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.posteriors.implicit import ImplicitFamily, ImplicitPosterior

START = 0.1
"""About what a learned sigma is at first: a layer as wide as the prior would drown what the code says of x."""


class LastNormal(nn.Module):
    """A family with a last Gaussian layer; its features are the inner family's, then log of sigma over its start.

    Args:
        inner: The family.
        sigma: "learned", for every example and dimension; or a number, the same for all.
        least_sigma: What is added to a learned sigma, so that the layer cannot vanish.

    Example:
        >>> import torch
        >>> from termwise.models.posteriors import NoiseInput
        >>> family = LastNormal(NoiseInput(2, noise=1, hidden=[8]), sigma=0.1)
        >>> family(torch.zeros(3, family.features)).last_scale
        tensor([[0.1000, 0.1000],
                [0.1000, 0.1000],
                [0.1000, 0.1000]])
    """

    def __init__(
        self,
        inner: ImplicitFamily,
        sigma: float | Literal["learned"] = "learned",
        least_sigma: float = 0.01,
    ) -> None:
        super().__init__()
        fixed = sigma if isinstance(sigma, int | float) and not isinstance(sigma, bool) else None
        if (sigma != "learned" and not (fixed is not None and fixed > 0)) or not least_sigma >= 0:
            raise Refused(
                'The last layer\'s sigma is "learned" or a number above 0, and least_sigma 0 or more; got '
                f"sigma {sigma!r} and least_sigma {least_sigma!r}."
            )
        self.inner, self.fixed, self.least_sigma = inner, fixed, least_sigma
        self.latent, self.name = inner.latent, f"{inner.name}+normal"
        self.noise_size = inner.noise_size + inner.latent
        self.options = {**inner.options, "sigma": sigma, "least_sigma": least_sigma}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: the inner family's, and D where sigma is learned."""
        return self.inner.features + (self.latent if self.fixed is None else 0)

    def forward(self, features: Tensor) -> ImplicitPosterior:
        """q(z|x), batch shape (B,), event shape (D,)."""
        if self.fixed is not None:
            scale = features.new_full((len(features), self.latent), self.fixed)
        else:
            features, log_scale = features.split([self.inner.features, self.latent], dim=-1)
            scale = self.least_sigma + START * log_scale.exp()
        return ImplicitPosterior(self.inner(features).push, scale)


def with_last_normal(family: type[Any]) -> Callable[..., LastNormal]:
    """The maker of an implicit family with a last Gaussian layer, which takes the options of both.

    Args:
        family: The inner family's class, made of `latent` and options.
    """

    def make(
        latent: int,
        *,
        sigma: float | Literal["learned"] = "learned",
        least_sigma: float = 0.01,
        **options: Any,
    ) -> LastNormal:
        return LastNormal(family(latent, **options), sigma, least_sigma)

    inner = list(inspect.signature(family).parameters.values())
    layer = [one for one in inspect.signature(make).parameters.values() if one.kind is one.KEYWORD_ONLY]
    options = [one.replace(kind=one.KEYWORD_ONLY) for one in inner[1:]]
    make.__signature__ = inspect.Signature([inner[0], *options, *layer])  # type: ignore[attr-defined]
    return make
