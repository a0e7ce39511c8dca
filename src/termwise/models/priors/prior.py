"""What a prior is: a module that gives p(z), so that a prior may learn."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution

from termwise.models.side_numbers import SideNumbers


@runtime_checkable
class Prior(Protocol):
    """p(z): the protocol that every prior has, most often an `nn.Module` with a `forward`.

    It is built by its maker as `maker(latent, **options)`, and called at every draw. Its parameters, if it has any,
    learn with the decoder, whoever owns that, and are saved with the model. Numbers that stand still are buffers, so
    that they follow the model to another device and another precision. A class need not inherit from it; one that does
    names `nn.Module` first, which calls its `forward`.

    Attributes:
        name: What a configuration calls it: the name of its row in the table.
        options: What its maker was given beside `latent`, as JSON can hold it: a saved model is made again from it.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from torch.distributions import Independent, Normal
        >>> class Wide(nn.Module):
        ...     name = "wide"
        ...     def __init__(self, latent, scale: float = 2.0):
        ...         super().__init__()
        ...         self.options = {"scale": scale}
        ...         self.log_scale = nn.Parameter(torch.full((latent,), scale).log())
        ...     def forward(self):
        ...         return Independent(Normal(torch.zeros_like(self.log_scale), self.log_scale.exp()), 1)
        >>> Wide(3)().sample((5,)).shape
        torch.Size([5, 3])
    """

    name: str
    options: dict[str, Any]

    @abstractmethod
    def __call__(self) -> Distribution:
        """p(z), batch shape (), event shape (D,)."""
        ...


@runtime_checkable
class PriorOfCodes(Protocol):
    """A prior that is over such codes as the model's posterior has: it meets the family once, when the model is built.

    Example:
        >>> from termwise.models.priors import UniformPrior
        >>> isinstance(UniformPrior(2), PriorOfCodes)
        True
    """

    @abstractmethod
    def meet_posterior(self, family: object) -> None:
        """Be over the codes of this posterior family, which stays the model's own."""
        ...


@runtime_checkable
class PriorOfSide(Protocol):
    """A prior that may be given what stands beside x, p(z|s).

    `meet_side` is called once, when a model is built whose prior is to take it, and the prior ever after as
    `prior(side)`, with values of shape (B, V).

    Example:
        >>> import torch
        >>> from termwise.data.side import SideVariable
        >>> from termwise.models.priors import prior_from
        >>> from termwise.models.side_numbers import SideNumbers
        >>> prior = prior_from("conditional", 2)
        >>> prior.meet_side(SideNumbers([SideVariable("batch", ("a", "b"))]))
        >>> isinstance(prior, PriorOfSide), prior(torch.zeros(5, 1)).batch_shape
        (True, torch.Size([5]))
    """

    @abstractmethod
    def meet_side(self, numbers: SideNumbers) -> None:
        """Take, and keep, what makes numbers of values, shape (B, V): `numbers(values)`, shape (B, numbers.count)."""
        ...

    @abstractmethod
    def __call__(self, side: Tensor) -> Distribution:
        """p(z|s), batch shape (B,), event shape (D,), of values of shape (B, V)."""
        ...


@runtime_checkable
class PriorOfPosteriors(Protocol):
    """A prior that is made of the model's own posteriors, as VampPrior is: it is given the encoder at every draw.

    So the encoder belongs to the model alone, is saved once, and has a gradient through the prior. `meet` is called
    once, when the model is built, and `begin` before a training, of a prior that has not begun.

    Attributes:
        components: How many inputs it infers from, and begins at.
        begun: Whether it has begun already, which is saved with it.

    Example:
        >>> from termwise.models.priors import VampPrior
        >>> isinstance(VampPrior(2, components=5), PriorOfPosteriors)
        True
    """

    name: str
    options: dict[str, Any]
    components: int
    begun: Tensor

    @abstractmethod
    def meet(self, shape: tuple[int, ...]) -> None:
        """Take the shape of one example, as the networks see it."""
        ...

    @abstractmethod
    def begin(self, inputs: Tensor) -> None:
        """Begin at examples, shape (components, *shape), as the networks see them."""
        ...

    @abstractmethod
    def __call__(self, infer: Callable[[Tensor], Distribution]) -> Distribution:
        """p(z), batch shape (), event shape (D,), of q(z|.) of what the networks see."""
        ...


def is_of_posteriors(prior: object) -> bool:
    """Whether a prior is a `PriorOfPosteriors`: what Python says of it, and of others in less time.

    Example:
        >>> from termwise.models.priors import StandardNormal
        >>> is_of_posteriors(StandardNormal(2))
        False
    """
    return hasattr(prior, "begun") and isinstance(prior, PriorOfPosteriors)
