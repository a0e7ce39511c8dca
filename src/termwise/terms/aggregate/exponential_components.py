"""N laws of other exponential families, as constants: gamma, beta, Dirichlet and von Mises.

    log q(z|x_n) = T(z) . eta_n - A(eta_n)

T is of each number of the code by itself: [log z, z], [log z, log(1 - z)], log z, and [cos z, sin z]. The numbers of a
Dirichlet law stand in a simplex, and are one dimension of the code; of the others each number is one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Beta, Dirichlet, Distribution, Gamma, VonMises

from termwise.models.distributions import innermost
from termwise.terms.aggregate.components import Components, LinearComponents

Statistic = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Family:
    """An exponential family over flat codes.

    Attributes:
        statistics: T, each of a number of the code by itself.
        slopes: Their derivatives.
        natural: A batch of laws, batch shape (N,), as eta, one tensor of shape (N, D) for each statistic; and A(eta),
            shape (N, D), or (N,) where the numbers are one dimension.
        by_number: Whether each number is a dimension of its own.
    """

    statistics: tuple[Statistic, ...]
    slopes: tuple[Statistic, ...]
    natural: Callable[[Any], tuple[tuple[Tensor, ...], Tensor]]
    by_number: bool = True


def _gamma(law: Any) -> tuple[tuple[Tensor, ...], Tensor]:
    shape, rate = (of.double() for of in torch.broadcast_tensors(law.concentration, law.rate))
    return (shape - 1, -rate), torch.lgamma(shape) - shape * rate.log()


def _beta(law: Any) -> tuple[tuple[Tensor, ...], Tensor]:
    one, other = law.concentration1.double(), law.concentration0.double()
    return (one - 1, other - 1), torch.lgamma(one) + torch.lgamma(other) - torch.lgamma(one + other)


def _dirichlet(law: Any) -> tuple[tuple[Tensor, ...], Tensor]:
    concentration = law.concentration.double()
    return (concentration - 1,), torch.lgamma(concentration).sum(-1) - torch.lgamma(concentration.sum(-1))


def _von_mises(law: Any) -> tuple[tuple[Tensor, ...], Tensor]:
    location, concentration = (of.double() for of in torch.broadcast_tensors(law.loc, law.concentration))
    eta = (concentration * location.cos(), concentration * location.sin())
    return eta, math.log(2 * math.pi) + concentration + torch.special.i0e(concentration).log()


FAMILIES: dict[type[Distribution], Family] = {
    Gamma: Family((torch.log, lambda z: z), (torch.reciprocal, torch.ones_like), _gamma),
    Beta: Family((torch.log, lambda z: torch.log1p(-z)), (torch.reciprocal, lambda z: -1 / (1 - z)), _beta),
    Dirichlet: Family((torch.log,), (torch.reciprocal,), _dirichlet, by_number=False),
    VonMises: Family((torch.cos, torch.sin), (lambda z: -z.sin(), torch.cos), _von_mises),
}
"""By torch's law of one number, or of one simplex."""


class ExponentialComponents(LinearComponents):
    """N components of one of `FAMILIES`.

    Args:
        family: Which.
        slope: eta, float64, shape (N, K), statistic by statistic.
        normaliser: A(eta), shape (N, D), or (N, 1) where the numbers are one dimension.
        dtype: The type of the codes.
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("normaliser", *LinearComponents.TENSORS)

    def __init__(self, family: Family, slope: Tensor, normaliser: Tensor, dtype: torch.dtype) -> None:
        self.family, self.dtype = family, dtype
        self.slope, self.normaliser = slope.detach(), normaliser.detach()
        self.intercept = -self.normaliser.sum(1)
        self.slope32 = self.slope.to(dtype)

    @classmethod
    def of(cls, law: Distribution) -> "ExponentialComponents | None":
        """A batch of laws, batch shape (N,), as components; None where they are of no family that is known."""
        one = innermost(law)
        family = FAMILIES.get(type(one))
        if family is None:
            return None
        eta, normaliser = family.natural(one)
        normaliser = normaliser if family.by_number else normaliser.unsqueeze(1)
        return cls(family, torch.cat(eta, 1), normaliser, one.mean.dtype)

    @property
    def size(self) -> int:
        """D, the numbers of a code."""
        return self.slope.shape[1] // len(self.family.statistics)

    def at(self, rows: Tensor) -> "ExponentialComponents":
        """The components at these rows, shape (n,)."""
        return ExponentialComponents(self.family, self.slope[rows], self.normaliser[rows], self.dtype)

    @classmethod
    def joined(cls, several: Sequence["ExponentialComponents"]) -> "ExponentialComponents":
        """The components of several, in order."""
        slope, normaliser = (torch.cat([getattr(one, name) for one in several]) for name in ("slope", "normaliser"))
        return cls(several[0].family, slope, normaliser, several[0].dtype)

    def state(self) -> dict[str, Any]:
        """Natural parameters and normalisers, of a family by its name."""
        name = next(law.__name__ for law, family in FAMILIES.items() if family is self.family)
        return {"family": name, "slope": self.slope, "normaliser": self.normaliser, "dtype": str(self.dtype)}

    def features(self, z: Tensor) -> Tensor:
        """The statistics T(z), shape (B, K)."""
        return torch.cat([statistic(z) for statistic in self.family.statistics], 1)

    def gradient(self, z: Tensor, mean_slope: Tensor) -> Tensor:
        """T'(z) . mean_slope, number by number, shape (B, D)."""
        parts = zip(self.family.slopes, mean_slope.chunk(len(self.family.slopes), 1), strict=True)
        return torch.stack([slope(z) * mean for slope, mean in parts]).sum(0)

    def by_dimension(self) -> list[tuple[slice, Components]]:
        """Number by number; or all of a simplex together."""
        if not self.family.by_number:
            return [(slice(0, self.size), self)]
        step = self.size
        return [
            (
                slice(j, j + 1),
                ExponentialComponents(self.family, self.slope[:, j::step], self.normaliser[:, j : j + 1], self.dtype),
            )
            for j in range(step)
        ]
