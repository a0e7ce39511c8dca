"""What the posterior, the reference and the prior share: each is a torch Distribution."""

from abc import ABC, abstractmethod

from torch import Tensor
from torch.distributions import Distribution, Independent

from termwise.errors import Refused
from termwise.models.codes import log_density_at
from termwise.models.distributions import values_of
from termwise.models.draw import Draw


class DistributionLaw(ABC):
    """A law that is a torch Distribution. Abstract: a law says which, and what it has samples of."""

    name: str
    given_x: bool

    @abstractmethod
    def distribution(self, draw: Draw) -> Distribution:
        """The law itself, batch shape (B,) or ()."""

    @abstractmethod
    def sample(self, draw: Draw) -> Tensor:
        """One code for every example, shape (B, D)."""

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """The log-density of codes z, shape (B, D): shape (B,), nats."""
        return self._at(self.distribution(draw), z, draw)

    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions."""
        law = self.distribution(draw)
        return isinstance(law, Independent) and not law.base_dist.event_shape

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """The log-density of each dimension of codes z, shape (B, D), nats; Refused where it is no product."""
        law = self.distribution(draw)
        if not isinstance(law, Independent):
            raise Refused(f"A {type(law).__name__} does not factorise over dimensions, as this link needs.")
        return self._at(law.base_dist, z, draw)

    def _at(self, law: Distribution, z: Tensor, draw: Draw) -> Tensor:
        """The log-density of a law at codes, in their type; BadData where they are none of its values."""
        with values_of(law, z, f"the {self.name}"):
            return log_density_at(law, draw.codes_at(z)).to(z.dtype)
