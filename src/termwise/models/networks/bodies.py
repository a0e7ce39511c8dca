"""Bodies: the networks between examples and features, and between codes and a decoder's output.

Every builder has one signature, so that any of them, or a user's own, may stand in for another:

    build(shape, features, latent, decoded, **options) -> (encoder, decoder)

with encoder: (B, *shape) -> (B, features) and decoder: (B, latent) -> (B, *decoded).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.data_pass import evaluating

Bodies = tuple[nn.Module, nn.Module]
"""A pair of modules: an encoder and a decoder."""


def checked_bodies(
    bodies: Bodies,
    shape: tuple[int, ...],
    features: int,
    latent: int,
    decoded: tuple[int, ...],
    beside: Mapping[str, Tensor] | None = None,
) -> Bodies:
    """The same bodies, once both have shown on a batch of two that their shapes fit.

    Args:
        bodies: The encoder and the decoder.
        shape, features, latent, decoded: As a builder takes them.
        beside: What "encoder" or "decoder" is called with beside its batch, shape (2, V).

    Raises:
        Refused: A body fails, or gives another shape than it should.

    Example:
        >>> bodies = nn.Linear(6, 4), nn.Linear(2, 6)
        >>> checked_bodies(bodies, (6,), features=4, latent=2, decoded=(6,)) is bodies
        True
        >>> checked_bodies(bodies, (6,), features=5, latent=2, decoded=(6,))
        Traceback (most recent call last):
        termwise.errors.Refused: The encoder must turn (2, 6) into (2, 5); it gave (2, 4).
    """
    encoder, decoder = bodies
    trials = (("encoder", encoder, shape, (features,)), ("decoder", decoder, (latent,), decoded))
    for name, body, given, wanted in trials:
        try:
            with evaluating(body):
                output = body(torch.zeros(2, *given), *([beside[name]] if beside and name in beside else []))
        except (RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
            raise Refused(f"The {name} failed on a batch of shape {(2, *given)}: {error}") from None
        got = tuple(output.shape) if isinstance(output, Tensor) else f"a {type(output).__name__}"
        if got != (2, *wanted):
            raise Refused(f"The {name} must turn {(2, *given)} into {(2, *wanted)}; it gave {got}.")
    return bodies
