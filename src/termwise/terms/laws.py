"""Laws: who is compared. Each can be sampled, or has a log-density, or both, given a draw.

posterior q(z|x)    aggregate q(z) = 1/N sum_n q(z|x_n)    marginals prod_j q(z_j)    prior p(z)
reference r(z|x), the normal with the moments of q(z|x)
"""

from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import NoDensity, Refused
from termwise.models.draw import Draw
from termwise.terms.memory import Memory


@runtime_checkable
class Law(Protocol):
    """A law over codes, given a draw."""

    name: str
    given_x: bool  # whether it is another law for every example

    def sample(self, draw: Draw) -> Tensor:
        """One code per example, shape (B, D)."""
        ...

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Log-density of codes z, shape (B, D): shape (B,), in nats. Raises NoDensity."""
        ...

    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions, each with a log-density of its own."""
        ...


@runtime_checkable
class Factorised(Protocol):
    """A law that is, or may be, a product over dimensions."""

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """Log-density of each dimension, shape (B, D)."""
        ...


@runtime_checkable
class Closed(Protocol):
    """A law that is a torch Distribution, so that a divergence may have a closed form."""

    def distribution(self, draw: Draw) -> Distribution:
        """The law itself."""
        ...


class _DistributionLaw:
    """What the posterior and the prior share: they are torch Distributions."""

    name: str
    given_x: bool

    def distribution(self, draw: Draw) -> Distribution:
        raise NotImplementedError

    def sample(self, draw: Draw) -> Tensor:
        raise NotImplementedError

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Shape (B,)."""
        return self.distribution(draw).log_prob(z)

    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions."""
        law = self.distribution(draw)
        return isinstance(law, Independent) and not law.base_dist.event_shape

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """Shape (B, D)."""
        law = self.distribution(draw)
        if not isinstance(law, Independent):
            raise Refused(f"A {type(law).__name__} does not factorise over dimensions, as this link needs.")
        return law.base_dist.log_prob(z)


class Posterior(_DistributionLaw):
    """q(z|x)."""

    name = "posterior"
    given_x = True

    def distribution(self, draw: Draw) -> Distribution:
        """q(z|x), batch shape (B,)."""
        return draw.posterior

    def sample(self, draw: Draw) -> Tensor:
        """The draw's own codes."""
        return draw.z


class Prior(_DistributionLaw):
    """p(z)."""

    name = "prior"
    given_x = False

    def distribution(self, draw: Draw) -> Distribution:
        """p(z), batch shape ()."""
        return draw.prior

    def sample(self, draw: Draw) -> Tensor:
        """As many codes as there are examples."""
        return draw.prior.sample(torch.Size([len(draw)]))


FRESH = 512
"""Codes for the moments of a posterior that has no fixed noises."""


class Reference(_DistributionLaw):
    """r(z|x), the normal with the moments of q(z|x) (Mescheder et al., 2017, section 3.3, adaptive contrast).

    Args:
        noises: From how many fresh codes of every example the moments are taken, where they have no closed form; None
            for a fixed set of noises, where the posterior has one: moments that jitter blur what a critic sees.
        full: Whether r has the covariances too, and not the variances alone.
        fixed: Whether the moments are constants under the gradient. Both are right: as constants, r is a coordinate
            system; with their gradient, log r gives the terms that a moving one asks for.
    """

    name = "reference"
    given_x = True

    def __init__(self, noises: int | None = None, full: bool = False, fixed: bool = True) -> None:
        self.noises, self.full, self.fixed = noises, full, fixed

    def distribution(self, draw: Draw) -> Distribution:
        """r(z|x), batch shape (B,); once a draw, however many links it stands in."""

        def compute() -> Distribution:
            if not self.fixed:
                return _with_moments(draw.posterior, self.noises, self.full)
            with torch.no_grad():
                points, which = draw.x.unique(dim=0, return_inverse=True)
                if 2 * len(points) > len(draw):
                    return _at(_with_moments(draw.posterior, self.noises, self.full), slice(None))
                alike = draw.model.infer(points)[0]  # few examples, repeated: the moments of each are taken once
                return _at(_with_moments(alike, self.noises, self.full), which)

        return draw.once(("reference", self.noises, self.full, self.fixed), compute)

    def sample(self, draw: Draw) -> Tensor:
        """One code per example."""
        return self.distribution(draw).sample()

    def standardised(self, z: Tensor, draw: Draw) -> Tensor:
        """Codes z, shape (B, D), in coordinates in which r is N(0, I)."""
        law = self.distribution(draw)
        if isinstance(law, MultivariateNormal):
            return torch.linalg.solve_triangular(law.scale_tril, (z - law.loc).unsqueeze(-1), upper=False).squeeze(-1)
        base = cast(Independent, law).base_dist
        return (z - base.loc) / base.scale


def _with_moments(posterior: Distribution, noises: int | None, full: bool) -> Distribution:
    """The normal with the moments of q(z|x): its own where it says them, else those of some codes."""
    if hasattr(posterior, "reference"):
        return cast(Distribution, posterior.reference(noises, full))
    if isinstance(posterior, MultivariateNormal) and full:
        return posterior
    if isinstance(posterior, MultivariateNormal) or _is_normal(posterior):
        scale = posterior.variance.sqrt()
        return Independent(Normal(posterior.mean, scale, validate_args=False), 1, validate_args=False)
    z = posterior.rsample(torch.Size([noises or FRESH]))  # (noises, B, D)
    if not full:
        return Independent(Normal(z.mean(0), z.std(0), validate_args=False), 1, validate_args=False)
    centred = (z - z.mean(0)).movedim(0, -1)  # (B, D, noises)
    return MultivariateNormal(z.mean(0), centred @ centred.mT / (len(z) - 1), validate_args=False)


def _is_normal(law: Distribution) -> bool:
    return isinstance(law, Independent) and isinstance(law.base_dist, Normal)


def _at(law: Distribution, rows: Tensor | slice) -> Distribution:
    """The normals of these rows, as constants."""
    if isinstance(law, MultivariateNormal):
        loc, factor = law.loc[rows].detach(), law.scale_tril[rows].detach()
        return MultivariateNormal(loc, scale_tril=factor, validate_args=False)
    base = cast(Independent, law).base_dist
    loc, scale = base.loc[rows].detach(), base.scale[rows].detach()
    return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


class Aggregate:
    """q(z), from what `memory` holds of it; without one it can be sampled only."""

    name = "aggregate"
    given_x = False

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory

    def sample(self, draw: Draw) -> Tensor:
        """The draw's own codes: x from the data, then z from q(z|x)."""
        return draw.z

    def factorises(self, draw: Draw) -> bool:
        """Never: its dimensions depend on each other through x."""
        return False

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Shape (B,)."""
        memory = _memory(self)
        if z is not draw.z:
            return memory.log_density(z, draw)
        return draw.once(("log q(z)", memory), lambda: memory.log_density(z, draw))


class Marginals:
    """prod_j q(z_j), from what `memory` holds of q(z)."""

    name = "marginals"
    given_x = False

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory

    def sample(self, draw: Draw) -> Tensor:
        """Codes of an independent batch, every dimension permuted on its own."""
        z = draw.independent.z
        order = torch.rand(z.shape, device=z.device).argsort(0)
        return z.gather(0, order)

    def factorises(self, draw: Draw) -> bool:
        """Always."""
        return True

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Shape (B,)."""
        return self.log_prob_by_dimension(z, draw).sum(1)

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """Shape (B, D)."""
        memory = _memory(self)
        if z is not draw.z:
            return memory.marginal_log_density(z, draw)
        return draw.once(("log q(z_j)", memory), lambda: memory.marginal_log_density(z, draw))


def _memory(law: Aggregate | Marginals) -> Memory:
    if law.memory is None:
        raise NoDensity(
            f"The {law.name} law has no density without a memory of the posteriors. "
            "Use MonteCarlo(aggregate=...), or an estimator that needs samples only, such as Kernel."
        )
    return law.memory


STOPS = ("posterior", "reference", "aggregate", "marginals", "prior")
"""The laws of a walk, in their order."""


def law(name: str, memory: Memory | None = None) -> Law:
    """The law called `name`, one of `STOPS`; `memory` is what its q(z) comes from."""
    if name == "aggregate":
        return Aggregate(memory)
    if name == "marginals":
        return Marginals(memory)
    if name == "reference":
        return Reference()
    return Posterior() if name == "posterior" else Prior()
