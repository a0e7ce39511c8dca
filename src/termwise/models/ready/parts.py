"""What `adapt` needs of a model, which each package's file makes of its own."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.data.dataset import Dataset
from termwise.data.side import SideVariable
from termwise.models.likelihoods import Likelihood


class Parts(NamedTuple):
    """What `adapt` needs of a model.

    Attributes:
        encode, decode: As `adapt` takes them.
        likelihood: Of which law the decoder's tensor is a parameter.
        dataset: What makes the examples that the model takes of its package's own data, or, of None, of those that the
            model holds. None where there is no such thing.
        prior: What makes the model's own prior: of the values of `beside`, shape (B, V), a law of each example, batch
            shape (B,); where `beside` is none, of None one for all. None where the prior is a standard normal.
        beside: What stands beside x and the prior is given.
    """

    encode: Callable[..., Any]
    decode: Callable[..., Any] | None
    likelihood: str | Likelihood | None
    dataset: Callable[[Any], Dataset] | None = None
    prior: Callable[[Tensor | None], Distribution] | None = None
    beside: tuple[SideVariable, ...] = ()


def like_parameters(network: nn.Module) -> dict[str, Any]:
    """The type and device that a network's parameters have, as arguments of `Tensor.to`.

    Example:
        >>> import torch
        >>> torch.zeros(2, dtype=torch.float64).to(**like_parameters(nn.Linear(1, 1))).dtype
        torch.float32
    """
    first = next(network.parameters())
    return {"dtype": first.dtype, "device": first.device}
