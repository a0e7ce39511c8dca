"""Bodies: the networks between examples and features, and between codes and a decoder's output.

Every builder has one signature, so that any of them, or a user's own, may stand in for another:

    build(shape, features, latent, decoded, **options) -> (encoder, decoder)

with encoder: (B, *shape) -> (B, features) and decoder: (B, latent) -> (B, *decoded).
"""

import importlib
import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from termwise.errors import Refused, UnknownName
from termwise.models.passes import evaluating

Shape = tuple[int, ...]
Bodies = tuple[nn.Module, nn.Module]


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of the given sizes, with ReLU between them."""
    layers: list[nn.Module] = []
    for inward, outward in itertools.pairwise(sizes):
        layers += [nn.Linear(inward, outward), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mlp(shape: Shape, features: int, latent: int, decoded: Shape, hidden: Sequence[int] = (512,)) -> Bodies:
    """A fully connected encoder, and a decoder that mirrors it.

    Args:
        hidden: Sizes of the encoder's hidden layers; the decoder has them reversed.
    """
    encoder = nn.Sequential(nn.Flatten(), *perceptron([math.prod(shape), *hidden, features]))
    decoder = nn.Sequential(
        *perceptron([latent, *reversed(list(hidden)), math.prod(decoded)]), nn.Unflatten(1, decoded)
    )
    return encoder, decoder


class PadTo(nn.Module):
    """Pad images with zeros to `size`, (height, width), centred."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, height, width)."""
        down, across = (side - given for side, given in zip(self.size, x.shape[-2:], strict=True))
        return F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))


class CropTo(nn.Module):
    """Crop images to `size`, (height, width), centred."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, height, width)."""
        top, left = ((given - side) // 2 for side, given in zip(self.size, x.shape[-2:], strict=True))
        return x[..., top : top + self.size[0], left : left + self.size[1]]


def convolutional(
    shape: Shape, features: int, latent: int, decoded: Shape, channels: int = 32, hidden: int = 256
) -> Bodies:
    """The body of Burgess et al. (2018, appendix A), for images of any size.

    4x4 convolutions of stride 2 until the larger side is 4, then two linear layers; the decoder mirrors it. Images
    whose sides are no multiple are padded on the way in and cropped on the way out.
    """
    _need_images(shape)
    height, width = shape[1:]
    halvings = max(1, math.ceil(math.log2(max(height, width) / 4)))
    padded, small = _halved(shape, channels, halvings)
    planes = decoded[:-2]  # (C,), or (classes, C) for a categorical likelihood

    inward: list[nn.Module] = [PadTo(padded)]
    for i in range(halvings):
        inward += [nn.Conv2d(shape[0] if i == 0 else channels, channels, 4, 2, 1), nn.ReLU()]
    inward += [nn.Flatten(), *perceptron([math.prod(small), hidden, hidden, features])]

    outward: list[nn.Module] = [*perceptron([latent, hidden, hidden, math.prod(small)]), nn.ReLU()]
    outward += [nn.Unflatten(1, small)]
    for i in range(halvings):
        last = i == halvings - 1
        outward += [nn.ConvTranspose2d(channels, math.prod(planes) if last else channels, 4, 2, 1)]
        outward += [] if last else [nn.ReLU()]
    outward += [CropTo((height, width)), nn.Unflatten(1, planes)]
    return nn.Sequential(*inward), nn.Sequential(*outward)


def normalised(
    shape: Shape,
    features: int,
    latent: int,
    decoded: Shape,
    channels: Sequence[int] = (64, 128, 256),
    hidden: int = 1024,
    bounded: bool = False,
) -> Bodies:
    """The bodies of Larsen et al. (2016, table 1), with batch normalisation, for images of any size.

    5x5 convolutions of stride 2, then one linear layer; the decoder mirrors it.

    Args:
        channels: Of the encoder's convolutions; each halves the sides.
        hidden: The width of the encoder's linear layer.
        bounded: Whether the decoder ends in a sigmoid: pixels between 0 and 1, for a normal likelihood.
    """
    _need_images(shape)
    padded, small = _halved(shape, channels[-1], len(channels))
    planes = decoded[:-2]

    inward: list[nn.Module] = [PadTo(padded)]
    for before, after in itertools.pairwise((shape[0], *channels)):
        inward += [nn.Conv2d(before, after, 5, 2, 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    inward += [nn.Flatten(), nn.Linear(math.prod(small), hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
    inward += [nn.Linear(hidden, features)]

    up = (*reversed(channels[1:]), channels[0] // 2)
    outward: list[nn.Module] = [nn.Linear(latent, math.prod(small), bias=False), nn.BatchNorm1d(math.prod(small))]
    outward += [nn.ReLU(), nn.Unflatten(1, small)]
    for before, after in itertools.pairwise((channels[-1], *up)):
        outward += [nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1, bias=False)]
        outward += [nn.BatchNorm2d(after), nn.ReLU()]
    outward += [nn.Conv2d(up[-1], math.prod(planes), 5, 1, 2), CropTo((shape[1], shape[2]))]
    outward += [nn.Unflatten(1, planes), *([nn.Sigmoid()] if bounded else [])]
    return channels_last(nn.Sequential(*inward)), channels_last(nn.Sequential(*outward))


def channels_last(body: nn.Sequential) -> nn.Sequential:
    """The same, its convolutions' weights laid out channels last, as they are quickest with batch normalisation."""
    return body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _need_images(shape: Shape) -> None:
    if len(shape) != 3:
        raise Refused(f"A convolutional body needs images (C, H, W); got examples of shape {shape}. Choose 'mlp'.")


def _halved(shape: Shape, channels: int, times: int) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """The sides to pad images to, so that they can be halved so often; and what is then left, (channels, h, w)."""
    step = 2**times
    height, width = (math.ceil(side / step) * step for side in shape[1:])
    return (height, width), (channels, height // step, width // step)


NETWORKS: dict[str, Callable[..., Bodies]] = {"mlp": mlp, "conv": convolutional, "conv-bn": normalised}


def network_builder(name: str) -> Callable[..., Bodies]:
    """The builder called `name`: one of `NETWORKS`, or a user's own as "module:function"."""
    if name in NETWORKS:
        return NETWORKS[name]
    module, colon, function = name.partition(":")
    if not colon:
        raise UnknownName("network", name, [*NETWORKS, "module:function (your own)"])
    return imported(module, function)


def imported(module: str, function: str) -> Callable[..., Bodies]:
    """`function` of `module`, imported from the Python path or the working directory."""
    import sys

    try:
        if "" not in sys.path:
            sys.path.insert(0, "")
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise Refused(
            f"Expected a function {function!r} in a module {module!r} on the Python path or in this folder; "
            f"got {error}. Check both names."
        ) from None


def checked(bodies: Bodies, shape: Shape, features: int, latent: int, decoded: Shape) -> Bodies:
    """The same bodies, once both have shown on a batch of two that their shapes fit."""
    encoder, decoder = bodies
    trials = (("encoder", encoder, shape, (features,)), ("decoder", decoder, (latent,), decoded))
    for name, body, given, wanted in trials:
        try:
            with evaluating(body):
                output = body(torch.zeros(2, *given))
        except (RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
            raise Refused(f"The {name} failed on a batch of shape {(2, *given)}: {error}") from None
        got = tuple(output.shape) if isinstance(output, Tensor) else f"a {type(output).__name__}"
        if got != (2, *wanted):
            raise Refused(f"The {name} must turn {(2, *given)} into {(2, *wanted)}; it gave {got}.")
    return bodies
