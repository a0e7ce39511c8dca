"""What a user's encoder gives, as a law over flat codes: batch shape (B,), event shape (D,).

Numbers of half precision are widened: a sigma, or a sum over dimensions, does not survive in them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.models.distributions import innermost
from termwise.models.latent_output import latent_law

HALF = (torch.float16, torch.bfloat16)
"""The types of half precision."""


def split_encoded(encoded: Any, x_shape: torch.Size, of_forward: bool = False) -> tuple[Any, Any]:
    """What `encode` gave, as (posterior, (mean, log_var) or codewords by name, context or None); nothing is guessed.

    A law, a pair (mean, log_var), and either with a context last are told by their types and shapes; a mapping by its
    keys, and an output that has a `latent_dist` by that. Where a tensor that stands last may be a code, or what stands
    before it a reconstruction, it is refused.

    Args:
        encoded: What it gave.
        x_shape: The shape of the examples that it was given; what is as wide may be a reconstruction of them.
        of_forward: Whether a module's `forward` gave it, which may be a whole autoencoder's: then a tensor is taken
            for a context by its name alone.

    Raises:
        Refused: It may be one thing or another, or is none of them.

    Example:
        >>> split_encoded({"mean": torch.zeros(1, 2), "log_var": torch.ones(1, 2)}, torch.Size([1, 9]))
        ((tensor([[0., 0.]]), tensor([[1., 1.]])), None)
    """
    if isinstance(encoded, Distribution):
        return encoded, None
    if (law := latent_law(encoded)) is not None:
        return law, None
    if isinstance(encoded, Mapping):
        return _by_name(encoded)
    parts = tuple(encoded) if isinstance(encoded, tuple | list) else ()
    if parts and isinstance(parts[0], Distribution) and len(parts) == 2:
        law = parts[0]
        _check_context(parts[1], law.batch_shape + law.event_shape, x_shape, of_forward)
        return parts
    if len(parts) in (2, 3) and all(isinstance(part, Tensor) for part in parts[:2]):
        if len(parts) == 3:
            _check_context(parts[2], parts[0].shape, x_shape, of_forward)
        return _pair(*parts[:2]), parts[2] if len(parts) == 3 else None
    got = f"a {type(encoded).__name__}" + (f" of {len(parts)}" if parts else "")
    raise Refused(f"encode() must give (mean, log_var) or a torch Distribution, and a context last; got {got}.")


def _by_name(encoded: Mapping[str, Any]) -> tuple[Any, Any]:
    """What is told by its name; of codewords what was told itself."""
    context, keys = encoded.get("context"), set(encoded) - {"context"}
    if keys - {"encoded"} == {"indices", "codebook"}:
        return {key: encoded[key] for key in keys}, context
    if keys == {"posterior"} and isinstance(encoded["posterior"], Distribution):
        return encoded["posterior"], context
    if keys == {"mean", "log_var"} and all(isinstance(encoded[key], Tensor) for key in keys):
        return _pair(encoded["mean"], encoded["log_var"]), context
    raise Refused(
        "encode() must give, where it names what it gives, tensors {'mean': ..., 'log_var': ...} or a torch "
        "Distribution {'posterior': ...}, or {'indices': ..., 'codebook': ...}, and perhaps a 'context'; got "
        f"{', '.join(map(repr, encoded)) or 'nothing'}."
    )


def _pair(mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    if mean.shape != log_variance.shape:
        raise Refused(
            f"encode() gave a mean of shape {tuple(mean.shape)} and a log variance of shape "
            f"{tuple(log_variance.shape)}; they must be the same."
        )
    return mean, log_variance


def _check_context(context: Any, code_shape: torch.Size, x_shape: torch.Size, of_forward: bool) -> None:
    """Raise Refused where what stands last may be no context: a reconstruction, a code, or another law may stand so."""
    unclear = isinstance(context, Tensor) and (of_forward or code_shape in (context.shape, x_shape))
    if unclear or isinstance(context, Distribution):
        what = "a Distribution" if isinstance(context, Distribution) else f"a tensor of shape {tuple(context.shape)}"
        raise Refused(
            f"encode() gave, last, {what}, which may be a context or not: an autoencoder gives (reconstruction, mean, "
            "log_var), or a code beside them. Pass a function that says which is which: encode=lambda x: {'mean': ..., "
            "'log_var': ...}, and 'context' where the decoder needs one."
        )


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
    if len(base.batch_shape) == batch + 1 and not base.event_shape:
        return Independent(base, 1, validate_args=False)
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


def tensor_like(posterior: Distribution, x: Tensor) -> Tensor:
    """A tensor of the codes' type, on their device; the example's where the posterior cannot say its mean."""
    try:
        return posterior.mean
    except NotImplementedError:
        return x
