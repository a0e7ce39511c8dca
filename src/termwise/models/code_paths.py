"""What is decoded on paths through the codes: along one dimension, and from one example to another.

A dimension of numbers goes evenly from low to high, and between two codes on the straight line. A category, or a
codeword, has no values between: a traversal goes through them, and a path between two codes changes at its middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.block_law import Dimension, dimensions_of_code
from termwise.models.distributions import centre, expected_example
from termwise.models.drawable import Drawable, inferred

REACH, STEPS = 2.5, 9
"""How far from 0 a traversal begins and ends, in units of the code, and how many stops it has."""

MOST_TRAVERSED = 32
"""How many dimensions of the code are traversed, the costliest first, where nothing is said."""


@dataclass(frozen=True, eq=False)
class Traversals:
    """What is decoded while one dimension of a code moves, and the others rest at an example's own.

    Example:
        >>> import termwise as tw
        >>> model = tw.VAE.build((6,), latent=2, options={"hidden": [8]})
        >>> tw.traverse(model, torch.rand(5, 6), steps=3).names
        ('z0', 'z1')

    Attributes:
        examples: The expected examples, shape (K, steps, *shape).
        dimensions: Which dimension each of the K is, by its place in the code.
        names: What each is called: "z3", or the name of its block.
        stops: Where it stops, shape (K, steps): its value; of a category or a codeword which one it is.
    """

    examples: Tensor
    dimensions: tuple[int, ...]
    names: tuple[str, ...]
    stops: Tensor


def traversals_of(
    model: Drawable,
    x: Tensor,
    beside: Tensor | None = None,
    *,
    dimensions: Sequence[int] | None = None,
    rates: Sequence[float] | None = None,
    most: int | None = None,
    steps: int = STEPS,
    reach: float = REACH,
) -> Traversals:
    """What a model decodes along each dimension of one example's code.

    Args:
        model: What infers and generates, in evaluation mode.
        x: The example, shape (1, *shape).
        beside: The values beside it, shape (1, V), of a model that takes some.
        dimensions: Which, by their places, in this order; else all, the costliest first.
        rates: What each costs, where that is known.
        most: How many of all.
        steps: How many stops there are.
        reach: How far from 0 the first and the last are.

    Raises:
        Refused: There is no such dimension.
    """
    posterior, _ = inferred(model, x, beside)
    fixed = None if beside is None else beside.repeat(steps, 1)
    code, known = centre(posterior), dimensions_of_code(posterior)
    if dimensions is None:
        dimensions = sorted(range(len(known)), key=lambda j: -rates[j] if rates else j)[:most]
    elif beyond := [j for j in dimensions if not 0 <= j < len(known)]:
        raise Refused(f"The code has {len(known)} dimensions, 0 to {len(known) - 1}; got {beyond[0]}.")
    elif again := [j for place, j in enumerate(dimensions) if j in dimensions[:place]]:
        raise Refused(f"Dimensions are named once each; got {again[0]} again.")
    elif not dimensions:
        raise Refused("Which dimensions? Give their places, as in [0, 3]; or leave it out, for all.")
    rows, stops = [], []
    for j in dimensions:
        codes = code.repeat(steps, 1)
        values, at = _moved(known[j], steps, reach)
        codes[:, known[j].numbers] = values.to(codes)
        rows.append(expected_example(model.generate(codes, fixed)))
        stops.append(at)
    return Traversals(
        torch.stack(rows), tuple(dimensions), tuple(known[j].name for j in dimensions), torch.stack(stops)
    )


def between_codes(model: Drawable, pairs: tuple[Tensor, Tensor], beside: Tensor | None, steps: int) -> Tensor:
    """What a model decodes on the way from the codes of some examples to those of others, shape (P, steps, *shape).

    Args:
        model: What infers and generates, in evaluation mode.
        pairs: From which examples, and to which, shape (P, *shape) each.
        beside: The values beside the first of each pair, shape (P, V), of a model that takes some: they rest.
        steps: How many stops there are, both ends among them.
    """
    starts, context = inferred(model, pairs[0], beside)
    ends, _ = inferred(model, pairs[1], beside)
    start, end = centre(starts), centre(ends)
    whole = [part.numbers for part in dimensions_of_code(starts) if _is_one_of_several(part)]
    rows = []
    for share in torch.linspace(0, 1, steps).tolist():
        codes = (1 - share) * start + share * end
        for numbers in whole:
            codes[:, numbers] = (start if share < 0.5 else end)[:, numbers]
        rows.append(expected_example(model.generate(codes, context)))
    return torch.stack(rows, 1)


def _is_one_of_several(dimension: Dimension) -> bool:
    """Whether a dimension is a category or a codeword, and no number."""
    return dimension.words is not None or dimension.numbers.stop - dimension.numbers.start > 1


def _moved(dimension: Dimension, steps: int, reach: float) -> tuple[Tensor, Tensor]:
    """What one dimension goes through, shape (steps, its numbers), and what each stop is called by, shape (steps,)."""
    if not _is_one_of_several(dimension):
        stops = torch.linspace(-reach, reach, steps)
        return stops.unsqueeze(1), stops
    count = dimension.numbers.stop - dimension.numbers.start
    values = torch.eye(count) if dimension.words is None else dimension.words
    at = torch.linspace(0, len(values) - 1, steps).round()
    return values[at.long()], at
