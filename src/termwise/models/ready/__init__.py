"""Models of other packages that need no functions written for them.

Each file here turns one package's model into `Parts`, by what the model itself has: nothing of the package is imported.
To add a package: its file, with `parts(model, likelihood, own_prior)`, and one row in `READY`.
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import nn

READY = {
    ("pythae", "BaseAE"): "pythae",
    ("scvi", "SCVI"): "scvi",
    ("diffusers", "AutoencoderKL"): "diffusers",
}
"""(package, class) -> the file here that knows it; a subclass counts as its class."""

SUPPORTED = "pythae's models with a normal posterior, scvi.model.SCVI and diffusers.AutoencoderKL"
"""The models that need no functions, as an error lists them."""


class Parts(NamedTuple):
    """What `adapt` needs of a model: two functions, and of which law the decoder's tensor is a parameter."""

    encode: Callable[..., Any]
    decode: Callable[..., Any] | None
    likelihood: str | None


def parts_of(model: object, likelihood: str | None, own_prior: bool) -> Parts | None:
    """The parts of a model that a file here knows; None for anything else.

    Args:
        model: A model of one of the packages in `READY`, or anything.
        likelihood: What the user said of it, if anything.
        own_prior: Whether the user gives the prior.
    """
    for kind in type(model).__mro__:
        file = READY.get((kind.__module__.partition(".")[0], kind.__name__))
        if file is not None:
            return importlib.import_module(f"{__name__}.{file}").parts(model, likelihood, own_prior)
    return None


def like_parameters(network: nn.Module) -> dict[str, Any]:
    """The type and device that a network's parameters have, as arguments of `Tensor.to`."""
    first = next(network.parameters())
    return {"dtype": first.dtype, "device": first.device}
