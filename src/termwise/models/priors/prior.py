"""What a prior is: a module that gives p(z), so that a prior may learn."""

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from torch.distributions import Distribution


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
