"""Implicit posteriors: codes that are a function of the example and of noise, sampled and without a density.

    z = f(x, eps)                 or, with a last Gaussian layer,    z = f(x, eps) + sigma(x) eta,   eta ~ N(0, I)

With the last layer q(z|x) = E_eps N(z; f(x, eps), diag sigma^2(x)) is a mixture of normals without end: no density that
can be written down, yet one that can be bounded on both sides (Yin and Zhou, 2018, section 2).
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.kl import register_kl

from termwise.errors import NoDensity, Refused


class Pushforward(Protocol):
    """f(x, .) of a batch of B examples: noise in, codes out."""

    size: tuple[int, int]  # (B, D)

    def sample(self, count: int) -> Tensor:
        """f(x, eps) of fresh, independent noises for every example, shape (count, B, D), with pathwise gradient."""
        ...

    def moments(self, count: int | None, full: bool) -> tuple[Tensor, Tensor]:
        """Mean, shape (B, D), and variances, (B, D), or where `full` the covariance, (B, D, D); with gradient.

        Args:
            count: Estimate by so many fresh noises for every example, where there is no closed form; None for a
                fixed set of noises, so that the same examples always get the same answer.
        """
        ...


class ImplicitPosterior(Distribution):
    """q(z|x), batch shape (B,), event shape (D,): it can be sampled, and has no log_prob.

    Args:
        push: f(x, .).
        last_scale: sigma(x) of the last Gaussian layer, shape (B, D); None where there is none.

    Example:
        >>> from termwise.models.posteriors import posterior_family
        >>> family = posterior_family("noise-input", 2, {"hidden": [16]})
        >>> posterior = family(torch.zeros(5, family.features))
        >>> posterior.rsample((100,)).shape, posterior.mean.shape
        (torch.Size([100, 5, 2]), torch.Size([5, 2]))
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True
    support = constraints.real_vector

    def __init__(self, push: Pushforward, last_scale: Tensor | None = None) -> None:
        self.push, self.last_scale = push, last_scale
        batch, latent = push.size
        super().__init__(torch.Size([batch]), torch.Size([latent]), validate_args=False)

    def centres(self, count: int) -> Tensor:
        """f(x, eps) of `count` fresh noises for every example, shape (count, B, D): the last layer's means."""
        return self.push.sample(count)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes, shape (*sample_shape, B, D), with their pathwise gradient."""
        shape = torch.Size(sample_shape)
        z = self.push.sample(shape.numel())
        if self.last_scale is not None:
            z = z + self.last_scale * torch.randn_like(z)
        return z.unflatten(0, shape) if shape else z.squeeze(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """There is none: NoDensity is raised, and says what does without."""
        raise NoDensity(
            "This posterior is implicit: it can be sampled, and has no density for this estimator to use. Compare it "
            "by samples (DensityRatio, Kernel), or choose a posterior with a density (diagonal-normal, full-normal)."
        )

    @property
    def mean(self) -> Tensor:
        """E[z|x], shape (B, D): in closed form, or over a fixed set of noises."""
        return self.push.moments(None, full=False)[0]

    @property
    def variance(self) -> Tensor:
        """Var[z_j|x], shape (B, D): in closed form, or over a fixed set of noises."""
        return self.moments()[1]

    def moments(self, count: int | None = None, full: bool = False) -> tuple[Tensor, Tensor]:
        """Mean, shape (B, D), and variances, (B, D), or where `full` the covariance, (B, D, D); with their gradient.

        Args:
            count: Fresh noises for every example, where the moments have no closed form: the mean and the covariance
                over them are unbiased. None for a fixed set of noises, so that the moments do not jitter.
            full: Whether the covariance is wanted, and not the variances alone.

        Raises:
            Refused: Too few noises for moments to be told from them.
        """
        least = self.push.size[1] + 2 if full else 2
        if count is not None and count < least:
            raise Refused(f"A posterior's moments need {least} noises or more for every example; got {count}.")
        mean, spread = self.push.moments(count, full)
        if self.last_scale is not None:
            own = self.last_scale.square()
            spread = spread + (own.diag_embed() if full else own)
        return mean, spread


def _no_divergence(left: ImplicitPosterior, right: Distribution) -> Tensor:
    return left.log_prob(left.mean)


register_kl(ImplicitPosterior, Distribution)(_no_divergence)


@runtime_checkable
class ImplicitFamily(Protocol):
    """A posterior family whose posteriors are implicit: a PosteriorFamily that says how much noise it takes.

    Attributes:
        noise_size: How many numbers of noise a code is made of; fewer than D leave codes on a surface.
    """

    name: str
    latent: int
    noise_size: int
    options: dict[str, Any]

    @property
    def features(self) -> int:
        """How many numbers per example the encoder must give."""
        ...

    def __call__(self, features: Tensor) -> ImplicitPosterior:
        """q(z|x), batch shape (B,), event shape (D,)."""
        ...
