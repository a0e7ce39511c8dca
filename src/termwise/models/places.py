"""How the positions of a code are laid out: so many in a row, or in rows and columns, as those of an image are.

A shape such as (7, 7) is of 49 positions, row by row; a number alone is that of one row, (49,).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Protocol, runtime_checkable

from termwise.errors import Refused
from termwise.models.posteriors.table import POSTERIORS
from termwise.values import Count

Positions = Count | tuple[Count, ...]
"""How many positions a code has; or its shape, such as (7, 7)."""


@runtime_checkable
class HasPositions(Protocol):
    """A posterior family whose codes have positions, of categories or codewords.

    Attributes:
        positions: P.
        shape: How they are laid out, P in all.
    """

    positions: int
    shape: tuple[int, ...]


def shape_of(positions: Positions) -> tuple[int, ...]:
    """The shape of so many positions, or as it is.

    Example:
        >>> shape_of(49), shape_of((7, 7))
        ((49,), (7, 7))
    """
    return (positions,) if isinstance(positions, int) else tuple(positions)


def as_option(positions: Positions) -> int | list[int]:
    """Positions as a file holds them."""
    return positions if isinstance(positions, int) else list(positions)


def place_names(shape: Sequence[int]) -> list[str]:
    """What the places of a shape are called, row by row, from 0.

    Example:
        >>> place_names((3,)), place_names((2, 2))
        (['0', '1', '2'], ['0,0', '0,1', '1,0', '1,1'])
    """
    return [",".join(map(str, place)) for place in product(*map(range, shape))]


def in_words(shape: Sequence[int]) -> str:
    """A shape as it is said.

    Example:
        >>> in_words((7, 7))
        '7 x 7'
    """
    return " x ".join(map(str, shape))


def with_shape(posterior: str, options: Mapping[str, Any] | None, shape: Sequence[int]) -> dict[str, Any]:
    """The options of a posterior, by name, whose codes have this shape; as they are where it is ().

    Raises:
        Refused: Its codes have no positions, or its options say another number of them.

    Example:
        >>> with_shape("vector-quantized", {"codewords": 128, "positions": 49}, (7, 7))
        {'codewords': 128, 'positions': [7, 7]}
    """
    options = dict(options or {})
    if not shape:
        return options
    name = posterior.partition(":")[0]
    if name in POSTERIORS and "positions" not in POSTERIORS[name].options:
        having = ", ".join(row for row in POSTERIORS if "positions" in POSTERIORS[row].options)
        raise Refused(
            f"A shape is that of a code's positions, and a code of {name!r} has none: leave shape out, or take a "
            f"posterior that has ({having})."
        )
    said = options.get("positions")
    if said is not None and not agree(said, shape):
        raise Refused(
            f"A code of shape {in_words(shape)} has {math.prod(shape)} positions, and posterior_options say "
            f"positions = {said}. Leave positions out."
        )
    return {**options, "positions": list(shape)}


def agree(positions: Any, shape: Sequence[int]) -> bool:
    """Whether positions, as options say them, are those of this shape, which says how they are laid out, too.

    Example:
        >>> agree(49, (7, 7)), agree([7, 7], (7, 7)), agree([49, 1], (7, 7))
        (True, True, False)
    """
    return positions == math.prod(shape) if isinstance(positions, int) else list(positions) == list(shape)
