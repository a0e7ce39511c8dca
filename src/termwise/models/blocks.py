"""Codes of several blocks: each with a posterior family and a prior of its own, one after the other in z."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.posteriors.table import posterior_family
from termwise.models.priors.prior import PriorOfPosteriors
from termwise.models.priors.table import prior_from
from termwise.values import Count, checked


@dataclass(frozen=True)
class Block:
    """One block of a code: what it is called, how many numbers it has, and its laws by name.

    Attributes:
        name: What readings call it.
        latent: Its numbers; of categories, those of all positions together.
        posterior: A row of `POSTERIORS`.
        prior: A row of `PRIORS`; the one that goes with the posterior where left out.
        posterior_options: What the posterior family takes.
        prior_options: What the prior takes.

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

    @property
    def prior_name(self) -> str:
        """The prior's name: uniform over categories, and the standard normal over numbers, unless another is said."""
        return self.prior or ("uniform" if self.posterior == "categorical" else "standard-normal")

    def table(self) -> dict[str, Any]:
        """The block as a configuration has it, its prior by name."""
        options = {name: dict(getattr(self, name)) for name in ("posterior_options", "prior_options")}
        return {**asdict(self), "prior": self.prior_name, **options}


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
        made.append(checked(Block)(**one))
    names = [block.name for block in made]
    if not names or len(set(names)) < len(names):
        raise Refused(f"A code has one block or more, each of another name; got {names or 'none'}.")
    return tuple(made)


class BlockFamily(nn.Module):
    """q(z|x) as the product of a posterior family for every block; features stand one after the other.

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
        families = [posterior_family(block.posterior, block.latent, block.posterior_options) for block in self.code]
        self.blocks = nn.ModuleList(families)  # type: ignore[arg-type]
        self.sizes = [family.features for family in families]
        self.options: dict[str, Any] = {"code": [block.table() for block in self.code]}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: what all blocks need."""
        return sum(self.sizes)

    def forward(self, features: Tensor) -> BlockLaw:
        """q(z|x) from features of shape (B, features)."""
        parts = zip(self.blocks, features.split(self.sizes, -1), strict=True)
        return BlockLaw([family(its) for family, its in parts], [block.name for block in self.code])


class BlockPrior(nn.Module):
    """p(z) as the product of a prior for every block.

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
        priors = [prior_from(block.prior_name, block.latent, prior_options(block)) for block in self.code]
        for block, prior in zip(self.code, priors, strict=True):
            if isinstance(prior, PriorOfPosteriors):
                raise Refused(
                    f"The prior {block.prior_name!r} of block {block.name!r} is made of posteriors, which are of the "
                    "whole code: it is for a code without blocks. Others are mixture and flow."
                )
        self.blocks = nn.ModuleList(priors)
        self.options: dict[str, Any] = {"code": [block.table() for block in self.code]}

    def forward(self) -> BlockLaw:
        """p(z), batch shape (), event shape (D,)."""
        return BlockLaw([prior() for prior in self.blocks], [block.name for block in self.code])


def prior_options(block: Block) -> dict[str, Any]:
    """What a block's prior takes: of categories, as many positions as the posterior has, unless others are said."""
    positions = block.posterior_options.get("positions")
    own = {} if positions is None or block.posterior != "categorical" else {"positions": positions}
    return {**own, **block.prior_options}


def _blocks_of(code: Sequence[Any] | None, latent: int) -> tuple[Block, ...]:
    """The blocks of a code of so many numbers."""
    blocks = blocks_from(code or [Block("code", latent)])
    sizes = [block.latent for block in blocks]
    if sum(sizes) != latent:
        asked = " + ".join(map(str, sizes))
        raise Refused(f"Blocks of {asked} numbers make {sum(sizes)}; the model's latent is {latent}.")
    return blocks
