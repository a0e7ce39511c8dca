"""What a user's encoder gives, as a law over flat codes: batch shape (B,), event shape (D,).

Numbers of half precision are widened: a sigma, or a sum over dimensions, does not survive in them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.models.distributions import innermost

HALF = (torch.float16, torch.bfloat16)
"""The types of half precision."""


def split_encoded(encoded: Any) -> tuple[Any, Any]:
    """What `encode` gave, as (posterior or (mean, log_var), context or None)."""
    if isinstance(encoded, Distribution):
        return encoded, None
    parts = tuple(encoded) if isinstance(encoded, tuple | list) else ()
    if parts and isinstance(parts[0], Distribution) and len(parts) == 2:
        return parts
    if len(parts) in (2, 3) and all(isinstance(part, Tensor) for part in parts[:2]):
        if parts[0].shape != parts[1].shape:
            raise Refused(
                f"encode() gave a mean of shape {tuple(parts[0].shape)} and a log variance of shape "
                f"{tuple(parts[1].shape)}; they must be the same."
            )
        return parts[:2], parts[2] if len(parts) == 3 else None
    got = f"a {type(encoded).__name__}" + (f" of {len(parts)}" if parts else "")
    raise Refused(f"encode() must give (mean, log_var) or a torch Distribution, and a context last; got {got}.")


def flat(distribution: Distribution, batch: int = 1) -> Distribution:
    """The same law over flat codes: batch shape (B,) (or () where `batch` is 0), event shape (D,).

    Normals of any batch and event shape are understood; another law must have flat codes already, as (B, D).

    Example:
        >>> flat(Normal(torch.zeros(5, 2, 3), 1.0)).event_shape
        torch.Size([6])
    """
    base = innermost(distribution)
    if isinstance(base, Normal):
        parts = torch.broadcast_tensors(widened(base.loc), widened(base.scale))
        mean, scale = (part.reshape(*part.shape[:batch], -1) for part in parts)
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)
    if len(distribution.batch_shape) == batch + 1 and not distribution.event_shape:
        return Independent(distribution, 1, validate_args=False)
    if len(distribution.batch_shape) != batch or len(distribution.event_shape) != 1:
        raise Refused(
            f"A {type(base).__name__} must have batch shape {'(B,)' if batch else '()'} and event shape (D,); "
            f"got {tuple(distribution.batch_shape)} and {tuple(distribution.event_shape)}."
        )
    if isinstance(distribution, torch.distributions.LowRankMultivariateNormal):
        return MultivariateNormal(distribution.mean, scale_tril=distribution.scale_tril, validate_args=False)
    return distribution


def widened(tensor: Tensor) -> Tensor:
    """The same numbers, in float32 where they were of half precision."""
    return tensor.float() if tensor.dtype in HALF else tensor


def check_finite_codes(codes: Distribution) -> None:
    """Raise Refused where a normal's mean or sigma is no number, or its sigma nothing."""
    base = codes.base_dist if isinstance(codes, Independent) else codes
    if not isinstance(base, Normal):
        return
    wrong = ~(base.loc.isfinite() & base.scale.isfinite() & (base.scale > 0)).all(1)
    if wrong.any():
        raise Refused(
            f"encode() must give finite means and a sigma above 0; {int(wrong.sum())} of {len(wrong)} codes have not."
        )


def tensor_like(posterior: Distribution, x: Tensor) -> Tensor:
    """A tensor of the codes' type, on their device; the example's where the posterior cannot say its mean."""
    try:
        return posterior.mean
    except NotImplementedError:
        return x
