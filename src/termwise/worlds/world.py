"""What every world offers: a model that can be measured, data for it, and the exact value of every term."""

from abc import abstractmethod
from typing import Protocol, runtime_checkable

from torch import Tensor

from termwise.models.drawable import Drawable


@runtime_checkable
class World(Drawable, Protocol):
    """A model whose answers are known: it is measured as any other, and `truth` says what should come out.

    Example:
        >>> from termwise.worlds import random_world
        >>> world = random_world(seed=0)
        >>> isinstance(world, World)
        True
        >>> truth = world.truth()
        >>> abs(truth["log_likelihood"] - truth["elbo"] - truth["inference_gap"]) < 1e-6
        True
    """

    @abstractmethod
    def data(self, count: int, seed: int = 0) -> Tensor:
        """`count` examples x of the world's own law, shape (count, *shape), float32."""
        ...

    @abstractmethod
    def log_likelihood(self, x: Tensor) -> Tensor:
        """log p(x) of examples, shape (B, *shape): shape (B,), float64, nats."""
        ...

    @abstractmethod
    def truth(self) -> dict[str, float]:
        """The population's value of every term, in nats, by the readings' names; log p(x) and the gap among them."""
        ...
