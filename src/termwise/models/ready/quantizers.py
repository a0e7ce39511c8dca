"""Quantizers of other packages, such as vector-quantize-pytorch's, between an encoder and a decoder of one's own.

What is asked of one is what it has: called with features it gives (what it rounded them to, indices, ...), and it says
its codewords as `codebook`, `codebooks` or `implicit_codebook`. What indices stand for it may say by
`get_output_from_indices` or `indices_to_codes`; or they are the codewords through its `project_out`. Which of these it
is, and whether its channels come first, is held against what it gave of the first batch.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.codewords import Codebook

CODEBOOKS = ("codebook", "codebooks", "implicit_codebook")
"""What quantizers call their codewords."""
Output = Callable[[Tensor], Tensor]
"""What gives of indices what they stand for."""
OUTPUTS = ("get_output_from_indices", "indices_to_codes")
"""What quantizers call the function that says what indices stand for."""
OF_ANOTHER = "Have encode() give {'indices': ..., 'codebook': ...}, and decode() take the codewords."
"""What does for any other."""


def quantizing(
    encode: Callable[[Tensor], Any], decode: Callable[..., Any] | None, quantizer: Any
) -> tuple[Callable[[Tensor], Any], Callable[..., Any] | None]:
    """`encode` and `decode` as `adapt` takes them, with a quantizer between.

    Args:
        encode: x to what the quantizer takes.
        decode: What the quantizer gives, to x; or None.
        quantizer: As this file says.
    """
    if not callable(quantizer) or _named(quantizer, CODEBOOKS) is None:
        raise Refused(
            f"Expected a quantizer with a {', '.join(CODEBOOKS[:-1])} or {CODEBOOKS[-1]}, as those of "
            f"vector-quantize-pytorch have; got a {type(quantizer).__name__}. {OF_ANOTHER}"
        )
    _check_begun(quantizer)
    found: list[Output] = []

    def encode_to_indices(x: Tensor) -> dict[str, Any]:
        rounded, indices, *_ = quantizer(encode(x))
        if not found:
            found.append(_output_of(quantizer, rounded, indices))
        return {"indices": indices, "codebook": _named(quantizer, CODEBOOKS)}

    def decode_codewords(z: Tensor) -> Any:
        books = _named(quantizer, CODEBOOKS)
        if isinstance(books, Tensor) and books.dim() == 2:
            indices = Codebook(books.detach()).index_of(z)
        else:
            pairs = zip(books, z.unbind(1), strict=True)
            indices = torch.stack([Codebook(book.detach()).index_of(words) for book, words in pairs], -1)
        return decode(found[0](indices))  # type: ignore[misc]

    return encode_to_indices, decode_codewords if decode is not None else None


def _named(thing: Any, names: tuple[str, ...]) -> Any:
    """The first of these attributes that it has, or None."""
    return next((getattr(thing, name) for name in names if getattr(thing, name, None) is not None), None)


def _check_begun(quantizer: Any) -> None:
    """Raise Refused where codewords would begin at the first batch that comes, as they do in training."""
    parts = quantizer.modules() if isinstance(quantizer, nn.Module) else ()
    if any(not bool(part.initted) for part in parts if isinstance(getattr(part, "initted", None), Tensor)):
        raise Refused(
            f"This {type(quantizer).__name__} has no codewords yet: they begin at the first batch (kmeans_init). Train "
            "it first."
        )


def _output_of(quantizer: Any, rounded: Tensor, indices: Tensor) -> Output:
    """What gives of indices what the quantizer gave with them.

    Raises:
        Refused: Nothing does.
    """
    for output in _outputs(quantizer, rounded.dim() - 2):
        try:
            again = output(indices)
        except Exception:  # some say it of rows alone, and others without their projections
            continue
        if again.shape == rounded.shape and torch.allclose(again.float(), rounded.float(), rtol=1e-3, atol=1e-4):
            return output
    raise Refused(
        f"What this {type(quantizer).__name__} gives, of shape {tuple(rounded.shape)}, is not what its indices, of "
        f"shape {tuple(indices.shape)}, stand for. {OF_ANOTHER}"
    )


def _outputs(quantizer: Any, places: int) -> Iterator[Output]:
    """Ways to say what indices stand for, of features with so many dimensions of places, channels last or first."""

    def projected(indices: Tensor) -> Tensor:
        books = _named(quantizer, CODEBOOKS)
        if isinstance(books, Tensor) and books.dim() == 2:
            words = books[indices]
        else:
            words = torch.stack([book[of] for book, of in zip(books, indices.unbind(-1), strict=True)], -2)
        return quantizer.project_out(words.reshape(*indices.shape[: 1 + places], -1))

    for output in (_named(quantizer, OUTPUTS), projected):
        if output is not None:
            yield output
            yield partial(_channels_first, output)


def _channels_first(output: Output, indices: Tensor) -> Tensor:
    return output(indices).movedim(-1, 1)
