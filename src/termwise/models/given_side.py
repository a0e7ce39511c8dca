"""Bodies that are given what stands beside x, made of any body, which need know nothing of it.

    encoder    features = W relu(body(x) + V s + b) + c
    decoder    body([z, s])

with s the numbers that `SideNumbers` makes of the values. A body of the user's own may take s itself: forward(x, s).
"""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.given_head import GivenHead
from termwise.models.networks.bodies import Bodies
from termwise.models.networks.linear_layer import LinearLayer
from termwise.models.networks.table import NETWORKS, build_bodies, network_builder
from termwise.models.side_input import SideInput
from termwise.models.side_numbers import SideNumbers, lacking

HIDDEN = 256
"""The width of the layer in which an encoder's features meet what stands beside x; the features', if that is more."""


class GivenSide(nn.Module):
    """A body that takes x, or z, and the numbers of what stands beside it.

    Args:
        body: (B, ...) and (B, S) -> (B, ...).
        numbers: What makes numbers of the values.
    """

    def __init__(self, body: nn.Module, numbers: SideNumbers) -> None:
        super().__init__()
        self.body, self.numbers = body, numbers

    def forward(self, given: Tensor, side: Tensor) -> Tensor:
        """What the body makes of examples or codes and of values beside them, shape (B, V)."""
        return torch.as_tensor(self.body(given, self.numbers(side)))


def called(body: nn.Module, given: Tensor, side: Tensor | None) -> Tensor:
    """What a body makes of examples or codes, and of values beside x, shape (B, V), where it takes them.

    Raises:
        Refused: It takes them, and there are none.
    """
    if not isinstance(body, GivenSide):
        return torch.as_tensor(body(given))
    if side is None:
        raise lacking(body.numbers.variables)
    return torch.as_tensor(body(given, side))


class EncoderGivenSide(GivenSide):
    """An encoder of any body: its features meet what stands beside x in one more layer.

    Args:
        body: (B, *shape) -> (B, hidden).
        numbers: What makes numbers of the values.
        hidden: The width of that layer.
        features: How many numbers the posterior is made of.

    Example:
        >>> from termwise.data.side import SideVariable
        >>> numbers = SideNumbers([SideVariable("age")])
        >>> EncoderGivenSide(nn.Linear(6, 8), numbers, 8, 4)(torch.zeros(5, 6), torch.zeros(5, 1)).shape
        torch.Size([5, 4])
    """

    def __init__(self, body: nn.Module, numbers: SideNumbers, hidden: int, features: int) -> None:
        super().__init__(body, numbers)
        self.head = GivenHead(numbers.count, hidden, features)

    def forward(self, given: Tensor, side: Tensor) -> Tensor:
        """Features of examples, shape (B, features)."""
        return torch.as_tensor(self.head(self.numbers(side), self.body(given)))


class DecoderGivenSide(GivenSide):
    """A decoder of any body of latent + S numbers: what stands beside x is further numbers of the code.

    Args:
        body: (B, latent + S) -> (B, *decoded).
        numbers: What makes numbers of the values.

    Example:
        >>> from termwise.data.side import SideVariable
        >>> numbers = SideNumbers([SideVariable("age")])
        >>> DecoderGivenSide(nn.Linear(3, 6), numbers)(torch.zeros(5, 2), torch.zeros(5, 1)).shape
        torch.Size([5, 6])
    """

    def forward(self, given: Tensor, side: Tensor) -> Tensor:
        """What is decoded of codes, shape (B, *decoded)."""
        return torch.as_tensor(self.body(torch.cat([given, self.numbers(side).to(given.dtype)], -1)))


def build_given_side(
    network: str,
    shape: tuple[int, ...],
    features: int,
    latent: int,
    decoded: tuple[int, ...],
    options: Mapping[str, Any],
    side: SideInput | None,
    of_target: bool = False,
) -> Bodies:
    """The bodies of a network by name, of which those that are to take what stands beside x do.

    A builder of the user's own that has an option `side` is told S, and makes modules that take it themselves. Of a
    model of a target the decoder is one linear layer, as in Alemi et al. (2017), but with a builder of the user's own.

    Raises:
        Refused: It cannot be built so.

    Example:
        >>> from termwise.data.side import SideVariable
        >>> side = SideInput([SideVariable("age")], ["decoder"])
        >>> encoder, decoder = build_given_side("mlp", (6,), 4, 2, (6,), {"hidden": [8]}, side)
        >>> encoder(torch.zeros(5, 6)).shape, decoder(torch.zeros(5, 2), torch.zeros(5, 1)).shape
        (torch.Size([5, 4]), torch.Size([5, 6]))
    """
    linear = of_target and network in NETWORKS
    decoded, read = (shape, decoded) if linear else (decoded, ())
    if side is None:
        encoder, decoder = build_bodies(network, shape, features, latent, decoded, options)
        return encoder, _linear(latent, read) if linear else decoder
    count = SideNumbers(side.variables).count
    if "side" in inspect.signature(network_builder(network)).parameters:
        return build_bodies(network, shape, features, latent, decoded, {**options, "side": count})
    to_encoder, to_decoder = ("encoder" in side.parts), ("decoder" in side.parts)
    if to_decoder and options.get("grid") is not None and not linear:
        raise Refused(
            "A decoder of codes on a grid has no place for what stands beside x: leave grid out, or say "
            "side_to = ['encoder']."
        )
    hidden = max(HIDDEN, features)
    sizes = hidden if to_encoder else features, latent + count if to_decoder else latent
    encoder, decoder = build_bodies(network, shape, *sizes, decoded, options)
    decoder = _linear(sizes[1], read) if linear else decoder
    if to_encoder:
        encoder = EncoderGivenSide(encoder, side.numbers(), hidden, features)
    return encoder, DecoderGivenSide(decoder, side.numbers()) if to_decoder else decoder


def _linear(latent: int, decoded: tuple[int, ...]) -> nn.Module:
    """One layer from a code to what a likelihood is made of."""
    return nn.Sequential(LinearLayer(latent, math.prod(decoded)), nn.Unflatten(1, decoded))


def taking_side(encoder: nn.Module, decoder: nn.Module, side: SideInput) -> Bodies:
    """The same bodies, those of the user's own that are to take what stands beside x made to be called with it.

    Raises:
        Refused: One takes x, or z, alone.
    """
    bodies = []
    for name, body, of in (("encoder", encoder, "x"), ("decoder", decoder, "z")):
        if name in side.parts and not isinstance(body, GivenSide):
            numbers = side.numbers()
            if not takes_side(body):
                others = [part for part in side.parts if part != name]
                raise Refused(
                    f"The {name} takes {of} alone, and is to take {side.names}. Let it be called with both, "
                    f"forward(self, {of}, side), with side of shape (B, {numbers.count}): zeros and a one of a "
                    f"category, numbers standardised. Or leave it out: side_to={others}."
                )
            body = GivenSide(body, numbers)
        bodies.append(body)
    return bodies[0], bodies[1]


def takes_side(body: nn.Module) -> bool:
    """Whether a module's forward has a second argument for what stands beside x: one without default, or so called.

    Example:
        >>> takes_side(nn.Linear(2, 2)), takes_side(nn.Bilinear(2, 3, 1))
        (False, True)
    """
    of_keywords = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    parameters = [one for one in inspect.signature(body.forward).parameters.values() if one.kind not in of_keywords]
    return len(parameters) > 1 and (parameters[1].name == "side" or parameters[1].default is inspect.Parameter.empty)
