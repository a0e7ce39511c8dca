"""What a model that rounds to codewords gives, as a law: which codewords, of one codebook or of several.

    {"indices": (B, *shape), "codebook": (K, d)}            a code of shape (*shape, d)
    {"indices": (B, *shape, Q), "codebook": Q of (K, d)}    a code of shape (Q, *shape, d), a block for each codebook

Residual quantizers are of the second kind: their decoder takes the sum over Q.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, blocks_of
from termwise.models.codewords import Codebook, Codewords, UniformCodewords
from termwise.models.flat_codes import widened

WHOLE = (torch.int64, torch.int32, torch.int16, torch.uint8)
"""The types of indices."""


def quantized_law(indices: Any, codebook: Any, encoded: Tensor | None = None) -> tuple[Distribution, tuple[int, ...]]:
    """The points at codewords, and the shape of the code that a decoder takes.

    Args:
        indices: Which, whole numbers from 0: shape (B, *shape), or of several codebooks (B, *shape, Q).
        codebook: One, shape (K, d), or several, (Q, K, d) or a list.
        encoded: What was rounded to them, shape (B, *shape, d), where it is known, of one codebook.

    Raises:
        Refused: These are no indices, or no codebook, or do not fit each other.

    Example:
        >>> law, shape = quantized_law(torch.tensor([[[0, 1], [1, 1]]]), torch.eye(2))
        >>> law.indices, shape
        (tensor([[0, 1, 1, 1]]), (2, 2, 2))
    """
    one = isinstance(codebook, Tensor) and codebook.dim() == 2
    books = [codebook] if one else _several(codebook)
    of_each = _of_each(indices, books, one)
    for chosen, book in zip(of_each, books, strict=True):
        low, high = int(chosen.min()), int(chosen.max())
        if low < 0 or high >= len(book):
            raise Refused(
                f"encode() gave 'indices' from {low} to {high}, of a codebook of {len(book)} codewords: expected 0 to "
                f"{len(book) - 1}."
            )
    shape = tuple(of_each[0].shape[1:])
    before = None if encoded is None else widened(encoded.flatten(1, -2))
    laws = [
        Codewords(chosen.long().reshape(len(chosen), -1), Codebook(widened(book.detach())), before, shape)
        for chosen, book in zip(of_each, books, strict=True)
    ]
    if one:
        return laws[0], (*shape, laws[0].width)
    law = BlockLaw(laws, [f"codebook {place}" for place in range(1, len(laws) + 1)])
    alike = len({one.width for one in laws}) == 1
    return law, (len(laws), *shape, laws[0].width) if alike else tuple(law.event_shape)


def uniform_over(law: Distribution) -> Distribution | None:
    """The prior of codes that are codewords: all alike, at every position; None of other codes.

    Example:
        >>> law, _ = quantized_law(torch.tensor([[0, 1, 1]]), torch.eye(2))
        >>> uniform_over(law).entropy()  # 3 log 2
        tensor(2.0794)
    """
    laws = [block for block in blocks_of(law) if isinstance(block, Codewords)]
    if len(laws) != len(blocks_of(law)):
        return None
    priors = [UniformCodewords(one.codebook, one.indices.shape[-1]) for one in laws]
    return BlockLaw(priors, getattr(law, "names", ())) if isinstance(law, BlockLaw) else priors[0]


def _of_each(indices: Any, books: Sequence[Tensor], one: bool) -> list[Tensor]:
    """The indices into each codebook, shape (B, *shape); raises Refused where they are none."""
    if not isinstance(indices, Tensor) or indices.dtype not in WHOLE or not indices.numel():
        got = f"a tensor of {indices.dtype}" if isinstance(indices, Tensor) else f"a {type(indices).__name__}"
        raise Refused(f"encode() must give as 'indices' whole numbers, some for each example; got {got}.")
    if one:
        return [indices]
    if indices.dim() < 2 or indices.shape[-1] != len(books):
        raise Refused(
            f"encode() gave {len(books)} codebooks, so 'indices' must be of shape (B, ..., {len(books)}); got "
            f"{tuple(indices.shape)}."
        )
    return list(indices.unbind(-1))


def _several(codebook: Any) -> list[Tensor]:
    """The codebooks of several; raises Refused where they are none."""
    books = list(codebook) if isinstance(codebook, Tensor | list | tuple) and len(codebook) else []
    if not books or not all(isinstance(book, Tensor) and book.dim() == 2 for book in books):
        got = f"shape {tuple(codebook.shape)}" if isinstance(codebook, Tensor) else f"a {type(codebook).__name__}"
        raise Refused(
            f"encode() must give as 'codebook' a tensor (K, d), or several, (Q, K, d) or a list of tensors; got {got}."
        )
    return books
