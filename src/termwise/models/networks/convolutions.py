"""Convolutional bodies: for images (C, H, W), of any size."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

from termwise.errors import Refused
from termwise.models.networks.bodies import Bodies
from termwise.models.networks.fully_connected import perceptron
from termwise.models.networks.linear_layer import LinearLayer
from termwise.models.networks.padding import CropTo, PadTo
from termwise.values import Count


def convolutional(
    shape: tuple[int, ...],
    features: int,
    latent: int,
    decoded: tuple[int, ...],
    channels: Count = 32,
    hidden: Count = 256,
    grid: Count | None = None,
) -> Bodies:
    """The body of Burgess et al. (2018, appendix A), for images of any size.

    4x4 convolutions of stride 2 until the larger side is 4, then two linear layers; the decoder mirrors it. Images
    whose sides are no multiple are padded on the way in and cropped on the way out.

    Args:
        channels: Of every convolution.
        hidden: The width of the linear layers.
        grid: For codes of positions: how often the sides are halved, with residual blocks then in the place of linear
            layers, so that what a position's numbers are made of is its place of the image. A code whose shape has rows
            and columns says it itself.

    Example:
        >>> encoder, decoder = convolutional((3, 37, 50), features=6, latent=3, decoded=(3, 37, 50), channels=4)
        >>> decoder(torch.zeros(2, 3)).shape
        torch.Size([2, 3, 37, 50])
    """
    _need_images(shape)
    if grid is not None:
        return on_grid(shape, features, latent, decoded, channels, grid)
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
    return channels_last(nn.Sequential(*inward)), channels_last(nn.Sequential(*outward))


def normalised(
    shape: tuple[int, ...],
    features: int,
    latent: int,
    decoded: tuple[int, ...],
    channels: Sequence[Count] = (64, 128, 256),
    hidden: Count = 1024,
    bounded: bool = False,
) -> Bodies:
    """The bodies of Larsen et al. (2016, table 1), with batch normalisation, for images of any size.

    5x5 convolutions of stride 2, then one linear layer; the decoder mirrors it.

    Args:
        channels: Of the encoder's convolutions; each halves the sides.
        hidden: The width of the encoder's linear layer.
        bounded: Whether the decoder ends in a sigmoid: pixels between 0 and 1, for a normal likelihood.

    Example:
        >>> encoder, _ = normalised((1, 16, 16), 6, 3, (1, 16, 16), channels=[4, 8], hidden=16)
        >>> encoder(torch.zeros(2, 1, 16, 16)).shape
        torch.Size([2, 6])
    """
    _need_images(shape)
    padded, small = _halved(shape, channels[-1], len(channels))
    planes = decoded[:-2]

    inward: list[nn.Module] = [PadTo(padded)]
    for before, after in itertools.pairwise((shape[0], *channels)):
        inward += [nn.Conv2d(before, after, 5, 2, 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    inward += [nn.Flatten(), LinearLayer(math.prod(small), hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
    inward += [LinearLayer(hidden, features)]

    up = (*reversed(channels[1:]), channels[0] // 2)
    outward: list[nn.Module] = [LinearLayer(latent, math.prod(small), bias=False), nn.BatchNorm1d(math.prod(small))]
    outward += [nn.ReLU(), nn.Unflatten(1, small)]
    for before, after in itertools.pairwise((channels[-1], *up)):
        outward += [nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1, bias=False)]
        outward += [nn.BatchNorm2d(after), nn.ReLU()]
    outward += [nn.Conv2d(up[-1], math.prod(planes), 5, 1, 2), CropTo((shape[1], shape[2]))]
    outward += [nn.Unflatten(1, planes), *([nn.Sigmoid()] if bounded else [])]
    return channels_last(nn.Sequential(*inward)), channels_last(nn.Sequential(*outward))


def on_grid(
    shape: tuple[int, ...],
    features: int,
    latent: int,
    decoded: tuple[int, ...],
    channels: Count = 32,
    halvings: Count = 2,
) -> Bodies:
    """Bodies that keep the places of an image, after van den Oord et al. (2017, section 4.1): for codes of positions.

    4x4 convolutions of stride 2 halve the sides, and two residual blocks follow; the decoder mirrors it. Of an image
    halved to h x w features and codes are of h w positions, row by row, each with its own numbers one after the other,
    as those of codewords and of categories are.

    Args:
        channels: Of every convolution.
        halvings: How often the sides are halved.

    Example:
        >>> encoder, decoder = on_grid((1, 28, 28), features=7 * 7 * 4, latent=7 * 7 * 4, decoded=(1, 28, 28))
        >>> decoder(encoder(torch.zeros(2, 1, 28, 28))).shape
        torch.Size([2, 1, 28, 28])
    """
    _need_images(shape)
    padded, (_, height, width) = _halved(shape, channels, halvings)
    positions, planes = height * width, decoded[:-2]
    for what, count in (("features", features), ("latent", latent)):
        if count % positions:
            raise Refused(
                f"Images of {shape} halved {halvings} times are {height} x {width} positions, and {what} are {count}, "
                f"no multiple of {positions}. Give as latent {positions} times the numbers of a position."
            )
    inward: list[nn.Module] = [PadTo(padded)]
    for i in range(halvings):
        inward += [nn.Conv2d(shape[0] if i == 0 else channels, channels, 4, 2, 1), nn.ReLU()]
    inward += [Residual(channels), Residual(channels), nn.ReLU(), nn.Conv2d(channels, features // positions, 1)]
    outward: list[nn.Module] = [FromPlaces(height, width), nn.Conv2d(latent // positions, channels, 3, 1, 1)]
    outward += [Residual(channels), Residual(channels), nn.ReLU()]
    for i in range(halvings):
        last = i == halvings - 1
        outward += [nn.ConvTranspose2d(channels, math.prod(planes) if last else channels, 4, 2, 1)]
        outward += [] if last else [nn.ReLU()]
    outward += [CropTo((shape[1], shape[2])), nn.Unflatten(1, planes)]
    return channels_last(nn.Sequential(*inward, ToPlaces())), channels_last(nn.Sequential(*outward))


class Residual(nn.Module):
    """A 3x3 and a 1x1 convolution whose output is added to what they see.

    Example:
        >>> Residual(4)(torch.zeros(1, 4, 7, 7)).shape
        torch.Size([1, 4, 7, 7])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, channels, 3, 1, 1), nn.Conv2d(channels, channels, 1)
        self.body = nn.Sequential(nn.ReLU(), first, nn.ReLU(), second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w), as it came."""
        return x + self.body(x)


class ToPlaces(nn.Module):
    """Maps (B, C, h, w) as a row of numbers, place by place, (B, h w C)."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """The numbers of a place one after the other."""
        return maps.flatten(2).mT.flatten(1)


class FromPlaces(nn.Module):
    """A row of numbers, place by place, (B, h w C), as maps (B, C, h, w).

    Example:
        >>> maps = torch.arange(24.0).view(1, 2, 3, 4)
        >>> torch.equal(FromPlaces(3, 4)(ToPlaces()(maps)), maps)
        True
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.size = height, width

    def forward(self, row: torch.Tensor) -> torch.Tensor:
        """The numbers of a place as its channels."""
        return row.unflatten(1, (self.size[0] * self.size[1], -1)).mT.unflatten(2, self.size)


def channels_last(body: nn.Sequential) -> nn.Sequential:
    """The same, its convolutions' weights laid out channels last, as convolutions are quickest."""
    return body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _need_images(shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        raise Refused(f"A convolutional body needs images (C, H, W); got examples of shape {shape}. Choose 'mlp'.")


def _halved(shape: tuple[int, ...], channels: Count, times: int) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """The sides to pad images to, so that they can be halved so often; and what is then left, (channels, h, w)."""
    step = 2**times
    height, width = (math.ceil(side / step) * step for side in shape[1:])
    return (height, width), (channels, height // step, width // step)
