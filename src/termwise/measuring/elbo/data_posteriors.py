"""The posteriors of a data set, of whatever kind: what q(z) is an average of.

Normals and mixtures of normals have ways of their own (`mixture_posteriors.py`); of any other law that has a density
the log densities come from its components (`terms.aggregate`); and a code of blocks has the posteriors of each block,
whose marginals stand side by side. Of blocks that are given categories the marginals are mixtures over these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from termwise.errors import Refused
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors, without
from termwise.models.block_law import BlockLaw, Conditional, LawOfBlocks
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes, factorises
from termwise.models.codewords import Codewords
from termwise.models.distributions import centre, innermost
from termwise.models.law_rows import joined_laws, rows
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.mixture import SURE, log_density, marginal_log_density
from termwise.terms.aggregate.posterior_components import components_of


class PosteriorSum(Protocol):
    """sum_m q(z|x_m) and sum_m q(z_j|x_m) of examples, one of them left out."""

    def joint(self, codes: Codes, place: Tensor) -> Tensor:
        """Its log, shape (B,), without the example at `place`, shape (B,); -1 where all count."""
        ...

    def by_dimension(self, codes: Codes, place: Tensor, own: Tensor) -> Tensor:
        """Its log by dimension, shape (B, D); `own` is log q(z_j|x) of the example left out, shape (B, D)."""
        ...


class DataPosteriors(Protocol):
    """The posteriors of N examples.

    Attributes:
        device: Where they are.
        width: The dimensions of a code by which it has readings; 0 where its marginals are unknown.
        means: E[z|x], shape (N, numbers of a code).
        most: So many of them at the most are asked at as many codes.
    """

    @property
    def most(self) -> float: ...  # noqa: D102

    @property
    def device(self) -> torch.device: ...  # noqa: D102

    @property
    def width(self) -> int: ...  # noqa: D102

    @property
    def means(self) -> Tensor: ...  # noqa: D102

    def __len__(self) -> int: ...

    @classmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """Those of all their examples, in order."""
        ...

    def at(self, rows: Tensor) -> Self:
        """Those of the examples at these rows."""
        ...

    def marginals(self) -> Distribution:
        """prod_j q(z_j|x), batch shape (N,); the posteriors themselves where the marginals are unknown."""
        ...

    def summed(self) -> PosteriorSum:
        """The sum over all of them."""
        ...


@dataclass(frozen=True)
class LawPosteriors:
    """Posteriors of any law that has a density.

    Attributes:
        law: Batch shape (N,).
        components: The same as components of q(z).
    """

    law: Distribution
    components: Components

    def __len__(self) -> int:
        return len(self.components)

    @classmethod
    def joined(cls, several: Sequence["LawPosteriors"]) -> "LawPosteriors":
        """Those of all their examples, in order."""
        parts = [one.components for one in several]
        return cls(joined_laws([one.law for one in several]), type(parts[0]).joined(parts))

    def at(self, rows_: Tensor) -> "LawPosteriors":
        """Those of the examples at these rows."""
        return LawPosteriors(rows(self.law, rows_), self.components.at(rows_))

    @property
    def most(self) -> float:
        """So many of them at the most are asked at as many codes."""
        return self.components.most

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.components.device

    @property
    def width(self) -> int:
        """The dimensions of a code: its numbers, or positions; 0 where it does not factorise."""
        if isinstance(self.law, Categories):
            return self.law.log_probs.shape[-2]
        if isinstance(self.law, Codewords):
            return self.law.indices.shape[-1]
        return self.components.size if factorises(self.law) else 0

    @property
    def means(self) -> Tensor:
        """E[z|x], shape (N, numbers of a code)."""
        return centre(self.law)

    def marginals(self) -> Distribution:
        """The posteriors themselves: they factorise, or their marginals are unknown."""
        return self.law

    def summed(self) -> "ComponentsSum":
        """The sum over them, from every component."""
        return ComponentsSum(self.components, self.width)


class ComponentsSum:
    """The sum over components, taken one by one."""

    def __init__(self, components: Components, width: int) -> None:
        self.components, self.width = components, width

    def joint(self, codes: Codes, place: Tensor) -> Tensor:
        """Its log, shape (B,), without the example at `place`."""
        return log_density(codes, self.components, without(place), tolerance=SURE).double()

    def by_dimension(self, codes: Codes, place: Tensor, own: Tensor) -> Tensor:
        """Its log by dimension, shape (B, D); `own` is not needed."""
        if not self.width:
            return own.new_empty(len(codes), 0)
        return marginal_log_density(codes, self.components, without(place)).double()


@dataclass(frozen=True)
class BlockPosteriors:
    """Posteriors of codes of several blocks, of each of which the marginals are known.

    Attributes:
        law: Batch shape (N,).
        blocks: The posteriors of each block; of one that is given categories, mixtures over them.
        components: Those of the whole code, as components of q(z).
    """

    law: LawOfBlocks
    blocks: tuple[DataPosteriors, ...]
    components: Components

    def __len__(self) -> int:
        return len(self.components)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Which numbers of the code each block has."""
        return self.law.slices

    @classmethod
    def joined(cls, several: Sequence["BlockPosteriors"]) -> "BlockPosteriors":
        """Those of all their examples, in order."""
        by_block = zip(*(one.blocks for one in several), strict=True)
        blocks = tuple(type(same[0]).joined(same) for same in by_block)
        components = [one.components for one in several]
        law = joined_laws([one.law for one in several])
        assert isinstance(law, LawOfBlocks)
        return cls(law, blocks, type(components[0]).joined(components))

    def at(self, rows_: Tensor) -> "BlockPosteriors":
        """Those of the examples at these rows."""
        blocks = tuple(block.at(rows_) for block in self.blocks)
        law = rows(self.law, rows_)
        assert isinstance(law, LawOfBlocks)
        return BlockPosteriors(law, blocks, self.components.at(rows_))

    @property
    def most(self) -> float:
        """So many of them at the most are asked at as many codes."""
        return self.components.most

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.components.device

    @property
    def width(self) -> int:
        """The dimensions of all blocks; a block whose marginals are unknown is one."""
        return sum(self.widths)

    @property
    def widths(self) -> list[int]:
        """The dimensions of each block."""
        return [max(1, block.width) for block in self.blocks]

    @property
    def means(self) -> Tensor:
        """E[z|x], shape (N, numbers of a code)."""
        return torch.cat([block.means for block in self.blocks], 1)

    def marginals(self) -> BlockLaw:
        """The product of the blocks' own."""
        return BlockLaw([block.marginals() for block in self.blocks], self.law.names)

    def summed(self) -> "BlockSum":
        """The sum over all of them."""
        return BlockSum(self)


class BlockSum:
    """The sum over codes of blocks: the joint from all blocks at once, the marginals from each block's own sum."""

    def __init__(self, posteriors: BlockPosteriors) -> None:
        self.components, self.widths, self.slices = posteriors.components, posteriors.widths, posteriors.slices
        self.unknown = [block.width == 0 for block in posteriors.blocks]
        self.blocks = [block.summed() for block in posteriors.blocks]

    def joint(self, codes: Codes, place: Tensor) -> Tensor:
        """Its log, shape (B,), without the example at `place`."""
        return log_density(codes, self.components, without(place), tolerance=SURE).double()

    def by_dimension(self, codes: Codes, place: Tensor, own: Tensor) -> Tensor:
        """Its log by dimension, shape (B, D); `own` is log q(z_j|x), shape (B, D)."""
        parts = zip(self.blocks, self.unknown, self.slices, own.split(self.widths, 1), strict=True)
        lines = [
            block.joint(codes.columns(part), place).unsqueeze(1)
            if as_one
            else block.by_dimension(codes.columns(part), place, its)
            for block, as_one, part, its in parts
        ]
        return torch.cat(lines, 1)


def posteriors_of(law: Distribution) -> DataPosteriors:
    """A batch of posteriors, batch shape (N,), event shape (D,).

    Raises:
        Refused: They have no density.
    """
    if isinstance(law, BlockLaw):
        return BlockPosteriors(law, tuple(posteriors_of(block) for block in law.blocks), components_of(law))
    if isinstance(law, ChainedLaw) and (marginals := marginals_given_categories(law)) is not None:
        return BlockPosteriors(law, tuple(posteriors_of(block) for block in marginals), components_of(law))
    if NormalPosteriors.takes(law):
        return NormalPosteriors.of(law)
    if len(law.batch_shape) != 1 or len(law.event_shape) != 1:
        raise Refused(
            f"q(z) is taken over posteriors of batch shape (N,) and event shape (D,); got {tuple(law.batch_shape)} and "
            f"{tuple(law.event_shape)}."
        )
    components = components_of(law)
    return LawPosteriors(law, components)


def marginals_given_categories(law: ChainedLaw) -> list[Distribution] | None:
    """q(z_b|x) of every block, batch shape (N,): of normals given categories their mixtures; None where unknown."""
    if (values := law.values()) is None:
        return None
    shares = Categorical(logits=law.log_prob_of(values).T, validate_args=False)
    found = []
    for link, under in zip(law.links, law.in_all(values).blocks, strict=True):  # (V, N)
        base = innermost(under)
        if not isinstance(link, Conditional):
            found.append(under)
        elif isinstance(under, MultivariateNormal):
            each: Distribution = MultivariateNormal(
                under.loc.movedim(0, 1), scale_tril=under.scale_tril.movedim(0, 1), validate_args=False
            )
            found.append(MixtureSameFamily(shares, each, validate_args=False))
        elif isinstance(base, Normal):
            each = Normal(base.loc.movedim(0, 1), base.scale.movedim(0, 1), validate_args=False)
            found.append(MixtureSameFamily(shares, Independent(each, 1, validate_args=False), validate_args=False))
        elif isinstance(under, Categories) and under.log_probs.shape[-2] == 1:
            log_shares = shares.logits.T[..., None, None]  # (V, N, 1, 1)
            found.append(Categories((under.log_probs + log_shares).logsumexp(0)))
        else:
            return None
    return found


def joined_posteriors(several: Sequence[DataPosteriors]) -> DataPosteriors:
    """The posteriors of several batches of one kind, in order."""
    return type(several[0]).joined(several)


def components_by_block(posteriors: DataPosteriors) -> list[tuple[Components, slice]]:
    """What the information of each block is taken from, and which numbers of the code that has; none of a flat code.

    It is the block itself; where blocks are given others, all blocks up to it.
    """
    law = posteriors.law if isinstance(posteriors, BlockPosteriors | LawPosteriors) else None
    if isinstance(law, ChainedLaw):
        return [(components_of(one), slice(one.event_shape.numel())) for one in law.firsts()]
    if not isinstance(law, LawOfBlocks):
        return []
    return [(components_of(block), part) for block, part in zip(law.blocks, law.slices, strict=True)]
