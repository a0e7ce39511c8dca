"""Whether examples or codes that are handed in are of the shape that a model takes."""

from collections.abc import Sequence

from torch import Tensor

from termwise.errors import BadData


def check_shape(values: Tensor, shape: Sequence[int], what: str) -> None:
    """Raise BadData unless values, shape (..., *shape), end in the shape of one example, or of one code.

    Example:
        >>> import torch
        >>> check_shape(torch.zeros(5, 6), (6,), "examples")
        >>> check_shape(torch.zeros(5, 7), (6,), "examples")
        Traceback (most recent call last):
        termwise.errors.BadData: Expected examples of shape (B, 6), as this model takes; got (5, 7).
    """
    if tuple(values.shape[-len(shape) :]) != tuple(shape):
        expected = ", ".join(map(str, ("B", *shape)))
        raise BadData(f"Expected {what} of shape ({expected}), as this model takes; got {tuple(values.shape)}.")
