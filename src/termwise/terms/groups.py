"""The stop `groups`, prod_g q(z_g): the aggregate with the dependence between groups of dimensions taken out.

    group_correlation          aggregate -> groups      KL(q(z) || prod_g q(z_g))
    within_group_correlation   groups -> marginals      sum_g KL(q(z_g) || prod_(j in g) q(z_j))
    group_wise_kl              groups -> prior          sum_g KL(q(z_g) || p(z_g)), the prior a product

The first two sum to the total correlation (Esmaeili et al., 2019, eq. 5). Groups of one dimension each make it
`marginals`, and one group of all makes it `aggregate`. Of a code of blocks the groups may be the blocks, by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import NoDensity, Refused, UnknownName, in_short
from termwise.models.block_law import dimensions_of_code, has_categories, named_parts
from termwise.models.draw import Draw, Itself
from termwise.terms.aggregate.memory import Memory
from termwise.values import Count, Natural, checked

Numbers = Count | Sequence[Sequence[Natural]]
Grouping = Count | Literal["blocks"] | Sequence[Sequence[Natural | str]]
"""Which dimensions go together: lists of them, or of names of blocks or dimensions; how many of them stand in a group,
in order, where a position of categories or codewords is one; or "blocks", each of which is a group."""


@checked
def dimensions_of(groups: Numbers, latent: Count) -> list[list[int]]:
    """The dimensions of each group of a code of `latent` dimensions, every one of them in one group.

    Raises:
        Refused: A dimension is in no group, in two, or is none of the code's.

    Example:
        >>> dimensions_of(2, 5), dimensions_of([[0, 3], [1, 2]], 4)
        ([[0, 1], [2, 3], [4]], [[0, 3], [1, 2]])
    """
    if isinstance(groups, int):
        cuts = [*range(0, latent, groups), latent]
        return [list(range(start, end)) for start, end in pairwise(cuts)]
    lists = [list(group) for group in groups]
    if sorted(dimension for group in lists for dimension in group) != list(range(latent)) or [] in lists:
        raise Refused(
            f"Groups hold every dimension of a code once: 0 to {latent - 1} of this one's {latent}; got "
            f"{in_short(lists)}. Write them as groups=[[0, 1], [2, 3, 4]], or groups=2 for pairs in order."
        )
    return lists


def groups_of_code(groups: Grouping | None, law: Distribution) -> list[list[int]]:
    """Which numbers of z each group has, of the codes of a law.

    Args:
        groups: None for the blocks of a code that has some, and for pairs of dimensions of another.
        law: Over codes, event shape (D,).

    Raises:
        Refused: A dimension is in no group, or in two; or a group has some of a category's numbers, and not all.
        UnknownName: No block, and no dimension, is called so.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> from termwise.models.block_law import BlockLaw
        >>> from termwise.models.categories import Categories
        >>> blocks = [Categories(torch.zeros(1, 3)), Independent(Normal(torch.zeros(2), 1.0), 1)]
        >>> law = BlockLaw(blocks, ["digit", "style"])
        >>> groups_of_code("blocks", law), groups_of_code([["style 1"], ["digit", "style 0"]], law)
        ([[0, 1, 2], [3, 4]], [[4], [0, 1, 2, 3]])
    """
    latent, blocks = law.event_shape.numel(), named_parts(law)
    if groups is None:
        groups = "blocks" if blocks else 2
    if groups == "blocks":
        if not blocks:
            raise Refused(
                'This code has no blocks: groups="blocks" is for one that has. Write them as [[0, 1], [2, 3]].'
            )
        groups = [[name] for name in blocks]
    dimensions = dimensions_of_code(law)
    if isinstance(groups, int):
        each = [list(range(latent)[one.numbers]) for one in dimensions]
        groups = [[j for one in some for j in each[one]] for some in dimensions_of(groups, len(each))]
    else:
        parts = {**{one.name: one.numbers for one in dimensions}, **blocks}
        groups = [[j for one in group for j in _numbers_of(one, parts, latent)] for group in groups]
    numbers = dimensions_of(cast(Numbers, groups), latent)
    for category in dimensions if has_categories(law) else ():
        its = set(range(latent)[category.numbers])
        if not any(its <= set(group) for group in numbers):
            raise Refused(
                f"The numbers of {category.name}, {min(its)} to {max(its)}, are one category and go together; got the "
                f"groups {numbers}. Put them in one."
            )
    return numbers


def _numbers_of(one: int | str, parts: dict[str, slice], latent: int) -> list[int]:
    if isinstance(one, int):
        return [one]
    if one not in parts:
        raise UnknownName("block or dimension of the code", one, parts)
    return list(range(latent)[parts[one]])


def _has_names(groups: Grouping) -> bool:
    return not isinstance(groups, int) and (
        groups == "blocks" or any(isinstance(j, str) for one in groups for j in one)
    )


@checked
def _check(groups: Grouping | None) -> None:
    """Raise Refused where groups are none of any code."""
    if groups is not None and not _has_names(groups):
        numbers = cast(Numbers, groups)
        dimensions_of(numbers, _least_latent(numbers))


def _least_latent(groups: Numbers) -> int:
    """The fewest dimensions that a code of these groups can have."""
    return 1 if isinstance(groups, int) else 1 + max((j for group in groups for j in group), default=0)


@dataclass(frozen=True)
class Groups:
    """The law prod_g q(z_g): codes whose groups of dimensions are independent, each as in the aggregate.

    Args:
        groups: Lists of dimensions, such as [[0, 1], [2, 3, 4]], or of names; how many stand in a group, in order; or
            "blocks". Where left out, the blocks of a code that has some, and pairs of dimensions of another.
        memory: What q(z) is remembered from; a link gives it its estimator's.
        beside: Whether samples are made of another batch than the draw's own, as beside the aggregate's they must be.

    Example:
        >>> from termwise.models import VAE
        >>> from termwise.terms import Full, Link, MonteCarlo
        >>> link = Link("aggregate", Groups([[0, 1], [2]]), MonteCarlo("minibatch-stratified"))
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4), torch.arange(5), dataset_size=5)
        >>> link.name, link(draw).shape
        ('group_correlation', torch.Size([5]))
    """

    groups: Grouping | None = None
    memory: Memory | None = None
    beside: bool = True

    name = "groups"
    given_x = False

    def __post_init__(self) -> None:
        _check(self.groups)

    def placed(self, memory: Memory | None, on_left: bool) -> "Groups":
        """The same groups as an end of a link whose estimator remembers q(z) so."""
        return replace(self, memory=memory, beside=not on_left)

    def dimensions_of(self, draw: Draw) -> list[list[int]]:
        """Which numbers of z each group has, of a draw's codes; Refused as `groups_of_code` says."""
        return groups_of_code(self.groups, draw.posterior)

    def sample(self, draw: Draw) -> Tensor:
        """Codes of a batch, every group of dimensions permuted on its own, shape (B, D)."""
        z = draw.independent.z if self.beside else draw.z
        groups = self.dimensions_of(draw)
        group_of = torch.empty(z.shape[1], dtype=torch.long, device=z.device)
        for place, group in enumerate(groups):
            group_of[group] = place
        order = torch.rand(len(z), len(groups), device=z.device).argsort(0)  # (B, groups)
        return z.gather(0, order[:, group_of])

    def factorises(self, draw: Draw) -> bool:
        """Always False: the dimensions of a group depend on each other."""
        return False

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """sum_g log q(z_g) of codes z, shape (B, D): shape (B,), nats."""
        return self.log_prob_by_group(z, draw).sum(1)

    def log_prob_by_group(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_g) of codes z, shape (B, D): shape (B, groups), nats."""
        memory = self.memory
        if memory is None:
            raise NoDensity(
                "The groups law has no density without a memory of the posteriors. "
                "Use MonteCarlo(aggregate=...), or an estimator that needs samples only, such as Kernel."
            )
        groups = self.dimensions_of(draw)

        def compute() -> Tensor:
            return torch.stack([memory.group_log_density(z, draw, group) for group in groups], 1)

        return compute() if z is not draw.z else draw.once(("log q(z_g)", Itself(memory), repr(groups)), compute)


def unknown_groups(memory: Memory | None) -> Groups:
    """What the stop `groups` is by its name alone: refused, as it does not say which dimensions go together."""
    raise Refused(
        "The stop groups must be told which dimensions go together: link('aggregate', Groups([[0, 1], [2, 3, 4]]), "
        '...) from Python, groups = [[0, 1], [2, 3, 4]] beside the links in a file; of a code of blocks "blocks" does.'
    )
