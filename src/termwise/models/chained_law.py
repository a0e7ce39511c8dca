"""Laws over codes of blocks, some of which are given others: q(z) = prod_b q(z_b | z_given).

Where a code is known such a law is a product, `at(z)`, of which all that is asked at codes is asked. Where all that is
given are categories, few enough, it is a sum over their values too (`values`): so that KL and moments are exact.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from termwise.models.block_law import BlockLaw, Conditional, LawOfBlocks
from termwise.models.categories import MOST_VALUES, Categories


class ChainedLaw(LawOfBlocks):
    """The law of a code whose blocks are drawn one by one, each once those that it is given are there.

    Most often that is their order; where a prior makes of the last block what the posterior begins with, it is another.

    Args:
        links: The law of every block, or a `Conditional`; one at the least is a law.
        names: What the blocks are called.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> places = torch.tensor([-5.0, 5.0])
        >>> style = Conditional(lambda kind, _: Independent(Normal(kind @ places[:, None], 1.0), 1), given=[0], size=1)
        >>> law = ChainedLaw([Categories(torch.tensor([[0.0, 0.0]])), style], names=("kind", "style"))
        >>> law.mean, law.at(torch.tensor([0.0, 1.0, 0.0])).blocks[1].mean
        (tensor([0.5000, 0.5000, 0.0000]), tensor([5.]))
    """

    def __init__(self, links: Sequence[Distribution | Conditional], names: Sequence[str] = ()) -> None:
        self._links = tuple(links)
        shapes = [one.batch_shape for one in links if isinstance(one, Distribution)]
        sizes = [one.size if isinstance(one, Conditional) else one.event_shape.numel() for one in links]
        super().__init__(names, sizes, torch.broadcast_shapes(*shapes))

    @property
    def links(self) -> tuple[Distribution | Conditional, ...]:
        """The law of every block, or its `Conditional`."""
        return self._links

    @cached_property
    def blocks(self) -> tuple[Distribution, ...]:
        """The law of every block, where those before it are in their middle."""
        return tuple(self.drawn_in_order(lambda law, given: law, _middle))

    def at(self, z: Tensor) -> BlockLaw:
        """The product that it is of codes z, shape (..., D): each block's law, given the numbers of z before it."""
        return BlockLaw([self._at(link, z) for link in self.links], self.names)

    @property
    def in_order(self) -> bool:
        """Whether each block is given such alone as stand before it."""
        chain = [(place, link) for place, link in enumerate(self.links) if isinstance(link, Conditional)]
        return all(before < place for place, link in chain for before in link.given)

    def firsts(self) -> list[LawOfBlocks]:
        """The laws of the first block, of the first two, and so on."""
        return [law_of(self.links[:count], self.names[:count]) for count in range(1, len(self.links) + 1)]

    @property
    def given(self) -> set[int]:
        """The places of all blocks that some block is given."""
        return {place for link in self.links if isinstance(link, Conditional) for place in link.given}

    def values(self, given: set[int] | None = None) -> Tensor | None:
        """All values of the blocks that others are given, as codes of shape (V, D), 0 in all other numbers.

        None where such a block is no law of categories that stands by itself, or where they are too many.

        Args:
            given: The places of these blocks, where they are not this law's own.
        """
        sources = sorted(self.given if given is None else given)
        laws = [self.links[place] for place in sources]
        shapes = [law.log_probs.shape[-2:] for law in laws if isinstance(law, Categories)]
        if len(shapes) < len(laws) or math.prod(k**p for p, k in shapes) > MOST_VALUES:
            return None
        numbers = [slice_ for place in sources for slice_ in self._positions(place)]
        combinations = list(itertools.product(*(range(part.start, part.stop) for part in numbers)))
        like = next(law for law in laws if isinstance(law, Categories)).log_probs
        codes = like.new_zeros(len(combinations), *self.event_shape)
        return codes.scatter_(1, torch.tensor(combinations, device=like.device), 1.0)

    def log_prob_of(self, values: Tensor, given: set[int] | None = None) -> Tensor:
        """The log probability of values as `values` gives them, shape (V, ...)."""
        total: Tensor | None = None
        for place in sorted(self.given if given is None else given):
            law, part = self.links[place], values[:, self.slices[place]]
            assert isinstance(law, Categories)
            its = torch.tensordot(part.to(law.log_probs), law.log_probs.flatten(-2), dims=([1], [-1]))
            total = its if total is None else total + its
        assert total is not None
        return total

    def in_all(self, values: Tensor) -> BlockLaw:
        """The product under each of V values, shape (V, D): of blocks that are given others, batch shape (V, ...)."""
        return self.at(values.view(len(values), *(1 for _ in self.batch_shape), -1))

    @property
    def mean(self) -> Tensor:
        """Of every number of the code, shape (..., D); NotImplementedError where it is no sum over few values."""
        return self._averaged(lambda law: law.mean)

    @property
    def variance(self) -> Tensor:
        """Of every number of the code, shape (..., D); as of the mean."""
        return self._averaged(lambda law: law.variance + law.mean.square()) - self.mean.square()

    def entropy(self) -> Tensor:
        """The entropy in nats, shape (...); as of the mean."""
        return self._averaged(lambda law: law.entropy().unsqueeze(-1)).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log q(z) of codes z, shape (..., D): shape (...), nats."""
        return self.at(value).log_prob(value)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes of all blocks, shape (*sample_shape, ..., D)."""
        with torch.no_grad():
            return self._drawn(lambda law, shape: law.sample(shape), sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The same with the gradient of each block that has one, through those that it is given, too."""
        return self._drawn(
            lambda law, shape: law.rsample(shape) if law.has_rsample else law.sample(shape), sample_shape
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> "ChainedLaw":
        """The same law, a batch of as many."""
        shape = Size(batch_shape)
        return ChainedLaw([link.expand(shape) for link in self.links], self.names)

    def drawn_in_order(self, draw: Callable[[Distribution, bool], Any], numbers: Callable[[Any], Tensor]) -> list[Any]:
        """What `draw` makes of each block's law, told whether it is given others, of which it has the `numbers`."""
        parts: dict[int, Any] = {}
        while len(parts) < len(self.links):
            ready = [
                (place, link)
                for place, link in enumerate(self.links)
                if place not in parts and (isinstance(link, Distribution) or parts.keys() >= set(link.given))
            ]
            assert ready, "blocks are given each other"
            for place, link in ready:
                if isinstance(link, Distribution):
                    parts[place] = draw(link, False)
                else:
                    parts[place] = draw(link.at(torch.cat([numbers(parts[at]) for at in link.given], -1)), True)
        return [parts[place] for place in range(len(self.links))]

    def _drawn(self, draw: Callable[[Distribution, Size], Tensor], shape: Sequence[int]) -> Tensor:
        parts = self.drawn_in_order(lambda law, given: draw(law, Size() if given else Size(shape)), lambda z: z)
        return torch.cat(parts, -1)

    def _at(self, link: Distribution | Conditional, z: Tensor) -> Distribution:
        if isinstance(link, Distribution):
            return link
        return link.at(torch.cat([z[..., self.slices[place]] for place in link.given], -1))

    def _positions(self, place: int) -> list[slice]:
        """Which numbers of z each position of a block of categories has."""
        law, start = self.links[place], self.slices[place].start
        assert isinstance(law, Categories)
        positions, count = law.log_probs.shape[-2:]
        return [slice(start + p * count, start + (p + 1) * count) for p in range(positions)]

    def _averaged(self, of: Callable[[Distribution], Tensor]) -> Tensor:
        """Something of every block, averaged over all that it may be given, shape (..., numbers)."""
        values = self.values()
        if values is None:
            raise NotImplementedError
        probs, laws = self.log_prob_of(values).exp(), self.in_all(values).blocks
        parts = [
            (probs.unsqueeze(-1) * of(law)).sum(0) if isinstance(link, Conditional) else of(law)
            for link, law in zip(self.links, laws, strict=True)
        ]
        return torch.cat(parts, -1)


def _middle(law: Distribution) -> Tensor:
    """A code in the middle of a law, one of its values."""
    if isinstance(law, Categories):
        return law.mode
    try:
        return law.mean
    except NotImplementedError:
        return law.sample()


def law_of(links: Sequence[Distribution | Conditional], names: Sequence[str]) -> LawOfBlocks:
    """The law of blocks, each with a law of its own or a `Conditional`: a product, where none is given others.

    Example:
        >>> type(law_of([Categories(torch.zeros(1, 3))], ["kind"])).__name__
        'BlockLaw'
    """
    if any(isinstance(link, Conditional) for link in links):
        return ChainedLaw(links, names)
    return BlockLaw([link for link in links if isinstance(link, Distribution)], names)
