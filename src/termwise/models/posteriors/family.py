"""What a posterior family is: a module that turns an encoder's features into q(z|x)."""

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution


@runtime_checkable
class PosteriorFamily(Protocol):
    """q(z|x), given an encoder's features: the protocol that every posterior family has.

    A family is a function of features alone, so that the same encoder body serves any of them. It is most often an
    `nn.Module` with a `forward`; one with parameters of its own, as implicit ones have, learns them with the encoder,
    whoever owns that. It is built by its maker as `maker(latent, **options)`, asked for `features` once, when the
    encoder is built, and called at every draw.

    A class need not inherit from it. One that does names `nn.Module` first, which calls its `forward`, and has
    `features` as a property; one that leaves anything out is refused when it is made.

    Attributes:
        name: What a configuration calls it: the name of its row in the table.
        latent: D, the number of the code's dimensions.
        options: What its maker was given beside `latent`, as JSON can hold it: a saved model is made again from it.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from torch.distributions import Independent, Laplace
        >>> class DiagonalLaplace(nn.Module):
        ...     name = "diagonal-laplace"
        ...     def __init__(self, latent):
        ...         super().__init__()
        ...         self.latent, self.options, self.features = latent, {}, 2 * latent
        ...     def forward(self, features):
        ...         location, log_scale = features.chunk(2, dim=-1)
        ...         return Independent(Laplace(location, log_scale.exp()), 1)
        >>> DiagonalLaplace(3)(torch.zeros(5, 6)).rsample().shape
        torch.Size([5, 3])
    """

    name: str
    latent: int
    options: dict[str, Any]

    @property
    @abstractmethod
    def features(self) -> int:
        """How many numbers per example the encoder must give."""
        ...

    @abstractmethod
    def __call__(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, features): batch shape (B,), event shape (D,).

        `rsample` gives codes with a pathwise gradient; `log_prob` their density in nats, or raises NoDensity.
        """
        ...


@runtime_checkable
class LearnsByAGradient(Protocol):
    """A family whose codes learn by an estimate of their gradient, of which an account says how it is off.

    Attributes:
        bias_of_gradient: In which way, such as "trained by the score function, an unbiased gradient".
    """

    bias_of_gradient: str
