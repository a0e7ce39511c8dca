"""A small PixelCNN: of every pixel the logits of its levels, from the pixels before it and features of the code.

Masked and gated convolutions (van den Oord et al., 2016), row by row from the top left; the features enter each layer,
as in Gulrajani et al. (2017). Of pixels above to the right few are seen, the "blind spot" of a single stack. Channels
of one pixel are independent of each other, given what is before.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedConvolution(nn.Conv2d):
    """A convolution that sees the pixels before the one in its middle, and that one itself where `own`."""

    mask: Tensor

    def __init__(self, channels: int, out: int, size: int, own: bool) -> None:
        super().__init__(channels, out, size, padding=size // 2)
        mask = torch.ones(size * size)
        mask[size * size // 2 + int(own) :] = 0
        self.register_buffer("mask", mask.view(size, size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, channels, H, W) to (B, out, H, W)."""
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PixelCNN(nn.Module):
    """Logits of every pixel's levels, given those before it.

    Args:
        channels: Of an example.
        levels: How many levels a pixel has.
        features: How many numbers of each pixel the decoder gives.
        width: Channels of its layers.
        layers: How many there are beside the first.

    Example:
        >>> network = PixelCNN(1, levels=2, features=4)
        >>> network(torch.rand(5, 1, 8, 8), torch.zeros(5, 4, 8, 8)).shape  # (B, levels, C, H, W)
        torch.Size([5, 2, 1, 8, 8])
    """

    def __init__(self, channels: int, levels: int, features: int, width: int = 32, layers: int = 4) -> None:
        super().__init__()
        self.channels, self.levels = channels, levels
        first = MaskedConvolution(channels, 2 * width, 7, own=False)
        self.layers = nn.ModuleList([first, *(MaskedConvolution(width, 2 * width, 3, own=True) for _ in range(layers))])
        self.conditions = nn.ModuleList(nn.Conv2d(features, 2 * width, 1) for _ in self.layers)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, levels * channels, 1)
        )

    @property
    def reach(self) -> int:
        """How many rows above a pixel it sees, and columns to either side."""
        return sum(layer.kernel_size[0] // 2 for layer in self.layers if isinstance(layer, MaskedConvolution))

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """Logits of examples x, shape (B, C, H, W) in [0, 1], and features (B, F, H, W): (B, levels, C, H, W)."""
        seen = 2 * x - 1
        for number, (layer, condition) in enumerate(zip(self.layers, self.conditions, strict=True)):
            step, gate = (layer(seen) + condition(features)).chunk(2, 1)
            step = step.tanh() * gate.sigmoid()
            seen = seen + step if number else step
        logits: Tensor = self.head(seen)
        return logits.view(len(x), self.levels, self.channels, *x.shape[2:])
