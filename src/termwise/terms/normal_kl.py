"""The KL divergence of two normal laws, its gradient in closed form.

KL(N(mu, s^2) || N(m, t^2)) = (r^2 + d^2 - 1 - log r^2) / 2,     r = s / t,     d = (mu - m) / t

d/d mu = d / t       d/ds = (r - 1 / r) / t       d/dm = -d / t       d/dt = (1 - r^2 - d^2) / t
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from termwise.fast_paths import transformed


def normal_kl(mean: Tensor, scale: Tensor, other_mean: Tensor, other_scale: Tensor) -> Tensor:
    """KL(N(mean, scale^2) || N(other_mean, other_scale^2)) by number, of shapes that are broadcast, nats.

    Example:
        >>> one, zero = torch.ones(1), torch.zeros(1)
        >>> normal_kl(one, one, zero, one), normal_kl(zero, one, zero, one)
        (tensor([0.5000]), tensor([0.]))
    """
    if transformed():
        r, d = _normalised(mean, scale, other_mean, other_scale)
        return 0.5 * (r.square() + d.square() - 1 - r.square().log())
    value: Tensor = _NormalKL.apply(mean, scale, other_mean, other_scale)
    return value


class _NormalKL(Function):
    @staticmethod
    def forward(ctx: Any, mean: Tensor, scale: Tensor, other_mean: Tensor, other_scale: Tensor) -> Tensor:
        ctx.save_for_backward(mean, scale, other_mean, other_scale)
        r, d = ctx.parts = _normalised(mean, scale, other_mean, other_scale)
        square = r.square()
        return torch.addcmul(square, d, d).sub_(1).sub_(square.log()).mul_(0.5)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        given = ctx.saved_tensors
        r, d = _normalised(*given) if torch.is_grad_enabled() else ctx.parts
        over = gradient / given[3]
        to_mean, to_scale, to_other_mean, to_other_scale = ctx.needs_input_grad
        slopes = (
            over * d if to_mean else None,
            over * (r - 1 / r) if to_scale else None,
            -over * d if to_other_mean else None,
            over * (1 - r.square() - d.square()) if to_other_scale else None,
        )
        return tuple(
            None if slope is None else slope.sum_to_size(one.shape) for slope, one in zip(slopes, given, strict=True)
        )


def _normalised(mean: Tensor, scale: Tensor, other_mean: Tensor, other_scale: Tensor) -> tuple[Tensor, Tensor]:
    """r and d: as the other law's sigma would have them."""
    return scale / other_scale, (mean - other_mean) / other_scale
