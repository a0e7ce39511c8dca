"""Laws: who is compared. Each can be sampled, or has a log-density, or both, given a draw.

    posterior   q(z|x)
    reference   r(z|x), such as the normal with the moments of q(z|x)
    conditional q(z|s), the average of q(z|x_n) over the examples that have the same s beside them
    aggregate   q(z) = 1/N sum_n q(z|x_n)
    groups      prod_g q(z_g), of groups of dimensions (`groups.py`)
    marginals   prod_j q(z_j)
    prior       p(z)

These are the stops of a walk from the posterior to the prior, in this order.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import NoDensity
from termwise.models.block_law import dimensions_of_code, has_categories
from termwise.models.codes import log_density_without_score
from termwise.models.distributions import one_each
from termwise.models.draw import Draw, Itself
from termwise.terms.aggregate.memory import Memory
from termwise.terms.distribution_law import DistributionLaw
from termwise.terms.groups import unknown_groups
from termwise.terms.references.moments import Reference


@runtime_checkable
class Law(Protocol):
    """A law over codes, given a draw: anything that can be sampled, with a log-density or without.

    A law of your own stands in a link under the name of the stop that it takes the place of.

    Attributes:
        name: Its stop, one of `STOPS`.
        given_x: Whether it is another law for every example.

    Example:
        >>> class ShrunkPosterior(DistributionLaw):
        ...     "A reference of half the posterior's standard deviations."
        ...     name, given_x = "reference", True
        ...     def distribution(self, draw):
        ...         normal = draw.posterior.base_dist
        ...         return torch.distributions.Independent(torch.distributions.Normal(normal.loc, normal.scale / 2), 1)
        ...     def sample(self, draw):
        ...         return self.distribution(draw).rsample()
        >>> from termwise.models import VAE
        >>> from termwise.terms import ClosedForm, Link
        >>> link = Link("posterior", ShrunkPosterior(), ClosedForm())
        >>> link(Draw(VAE.build((4,), 3), torch.rand(5, 4))).mean(0)  # 3/2 - log 2 nats in each dimension
        tensor([0.8069, 0.8069, 0.8069], grad_fn=<MeanBackward1>)
    """

    name: str
    given_x: bool

    @abstractmethod
    def sample(self, draw: Draw) -> Tensor:
        """One code per example, shape (B, D)."""
        ...

    @abstractmethod
    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Log-density of codes z, shape (B, D): shape (B,), in nats. Raises NoDensity."""
        ...

    @abstractmethod
    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions, each with a log-density of its own."""
        ...


@runtime_checkable
class Factorised(Protocol):
    """A law that is, or may be, a product over dimensions."""

    @abstractmethod
    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """Log-density of each dimension, shape (B, D)."""
        ...


@runtime_checkable
class Closed(Protocol):
    """A law that is a torch Distribution, so that a divergence may have a closed form."""

    @abstractmethod
    def distribution(self, draw: Draw) -> Distribution:
        """The law as a torch Distribution, batch shape (B,) or ()."""
        ...


class PosteriorLaw(DistributionLaw):
    """The posterior q(z|x): what the encoder says of the codes of each example."""

    name = "posterior"
    given_x = True

    def distribution(self, draw: Draw) -> Distribution:
        """q(z|x), batch shape (B,)."""
        return draw.posterior

    def sample(self, draw: Draw) -> Tensor:
        """The draw's own codes."""
        return draw.z

    def log_prob_of_own(self, draw: Draw) -> Tensor:
        """log q(z|x) of the draw's own codes, shape (B,), nats; its gradient is right in the mean, where z ~ q(z|x).

        Of a law that is no product, such as a flow, it is without the score, whose noise costs nats in training.
        """
        if self.factorises(draw) or not draw.z.requires_grad:
            return self.log_prob(draw.z, draw)
        with self._values_of(draw.posterior, draw.z):
            return log_density_without_score(draw.posterior, draw.codes).to(draw.z.dtype)


class PriorLaw(DistributionLaw):
    """The prior p(z): the same law for every example."""

    name = "prior"
    given_x = False

    def distribution(self, draw: Draw) -> Distribution:
        """p(z), batch shape ()."""
        return draw.prior

    def sample(self, draw: Draw) -> Tensor:
        """As many codes as there are examples, with the pathwise gradient of a prior that learns and has one."""
        return one_each(draw.prior, len(draw))


class _Average:
    """An average of posteriors, of all or of some, from what `memory` holds; without one it can be sampled only."""

    name: str

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory

    def sample(self, draw: Draw) -> Tensor:
        """The draw's own codes: x from those that it is an average over, then z from q(z|x)."""
        return draw.z

    def factorises(self, draw: Draw) -> bool:
        """Always False: its dimensions depend on each other through x."""
        return False


class AggregateLaw(_Average):
    """q(z), from what `memory` holds of it; without one it can be sampled only."""

    name = "aggregate"
    given_x = False

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z) of codes z, shape (B, D): shape (B,), nats."""
        memory = _memory(self)
        if z is not draw.z:
            return memory.log_density(z, draw)
        return draw.once(("log q(z)", Itself(memory)), lambda: memory.log_density(z, draw))


class ConditionalLaw(_Average):
    """q(z|s), of what stands beside x, from what `memory` holds of the examples that have the same.

    Example:
        >>> from termwise.models import VAE
        >>> from termwise.terms import Full, Link, MonteCarlo
        >>> Link("conditional", "aggregate", MonteCarlo(Full())).name
        'side_information'
    """

    name = "conditional"
    given_x = True

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z|s) of codes z, shape (B, D): shape (B,), nats."""
        memory = _memory(self)
        if z is not draw.z:
            return memory.conditional_log_density(z, draw)
        return draw.once(("log q(z|s)", Itself(memory)), lambda: memory.conditional_log_density(z, draw))


class MarginalsLaw:
    """prod_j q(z_j), from what `memory` holds of q(z)."""

    name = "marginals"
    given_x = False

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory

    def sample(self, draw: Draw) -> Tensor:
        """Codes of an independent batch, every dimension permuted on its own; a category's numbers go together."""
        z, posterior = draw.independent.z, draw.posterior
        order = torch.rand(z.shape, device=z.device).argsort(0)
        if has_categories(posterior):
            firsts = [
                one.numbers.start for one in dimensions_of_code(posterior) for _ in range(z.shape[1])[one.numbers]
            ]
            order = order[:, firsts]
        return z.gather(0, order)

    def factorises(self, draw: Draw) -> bool:
        """Always True: it is the product of q(z)'s own margins."""
        return True

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """sum_j log q(z_j) of codes z, shape (B, D): shape (B,), nats."""
        return self.log_prob_by_dimension(z, draw).sum(1)

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j) of codes z, shape (B, D): shape (B, D), nats."""
        memory = _memory(self)
        if z is not draw.z:
            return memory.marginal_log_density(z, draw)
        return draw.once(("log q(z_j)", Itself(memory)), lambda: memory.marginal_log_density(z, draw))


def _memory(law: _Average | MarginalsLaw) -> Memory:
    if law.memory is None:
        raise NoDensity(
            f"The {law.name} law has no density without a memory of the posteriors. "
            "Use MonteCarlo(aggregate=...), or an estimator that needs samples only, such as Kernel."
        )
    return law.memory


STOPS: Mapping[str, Callable[[Memory | None], Law]] = {
    "posterior": lambda memory: PosteriorLaw(),
    "reference": lambda memory: Reference(),
    "conditional": ConditionalLaw,
    "aggregate": AggregateLaw,
    "groups": unknown_groups,
    "marginals": MarginalsLaw,
    "prior": lambda memory: PriorLaw(),
}
"""The laws of a walk in their order: by name, what makes each from a memory of q(z)."""


def law(name: str, memory: Memory | None = None) -> Law:
    """The law called `name`, one of `STOPS`; `memory` is what its q(z) comes from.

    Example:
        >>> law("marginals").given_x
        False
    """
    return STOPS[name](memory)
