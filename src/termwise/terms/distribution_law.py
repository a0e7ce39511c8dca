"""What the posterior, the reference and the prior share: each is a torch Distribution."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.codes import factorises, log_density_at, log_density_by_dimension
from termwise.models.codewords import Codewords, UniformCodewords
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
        law = self.distribution(draw)
        with self._values_of(law, z):
            return log_density_at(law, draw.codes_at(z)).to(z.dtype)

    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions."""
        law = self.distribution(draw)
        return factorises(law) or isinstance(law, BlockLaw | Categories | Codewords | UniformCodewords)

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """The log-density of each dimension of codes z, shape (B, D), nats; Refused where it is no product."""
        law = self.distribution(draw)
        with self._values_of(law, z):
            densities = log_density_by_dimension(law, draw.codes_at(z))
        if densities is None:
            raise Refused(f"A {type(law).__name__} does not factorise over dimensions, as this link needs.")
        return densities.to(z.dtype)

    def _values_of(self, law: Distribution, z: Tensor) -> AbstractContextManager[None]:
        """Where codes are none of a law's values, which is said in words."""
        return values_of(law, z, f"the {self.name}")
