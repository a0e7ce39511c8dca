"""A law over codes that are a list of blocks: their product, over one flat z.

Each block has a law of its own: a normal, categories, any other torch Distribution over flat numbers. `factors` says
what a reading by dimension is by: each number of a block that factorises, each position of one of categories or
codewords, and any other block as a whole.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from termwise.models.categories import Categories
from termwise.models.codewords import Codewords
from termwise.models.places import place_names


class Conditional:
    """The law of a block for every value of the blocks that it is given.

    Args:
        law: Makes it from the numbers of the blocks given, shape (..., G), and from features, (..., F), or None.
        given: Which blocks, by their places.
        size: How many numbers the block has.
        features: What is known of each example beside them, shape (B, F); None of a prior.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> shifted = Conditional(lambda given, features: Independent(Normal(given, 1.0), 1), given=[0], size=2)
        >>> shifted.at(torch.tensor([3.0, 4.0])).mean
        tensor([3., 4.])
    """

    def __init__(
        self,
        law: Callable[[Tensor, Tensor | None], Distribution],
        given: Sequence[int],
        size: int,
        features: Tensor | None = None,
    ) -> None:
        self.law, self.given, self.size, self.features = law, tuple(given), size, features

    def at(self, given: Tensor) -> Distribution:
        """The law, given numbers of shape (..., G)."""
        return self.law(given, self.features)

    def expand(self, shape: Size) -> "Conditional":
        """The same of a batch of as many."""
        features = None if self.features is None else self.features.expand(*shape, self.features.shape[-1])
        return Conditional(self.law, self.given, self.size, features)


class LawOfBlocks(Distribution):
    """A law over codes of blocks, which stand one after the other in z. Abstract.

    Attributes:
        names: What the blocks are called.
        slices: Which numbers of z each has.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch declares it
    has_rsample = True

    def __init__(self, names: Sequence[str], sizes: Sequence[int], batch_shape: Size) -> None:
        self.names = tuple(names) or tuple(f"block {place}" for place in range(1, len(sizes) + 1))
        ends = torch.tensor(sizes).cumsum(0).tolist()
        self.slices = tuple(slice(end - size, end) for size, end in zip(sizes, ends, strict=True))
        super().__init__(batch_shape, Size([sum(sizes)]), validate_args=False)

    @property
    @abstractmethod
    def blocks(self) -> tuple[Distribution, ...]:
        """A law of every block: its own, or of one that is given others, what it is where these are in their middle."""

    @property
    @abstractmethod
    def links(self) -> tuple[Distribution | Conditional, ...]:
        """What each block's law is: a law, or one for every value of the blocks that it is given."""


class BlockLaw(LawOfBlocks):
    """The product of laws over the blocks of a code.

    Args:
        blocks: One or more laws of one batch shape, each over flat numbers, event shape (D_b,).
        names: What the blocks are called; "block 1" and so on where left out.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> digit = Categories(torch.zeros(5, 1, 10))
        >>> style = Independent(Normal(torch.zeros(5, 2), 1.0), 1)
        >>> law = BlockLaw([digit, style], names=("digit", "style"))
        >>> law.event_shape, law.rsample().shape, law.slices
        (torch.Size([12]), torch.Size([5, 12]), (slice(0, 10, None), slice(10, 12, None)))
    """

    def __init__(self, blocks: Sequence[Distribution], names: Sequence[str] = ()) -> None:
        self._blocks = tuple(blocks)
        shape = torch.broadcast_shapes(*(block.batch_shape for block in blocks))
        super().__init__(names, [block.event_shape.numel() for block in blocks], Size(shape))

    @property
    def blocks(self) -> tuple[Distribution, ...]:
        """The law of every block."""
        return self._blocks

    @property
    def links(self) -> tuple[Distribution, ...]:
        """The same: none is given others."""
        return self._blocks

    @property
    def mean(self) -> Tensor:
        """Of every number of the code, shape (..., D)."""
        return torch.cat([block.mean for block in self.blocks], -1)

    @property
    def variance(self) -> Tensor:
        """Of every number of the code, shape (..., D)."""
        return torch.cat([block.variance for block in self.blocks], -1)

    def entropy(self) -> Tensor:
        """The entropy in nats, shape (...)."""
        return torch.stack([block.entropy() for block in self.blocks]).sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """log q(z) of codes z, shape (..., D): shape (...), nats."""
        parts = zip(self.blocks, self.slices, strict=True)
        each = torch.broadcast_tensors(*(block.log_prob(value[..., part]) for block, part in parts))
        return torch.stack(each).sum(0)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes of all blocks, shape (*sample_shape, ..., D)."""
        return torch.cat([block.sample(Size(sample_shape)) for block in self.blocks], -1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes, with the gradient of each block that has one."""
        shape = Size(sample_shape)
        return torch.cat([b.rsample(shape) if b.has_rsample else b.sample(shape) for b in self.blocks], -1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "BlockLaw":
        """The same law, a batch of as many."""
        return BlockLaw([block.expand(batch_shape) for block in self.blocks], self.names)


@dataclass(frozen=True)
class Dimension:
    """A dimension of a code, by which there are readings.

    Attributes:
        name: "z0" of a flat code; of a block its name, with a number where it has several. A position that stands in
            a row and a column is called by both: "z2,5", "tokens 2,5".
        numbers: Which numbers of z it has: one, or a category's, or a codeword's.
        words: The codewords that these numbers may be, shape (K, d); None where they are no codeword.
    """

    name: str
    numbers: slice
    words: Tensor | None = field(default=None, compare=False)


def dimensions_of_code(law: Distribution) -> list[Dimension]:
    """The dimensions of codes that a law is of: positions of categories or codewords, and numbers of anything else.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> blocks = [Categories(torch.zeros(1, 10)), Independent(Normal(torch.zeros(2), 1.0), 1)]
        >>> law = BlockLaw(blocks, ["digit", "style"])
        >>> [dimension.name for dimension in dimensions_of_code(law)]
        ['digit', 'style 0', 'style 1']
    """
    if not isinstance(law, LawOfBlocks):
        parts = _parts(law, 0)
        return [Dimension(f"z{at}", part, _words(law)) for at, part in zip(_places(law, parts), parts, strict=True)]
    found = []
    for block, start, name in zip(law.blocks, law.slices, law.names, strict=True):
        parts = _parts(block, start.start)
        names = [name] if len(parts) == 1 else [f"{name} {at}" for at in _places(block, parts)]
        found += [Dimension(*of, _words(block)) for of in zip(names, parts, strict=True)]
    return found


def named_parts(law: Distribution) -> dict[str, slice]:
    """Which numbers of z each block of a law has, by its name; none of a flat code.

    Example:
        >>> named_parts(BlockLaw([Categories(torch.zeros(1, 10)), Categories(torch.zeros(1, 2))], ["digit", "side"]))
        {'digit': slice(0, 10, None), 'side': slice(10, 12, None)}
    """
    return dict(zip(law.names, law.slices, strict=True)) if isinstance(law, LawOfBlocks) else {}


def has_categories(law: Distribution) -> bool:
    """Whether some numbers of a code are a category's, or a codeword's, and go together.

    Example:
        >>> has_categories(Categories(torch.zeros(1, 10)))
        True
    """
    return any(isinstance(block, Categories | Codewords) for block in blocks_of(law))


def _parts(block: Distribution, start: int) -> list[slice]:
    """Which numbers of z each dimension of a block has, whose first is `start`."""
    size = 1
    if isinstance(block, Categories):
        size = block.log_probs.shape[-1]
    elif isinstance(block, Codewords):
        size = block.width
    return [slice(at, at + size) for at in range(start, start + math.prod(block.event_shape), size)]


def _places(block: Distribution, parts: Sequence[slice]) -> list[str]:
    """What the dimensions of a block are called within it."""
    return place_names(block.shape if isinstance(block, Categories | Codewords) else (len(parts),))


def _words(block: Distribution) -> Tensor | None:
    """The codewords that a position of a block may have; None where it has none."""
    return block.codebook.vectors.detach() if isinstance(block, Codewords) else None


def blocks_of(law: Distribution) -> tuple[Distribution, ...]:
    """The laws of a law's blocks, in the order of z: itself alone, where it has none.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> len(blocks_of(Independent(Normal(torch.zeros(5, 2), 1.0), 1)))
        1
    """
    return law.blocks if isinstance(law, LawOfBlocks) else (law,)
