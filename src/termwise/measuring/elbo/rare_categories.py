"""Codes of which those with a rare category stand apart, so that it is in a reading by its share, and not by chance.

    E f(z) = (1 - s) E[f(z) | no category is rare] + s E[f(z) | some are],    s = q(some are rare | x)

A category that comes once in a thousand codes has log q(c) = -7, and whether one of the codes at hand has it makes a
difference of which, without it, neither the mean nor its standard error knows. So each example has a code of either
kind, which weigh 1 - s and s. The first is its own, where that has no rare category.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, OneHotCategorical

from termwise.measuring.log_likelihood.summed_out import is_discrete
from termwise.models.block_law import LawOfBlocks
from termwise.models.categories import Categories
from termwise.models.codes import Codes
from termwise.models.distributions import innermost
from termwise.models.draw import Draw, InDouble
from termwise.models.law_rows import rows
from termwise.models.tensor_dataclasses import RecordT, map_fields

RARE = 0.05
"""Of the likeliest category's probability at a position: under it one is rare."""
LEAST = 1e-9
"""Rare categories of a smaller share together could not move a reading by more than rounding does."""


@dataclass(frozen=True)
class Strata:
    """A draw's codes, and beside them codes that have a rare category.

    Attributes:
        draw: Of B' codes, one or two of each example.
        example: Which of the B examples each is of, shape (B',).
        share: What each weighs, float64, shape (B',); those of an example sum to 1.
        count: B.
    """

    draw: Draw
    example: Tensor
    share: Tensor
    count: int

    @classmethod
    def alone(cls, draw: InDouble) -> "Strata":
        """A draw's codes and no others."""
        example = torch.arange(len(draw), device=draw.z.device)
        return cls(draw, example, torch.ones_like(example, dtype=torch.float64), len(draw))

    @classmethod
    def of(cls, draw: InDouble) -> "Strata":
        """Of a draw's codes: themselves alone, where no category is rare."""
        alone, positions = cls.alone(draw), _positions(draw.posterior)
        if not positions:
            return alone
        rare = torch.stack([one.rare_share for one in positions], 1)  # (B, P)
        some_rare = -(-rare).log1p().sum(1).expm1()
        beside = (some_rare > LEAST).nonzero().squeeze(1)
        if not len(beside):
            return alone
        first = _first_rare(rare[beside])
        changed = torch.stack([one.is_rare(draw.z) for one in positions], 1).any(1).nonzero().squeeze(1)
        which = torch.cat([changed, beside])  # these codes are drawn anew
        given = draw.z[which].clone()
        for place, one in enumerate(positions):
            drawn = torch.cat([one.drawn(changed, 1), one.drawn(beside, (first - place).sign())])
            given[:, one.columns] = one.written(drawn, given)
        fresh = _codes(rows(draw.posterior, which), draw.codes[which], given)
        centre, offset = draw.codes.centre.expand_as(draw.codes.offset).clone(), draw.codes.offset.clone()
        centre[changed], offset[changed] = fresh.centre[: len(changed)], fresh.offset[: len(changed)]
        added = fresh[len(changed) :]
        codes = Codes(torch.cat([centre, added.centre]), torch.cat([offset, added.offset]))
        example = torch.cat([alone.example, beside])
        weight = torch.where(some_rare > LEAST, some_rare, 0.0)
        return cls(_at(draw, codes, example), example, torch.cat([1 - weight, weight[beside]]), alone.count)

    def mean(self, values: Tensor) -> Tensor:
        """By example, shape (B, ...), float64, the mean of values by code, shape (B', ...)."""
        share = self.share.view(-1, *(1 for _ in values.shape[1:]))
        found = values.new_zeros(self.count, *values.shape[1:], dtype=torch.float64)
        return found.index_add(0, self.example, share * values.double())

    def means(self, record: RecordT) -> RecordT:
        """The same of every field of a dataclass of tensors."""
        return map_fields(lambda of: self.mean(of[0]), [record])


@dataclass(frozen=True)
class _Position:
    """A position of categories, or a number that is 0 or 1.

    Attributes:
        columns: Which numbers of the code it has.
        probs: Of its categories, float64, shape (B, K).
    """

    columns: slice
    probs: Tensor

    @property
    def rare(self) -> Tensor:
        """Which categories are rare, shape (B, K)."""
        return self.probs < RARE * self.probs.amax(1, keepdim=True)

    @property
    def rare_share(self) -> Tensor:
        """The probability of a rare one, shape (B,)."""
        return (self.probs * self.rare).sum(1)

    def is_rare(self, z: Tensor) -> Tensor:
        """Whether codes have a rare one, shape (B,)."""
        its = z[:, self.columns]
        own = (its[:, 0] > 0.5).long() if its.shape[1] == 1 else its.argmax(1)
        return self.rare.gather(1, own.unsqueeze(1)).squeeze(1)

    def drawn(self, which: Tensor, side: Tensor | int) -> Tensor:
        """Categories of some examples, shape (n,), as the first rare one is behind (1), here (0), or before (-1).

        Behind, a category is none of the rare; here, it is one; and before, any.
        """
        probs, rare = self.probs[which], self.rare[which]
        side = torch.as_tensor(side, device=probs.device).expand(len(which)).unsqueeze(1)
        kept = torch.where(side == 1, ~rare, torch.where(side == 0, rare, True))
        return (probs * kept).multinomial(1).squeeze(1)

    def written(self, category: Tensor, like: Tensor) -> Tensor:
        """The numbers of these categories, shape (n, numbers)."""
        width = self.columns.stop - self.columns.start
        if width == 1:
            return category.to(like).unsqueeze(1)
        return torch.nn.functional.one_hot(category, width).to(like)


def _positions(law: Distribution) -> list[_Position]:
    """The positions of blocks that are discrete, and given nothing."""
    blocks = zip(law.links, law.slices, strict=True) if isinstance(law, LawOfBlocks) else [(law, slice(0, None))]
    found = []
    for block, part in blocks:
        if not isinstance(block, Distribution) or not is_discrete(block):
            continue
        probs = _probabilities(innermost(block)).double()  # (B, P, K)
        width = 1 if isinstance(innermost(block), Bernoulli) else probs.shape[2]
        starts = range(part.start, part.start + width * probs.shape[1], width)
        found += [_Position(slice(at, at + width), probs[:, p]) for p, at in enumerate(starts)]
    return found


def _probabilities(law: Distribution) -> Tensor:
    """Of the categories of every position, shape (B, P, K); of a number that is 0 or 1 these two."""
    if isinstance(law, Categories):
        return law.probs
    if isinstance(law, OneHotCategorical):
        return law.probs.unsqueeze(1)
    return torch.stack([1 - law.mean, law.mean], -1)


def _first_rare(rare: Tensor) -> Tensor:
    """The first position that has a rare category, where some have, drawn of (n, P) probabilities: shape (n,)."""
    none_before = (-rare).log1p().cumsum(1).roll(1, 1)
    none_before[:, 0] = 0.0
    return (rare * none_before.exp()).multinomial(1).squeeze(1)


def _codes(law: Distribution, own: Codes, given: Tensor) -> Codes:
    """Codes that have their categories from `given`, shape (n, D): their own numbers, or drawn, where given others."""
    if not isinstance(law, LawOfBlocks):
        return Codes.at(given)
    parts: list[Codes] = []
    for link, part in zip(law.links, law.slices, strict=True):
        if not isinstance(link, Distribution):
            parts.append(Codes.of(link.at(torch.cat([parts[place].z for place in link.given], -1))))
        else:
            parts.append(Codes.at(given[:, part]) if is_discrete(link) else own.columns(part))
    return Codes(
        torch.cat([of.centre.expand_as(of.offset) for of in parts], 1), torch.cat([of.offset for of in parts], 1)
    )


def _at(draw: InDouble, codes: Codes, example: Tensor) -> Draw:
    """A draw of examples of another, one for each of some codes."""
    found = Draw(draw.model, draw.x[example], None if draw.index is None else draw.index[example], draw.dataset_size)
    law = rows(draw.posterior, example)
    found._infer = lambda: (law, None)
    found.prior, found.codes = rows(draw.prior, example) if draw.prior.batch_shape else draw.prior, codes
    return found
