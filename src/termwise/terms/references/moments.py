"""The reference r(z|x) of adaptive contrast: the normal with the moments of q(z|x) (Mescheder et al., 2017,
section 3.3), and the coordinates in which a critic looks at codes from it.

The moments are taken from q itself, at every round anew. `learned.py` has the references that are fitted.
"""

from abc import abstractmethod
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.models.draw import Draw
from termwise.models.drawable import given_variables
from termwise.models.posteriors import moment_matched_normal
from termwise.models.spline_flow import FlowLaw
from termwise.terms.distribution_law import DistributionLaw
from termwise.values import Count


@runtime_checkable
class ReferenceLaw(Protocol):
    """A reference r(z|x): a law with samples and a density, and coordinates of its own."""

    name: str
    given_x: bool

    @abstractmethod
    def sample(self, draw: Draw) -> Tensor:
        """One code per example, shape (B, D)."""
        ...

    @abstractmethod
    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """log r(z|x), shape (B,), nats."""
        ...

    @abstractmethod
    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions, each with a log-density of its own."""
        ...

    @abstractmethod
    def standardised(self, z: Tensor, draw: Draw) -> Tensor:
        """Codes z, shape (B, D), in its coordinates: an invertible map of them, for every x."""
        ...


class Reference(DistributionLaw):
    """r(z|x), the normal with the moments of q(z|x).

    Args:
        noises: From how many fresh codes of every example the moments are taken, where they have no closed form; None
            for a fixed set of noises, where the posterior has one: moments that jitter blur what a critic sees.
        full: Whether r has the covariances too, and not the variances alone.
        fixed: Whether the moments are constants under the gradient. Both are right: as constants, r is a coordinate
            system; with their gradient, log r gives the terms that a moving one asks for.

    Example:
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4))
        >>> Reference().standardised(draw.posterior.mean, draw).abs().max().item()
        0.0
    """

    name = "reference"
    given_x = True

    def __init__(self, noises: int | None = None, full: bool = False, fixed: bool = True) -> None:
        self.noises, self.full, self.fixed = noises, full, fixed

    def distribution(self, draw: Draw) -> Distribution:
        """r(z|x), batch shape (B,); once for all its links, and as constants once for all draws of a standing model."""

        key = ("reference", self.noises, self.full)
        if not self.fixed:
            return draw.once(key, lambda: moment_matched_normal(draw.posterior, self.noises, self.full))

        def compute() -> Distribution:
            few = _few_examples(draw)  # the moments of each are taken once
            posterior = draw.posterior if few is None else None  # with its gradient, which other links ask for next
            with torch.no_grad():
                law = draw.model.infer(few[0])[0] if few is not None else posterior
                assert law is not None
                moments = moment_matched_normal(law, self.noises, self.full)
            return _at(moments, slice(None) if few is None else few[1])

        return draw.standing(key, compute)

    def sample(self, draw: Draw) -> Tensor:
        """One code per example."""
        return self.distribution(draw).sample()

    def standardised(self, z: Tensor, draw: Draw) -> Tensor:
        """Codes z, shape (B, D), in coordinates in which r is N(0, I); for codes that are constants, so are these."""
        law = self.distribution(draw)
        return standardised(_at(law, slice(None)) if z.is_leaf else law, z)  # a critic's loss never reaches the encoder


def _few_examples(draw: Draw) -> tuple[Tensor, Tensor] | None:
    """The distinct examples of a draw that has each twice or more, and which each is; None of any other.

    To look is to wait for a device, so it is done there for small data sets alone.
    """
    whole = draw.dataset_size
    if given_variables(draw.model) or (draw.x.device.type != "cpu" and whole is not None and 2 * whole > len(draw)):
        return None
    points, which = draw.x.unique(dim=0, return_inverse=True)
    return (points, which) if 2 * len(points) <= len(draw) else None


def diagonal_reference(noises: Count | None = None, fixed: bool = True) -> Reference:
    """The normal with the means and variances of q(z|x); its options are those of `Reference`."""
    return Reference(noises, full=False, fixed=fixed)


def full_reference(noises: Count | None = None, fixed: bool = True) -> Reference:
    """The normal with the means and covariances of q(z|x); its options are those of `Reference`."""
    return Reference(noises, full=True, fixed=fixed)


def standardised(law: Distribution, z: Tensor) -> Tensor:
    """Codes z, shape (B, D), in coordinates in which a normal law or a flow is N(0, I).

    In those of any other law, such as a mixture, its mean is 0 and its variances are 1.
    """
    if isinstance(law, MultivariateNormal):
        return torch.linalg.solve_triangular(law.scale_tril, (z - law.loc).unsqueeze(-1), upper=False).squeeze(-1)
    return law.base(z)[0] if isinstance(law, FlowLaw) else (z - law.mean) / law.stddev


def _at(law: Distribution, rows: Tensor | slice) -> Distribution:
    """The normals of these rows, as constants."""
    if isinstance(law, MultivariateNormal):
        loc, factor = law.loc[rows].detach(), law.scale_tril[rows].detach()
        return MultivariateNormal(loc, scale_tril=factor, validate_args=False)
    base = cast(Independent, law).base_dist
    loc, scale = base.loc[rows].detach(), base.scale[rows].detach()
    return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
