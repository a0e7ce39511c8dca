"""Codes of several blocks: each with a posterior family and a prior of its own, one after the other in z."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from itertools import accumulate
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import Conditional, LawOfBlocks
from termwise.models.categories import Categories
from termwise.models.chained_law import law_of
from termwise.models.given_head import GivenHead
from termwise.models.places import HasPositions, shape_of, with_shape
from termwise.models.posteriors.categorical import CategoricalPosterior
from termwise.models.posteriors.family import PosteriorFamily
from termwise.models.posteriors.ladder import LadderNormal
from termwise.models.posteriors.table import posterior_family
from termwise.models.priors.conditional import ConditionalPrior
from termwise.models.priors.prior import PriorOfCodes, PriorOfPosteriors
from termwise.models.priors.table import prior_from
from termwise.values import Count, checked

DISCRETE = ("categorical", "vector-quantized", "finite-scalar")
"""The posteriors whose codes are categories or codewords, with which goes the uniform prior."""


@dataclass(frozen=True)
class Block:
    """One block of a code: what it is called, how many numbers it has, and its laws by name.

    Attributes:
        name: What readings call it.
        latent: Its numbers; of categories or codewords, those of all positions together.
        posterior: A row of `POSTERIORS`.
        prior: A row of `PRIORS`; the one that goes with the posterior where left out.
        posterior_options: What the posterior family takes.
        prior_options: What the prior takes.
        given: The names of blocks before it: its posterior is q(z_b | z_given, x), and with the prior "conditional" its
            prior p(z_b | z_given).
        hidden: The width of the layer through which it is given them.
        decoded: Whether the decoder sees it.
        shape: How the positions of categories or codewords are laid out, such as (7, 7); it says how many there are.
        observes: The variable beside x that a block of categories is, where it is known: of such examples its
            posterior is that category in training, and wherever a value is given.

    Example:
        >>> Block("digit", 10, posterior="categorical").prior_name
        'uniform'
    """

    name: str
    latent: Count
    posterior: str = "diagonal-normal"
    prior: str | None = None
    posterior_options: Mapping[str, Any] = field(default_factory=dict)
    prior_options: Mapping[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    hidden: Count = 64
    decoded: bool = True
    shape: tuple[Count, ...] = ()
    observes: str = ""

    @property
    def prior_name(self) -> str:
        """The prior's name: uniform over categories and codewords, and the standard normal over numbers, unless another
        is said.
        """
        return self.prior or ("uniform" if self.posterior.partition(":")[0] in DISCRETE else "standard-normal")

    def table(self) -> dict[str, Any]:
        """The block as a configuration has it, its prior by name."""
        options = {name: dict(getattr(self, name)) for name in ("posterior_options", "prior_options")}
        lists = {"given": list(self.given), "shape": list(self.shape)}
        return {**asdict(self), "prior": self.prior_name, **lists, **options}

    def family(self) -> PosteriorFamily:
        """The posterior family of the block."""
        return posterior_family(
            self.posterior, self.latent, with_shape(self.posterior, self.posterior_options, self.shape)
        )


@checked
def blocks_from(code: Sequence[Block | Mapping[str, Any]]) -> tuple[Block, ...]:
    """Blocks from a configuration's tables, or as they are.

    Raises:
        Refused: There are none, or two have one name, or a table says something that a block has not.

    Example:
        >>> [block.name for block in blocks_from([{"name": "style", "latent": 6}])]
        ['style']
    """
    made = []
    for one in code:
        if isinstance(one, Block):
            made.append(one)
            continue
        unknown = sorted(set(one) - set(Block.__dataclass_fields__))
        lacking = sorted({"name", "latent"} - set(one))
        if unknown or lacking:
            wrong = f"it does not take {', '.join(unknown)}" if unknown else f"it lacks {', '.join(lacking)}"
            fields = ", ".join(Block.__dataclass_fields__)
            raise Refused(f"A block of the code has {fields}; of {dict(one)}, {wrong}.")
        lists = {key: tuple(one[key]) for key in ("given", "shape") if isinstance(one.get(key), list)}
        made.append(checked(Block)(**{**one, **lists}))
    names = [block.name for block in made]
    if not names or len(set(names)) < len(names):
        raise Refused(f"A code has one block or more, each of another name; got {names or 'none'}.")
    for place, block in enumerate(made):
        if late := [name for name in block.given if name not in names[:place]]:
            raise Refused(
                f"A block is given blocks that stand before it; {block.name!r} is given {', '.join(late)}, and before "
                f"it stand {', '.join(names[:place]) or 'none'}."
            )
        if block.given and block.posterior.startswith("vector-quantized"):
            raise Refused(
                f"The codewords of block {block.name!r} learn from what is nearest to them, once a step, and are not "
                "given other blocks: leave given out."
            )
        if block.observes and (block.posterior != "categorical" or block.given or _positions(block) != 1):
            raise Refused(
                f"A block that observes what stands beside x is of categories, one for each value, and given no other; "
                f"{block.name!r} is not. Say posterior = 'categorical', of one position, without given."
            )
        if block.prior_name == "conditional" and not block.given:
            raise Refused(f"The prior of block {block.name!r} is conditional, and given nothing: say given = [...].")
    if len(observing := [block.name for block in made if block.observes]) > 1:
        raise Refused(f"One block of a code observes what stands beside x; got {', '.join(observing)}.")
    if not any(block.decoded for block in made):
        raise Refused("The decoder sees no block: leave decoded = true with one or more.")
    return tuple(made)


class BlockFamily(nn.Module):
    """q(z|x) from a posterior family for every block; features stand one after the other.

    It is the product of the blocks' laws; a block that is given others has a law made of theirs and of its features.

    Args:
        latent: D, the numbers of all blocks.
        code: The blocks, or their tables; one of normals, where none are said.

    Example:
        >>> import torch
        >>> code = [Block("digit", 10, posterior="categorical"), Block("style", 2)]
        >>> family = BlockFamily(12, code)
        >>> family.features, family(torch.zeros(5, 14)).rsample().shape
        (14, torch.Size([5, 12]))
    """

    name = "blocks"

    def __init__(self, latent: int, code: list[Any] | None = None) -> None:
        super().__init__()
        self.code, self.latent = _blocks_of(code, latent), latent
        families = [block.family() for block in self.code]
        self.blocks = nn.ModuleList(families)  # type: ignore[arg-type]
        sizes = numbers_given(self.code)
        heads = [
            GivenHead(given, block.hidden, family.features) if _has_head(block) else nn.Identity()
            for block, family, given in zip(self.code, families, sizes, strict=True)
        ]
        self.heads = nn.ModuleList(heads)
        self.sizes = [
            block.hidden if _has_head(block) else family.features
            for block, family in zip(self.code, families, strict=True)
        ]
        self.options: dict[str, Any] = {"code": [block.table() for block in self.code]}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: what all blocks need."""
        return sum(self.sizes)

    @property
    def shape(self) -> tuple[int, ...]:
        """How the positions of a code of one block are laid out; () of more blocks, and of numbers."""
        family = self.blocks[0]
        return family.shape if len(self.blocks) == 1 and isinstance(family, HasPositions) else ()

    @cached_property
    def decoded(self) -> list[int] | None:
        """Which numbers of the code the decoder sees; None for all."""
        if all(block.decoded for block in self.code):
            return None
        ends = list(accumulate((block.latent for block in self.code), initial=0))
        return [
            j
            for block, start in zip(self.code, ends, strict=False)
            if block.decoded
            for j in range(start, start + block.latent)
        ]

    @cached_property
    def observed(self) -> tuple[str, int] | None:
        """The variable beside x that a block observes, and the first of its numbers; None where none does."""
        start = 0
        for block in self.code:
            if block.observes:
                return block.observes, start
            start += block.latent
        return None

    @property
    def asks_prior(self) -> bool:
        """Whether some block's posterior is made of its prior."""
        return any(isinstance(family, LadderNormal) for family in self.blocks)

    def forward(
        self,
        features: Tensor,
        prior: Distribution | None = None,
        observe: Callable[[Categories], Distribution] | None = None,
    ) -> LawOfBlocks:
        """q(z|x) from features of shape (B, features), and the prior, where it `asks_prior`.

        Args:
            features: Of every example.
            prior: p(z).
            observe: What makes of the law of the block that observes what it is where some values are known.

        Raises:
            Refused: That prior is not of the same blocks.
        """
        links, of_prior = [], getattr(prior, "links", (None,) * len(self.code))
        if len(of_prior) < len(self.code):
            raise Refused("A ladder's posterior is made of the prior's blocks, and this prior has others.")
        for block, family, head, places, its, its_prior in zip(
            self.code,
            self.blocks,
            self.heads,
            places_given(self.code),
            features.split(self.sizes, -1),
            of_prior,
            strict=True,
        ):
            if isinstance(family, LadderNormal):
                law: Distribution | Conditional
                if isinstance(its_prior, Conditional):
                    law = Conditional(partial(_times_prior, family, its_prior), places, block.latent, its)
                else:
                    law = family(its, its_prior)
            elif block.given:
                law = Conditional(partial(_law_given, family, head), places, block.latent, its)
            else:
                law = family(its)
                if block.observes and observe is not None:
                    assert isinstance(law, Categories)
                    law = observe(law)
            links.append(law)
        return law_of(links, [block.name for block in self.code])


class BlockPrior(nn.Module):
    """p(z) from a prior for every block: their product, but for a conditional one, which is of the blocks given.

    Args:
        latent: D, the numbers of all blocks.
        code: The blocks, or their tables; one of normals, where none are said.

    Raises:
        Refused: A block's prior is made of posteriors, which are of the whole code.

    Example:
        >>> BlockPrior(12, [Block("digit", 10, posterior="categorical"), Block("style", 2)])().sample().shape
        torch.Size([12])
    """

    name = "blocks"

    def __init__(self, latent: int, code: list[Any] | None = None) -> None:
        super().__init__()
        self.code = _blocks_of(code, latent)
        sizes = numbers_given(self.code)
        priors = [_prior_of(block, given) for block, given in zip(self.code, sizes, strict=True)]
        for block, prior in zip(self.code, priors, strict=True):
            if isinstance(prior, PriorOfPosteriors):
                raise Refused(
                    f"The prior {block.prior_name!r} of block {block.name!r} is made of posteriors, which are of the "
                    "whole code: it is for a code without blocks. Others are mixture and flow."
                )
        self.blocks = nn.ModuleList(priors)
        self.options: dict[str, Any] = {"code": [block.table() for block in self.code]}

    def meet_posterior(self, family: object) -> None:
        """Let the prior of each block be over such codes as the block's posterior has."""
        if isinstance(family, BlockFamily) and len(family.blocks) == len(self.blocks):
            for prior, of_block in zip(self.blocks, family.blocks, strict=True):
                if isinstance(prior, PriorOfCodes):
                    prior.meet_posterior(of_block)

    def forward(self) -> LawOfBlocks:
        """p(z), batch shape (), event shape (D,)."""
        links = [
            Conditional(prior.law, places, block.latent) if isinstance(prior, ConditionalPrior) else prior()
            for block, prior, places in zip(self.code, self.blocks, places_given(self.code), strict=True)
        ]
        return law_of(links, [block.name for block in self.code])


def places_given(code: Sequence[Block]) -> list[tuple[int, ...]]:
    """The places of the blocks that each block is given."""
    place = {block.name: at for at, block in enumerate(code)}
    return [tuple(place[name] for name in block.given) for block in code]


def numbers_given(code: Sequence[Block]) -> list[int]:
    """How many numbers the blocks have that each block is given."""
    return [sum(code[place].latent for place in places) for places in places_given(code)]


def _positions(block: Block) -> int:
    """How many positions a block of categories has."""
    return math.prod(shape_of(with_shape(block.posterior, block.posterior_options, block.shape).get("positions", 1)))


def _has_head(block: Block) -> bool:
    """Whether a block's posterior takes what it is given through a layer of its own: a ladder's has the prior's."""
    return bool(block.given) and block.posterior != LadderNormal.name


def _times_prior(family: LadderNormal, prior: Conditional, given: Tensor, features: Tensor | None) -> Distribution:
    """A ladder's posterior from what its prior is given, and from an encoder's features."""
    assert features is not None
    return family(features, prior.at(given))


def _law_given(family: nn.Module, head: nn.Module, given: Tensor, features: Tensor | None) -> Distribution:
    """A block's posterior from what it is given and from an encoder's features."""
    law: Distribution = family(head(given, features))
    return law


def _prior_of(block: Block, given: int) -> nn.Module:
    """A block's prior; one that is conditional is of the posterior's kind, and given so many numbers."""
    if block.prior_name != "conditional":
        return prior_from(block.prior_name, block.latent, block.prior_options)
    family = block.family()
    positions = family.positions if isinstance(family, CategoricalPosterior) else None
    return ConditionalPrior(block.latent, given, positions, **{"hidden": block.hidden, **block.prior_options})


def _blocks_of(code: Sequence[Any] | None, latent: int) -> tuple[Block, ...]:
    """The blocks of a code of so many numbers."""
    blocks = blocks_from(code or [Block("code", latent)])
    sizes = [block.latent for block in blocks]
    if sum(sizes) != latent:
        asked = " + ".join(map(str, sizes))
        raise Refused(f"Blocks of {asked} numbers make {sum(sizes)}; the model's latent is {latent}.")
    return blocks


def numbers_decoded(family: PosteriorFamily) -> list[int] | None:
    """Which numbers of a code its decoder sees; None for all, as of every family but blocks."""
    return family.decoded if isinstance(family, BlockFamily) else None


def count_decoded(family: PosteriorFamily) -> int:
    """How many numbers of a code its decoder sees."""
    seen = numbers_decoded(family)
    return family.latent if seen is None else len(seen)
