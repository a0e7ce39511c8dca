"""Sharpness of an image: the variance over its pixels of its discrete Laplacian (Pech-Pacheco et al., 2000).

    (Lx)_uv = x_u+1,v + x_u-1,v + x_u,v+1 + x_u,v-1 - 4 x_uv,     sharpness(x) = var_uv (Lx)_uv, averaged over channels

Blurred images have less of it; noise has much: it says something only beside that of real images.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from termwise.errors import BadData


def sharpness(x: Tensor) -> Tensor:
    """The sharpness of images x, shape (B, C, H, W), sides of 3 or more: shape (B,), in squared units of the pixels.

    Raises:
        BadData: These are no such images.

    Example:
        >>> checks = (torch.arange(6)[:, None] + torch.arange(6)) % 2.0
        >>> sharpness(torch.stack([checks, torch.full((6, 6), 0.5)]).unsqueeze(1)).tolist()
        [16.0, 0.0]
    """
    if x.dim() != 4 or min(x.shape[-2:]) < 3:
        raise BadData(f"Expected images of shape (B, C, H, W), H and W of 3 or more, got {tuple(x.shape)}.")
    stencil = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]], dtype=x.dtype, device=x.device)
    edges = F.conv2d(x.flatten(0, 1).unsqueeze(1), stencil.expand(1, 1, 3, 3))  # (B C, 1, H - 2, W - 2)
    return edges.flatten(1).var(1, correction=0).unflatten(0, x.shape[:2]).mean(1)
