"""Padding and cropping, so that a body of halvings fits images of any size."""

from torch import Tensor, nn
from torch.nn import functional as F


class PadTo(nn.Module):
    """Pad images with zeros to `size`, (height, width), centred.

    Example:
        >>> import torch
        >>> PadTo((1, 4))(torch.ones(1, 1, 1, 2))
        tensor([[[[0., 1., 1., 0.]]]])
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, height, width)."""
        down, across = (side - given for side, given in zip(self.size, x.shape[-2:], strict=True))
        return F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))


class CropTo(nn.Module):
    """Crop images to `size`, (height, width), centred.

    Example:
        >>> import torch
        >>> CropTo((1, 2))(torch.arange(4.0).view(1, 1, 1, 4))
        tensor([[[[1., 2.]]]])
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, height, width)."""
        top, left = ((given - side) // 2 for side, given in zip(self.size, x.shape[-2:], strict=True))
        return x[..., top : top + self.size[0], left : left + self.size[1]]
