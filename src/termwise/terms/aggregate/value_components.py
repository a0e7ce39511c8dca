"""N laws over codes of blocks of which some are given categories, as constants: components of their own for each value.

A code is held against the components of its own value of the categories, so that the joint density stays a product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import NOWHERE, Alternative, Components, LogDensities
from termwise.terms.aggregate.discrete_components import BernoulliComponents, CategoryComponents
from termwise.terms.aggregate.singles import BITS


class ValueComponents(Components):
    """N components, each a law of blocks for every one of V values of the categories that others are given.

    Args:
        values: The values as codes, shape (V, D): one-hot in the numbers of these categories, 0 in all others.
        by_value: The components under each.
    """

    def __init__(self, values: Tensor, by_value: Sequence[BlockComponents]) -> None:
        self.values, self.by_value = values, tuple(by_value)
        self.columns = values.any(0).nonzero().squeeze(1)

    def __len__(self) -> int:
        return len(self.by_value[0])

    @property
    def size(self) -> int:
        """D, the numbers of all blocks."""
        return self.values.shape[1]

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.values.device

    @property
    def most(self) -> float:
        """As many as under any value."""
        return min(one.most for one in self.by_value)

    @property
    def log_shares(self) -> Tensor:
        """The log probability of every value under every component, float64, shape (V, N)."""
        parts = [(one, self.values[:, part].double()) for one, part in self.by_value[0].parts()]
        return torch.stack([its @ one.slope.T for one, its in parts if isinstance(one, CategoryComponents)]).sum(0)

    def margins(self) -> "list[tuple[Margin, slice]]":
        """What each block is by itself, and which numbers of the code it has."""
        by_block, shares = zip(*(one.blocks for one in self.by_value), strict=True), self.log_shares
        return [(Margin.of(under, shares), part) for under, part in zip(by_block, self.by_value[0].slices, strict=True)]

    def value_of(self, z: Tensor) -> Tensor:
        """Which value each code has, shape (B,): the one that is nearest, of codes between the categories."""
        return (z[:, self.columns] @ self.values[:, self.columns].T.to(z.dtype)).argmax(1)

    def at(self, rows: Tensor) -> "ValueComponents":
        """The components at these rows, shape (n,)."""
        return ValueComponents(self.values, [one.at(rows) for one in self.by_value])

    @classmethod
    def joined(cls, several: Sequence["ValueComponents"]) -> "ValueComponents":
        """The components of several, in order."""
        by_value = zip(*(one.by_value for one in several), strict=True)
        return cls(several[0].values, [BlockComponents.joined(same) for same in by_value])

    def write(self, rows: Tensor, new: "ValueComponents") -> None:
        """Replace the components at `rows`, shape (B,), by others, in place."""
        for one, its in zip(self.by_value, new.by_value, strict=True):
            one.write(rows, its)

    def state(self) -> dict[str, Any]:
        """The values, and the states under each."""
        return {"values": self.values, "by_value": [one.state() for one in self.by_value]}

    def pairs(self, codes: Codes, block: int, slopes: bool) -> "_ByValue":
        """Each code against the components of its own value."""
        own = self.value_of(codes.z)
        present = [(one, (own == v).nonzero().squeeze(1)) for v, one in enumerate(self.by_value)]
        return _ByValue(
            [(rows, one.pairs(codes[rows], block, slopes)) for one, rows in present if len(rows)], len(codes)
        )

    def alternatives(self, codes: Codes, start: int = 0) -> list[Alternative]:
        """For every position of categories, the density that a code has with each in the place of its own."""
        positions = [position.columns for position in self.by_value[0].alternatives(codes)]
        return [_Replaced(self, codes, columns, start) for columns in positions]


@dataclass(frozen=True)
class Margin:
    """Some numbers of components that are of several values, these summed out: q(z_g|x_n) = sum_v w_vn q_v(z_g|x_n).

    Attributes:
        by_value: The components of these numbers under every value; where they are categories one alone, the average,
            as a sum over values would not have the gradient of `Alternatives`.
        log_shares: log w, shape (V, N).
    """

    by_value: Sequence[Components]
    log_shares: Tensor

    @classmethod
    def of(cls, by_value: Sequence[Components], log_shares: Tensor) -> "Margin":
        """The margin from the components under every value; of several categories by each position alone."""
        first = by_value[0]
        if isinstance(first, CategoryComponents):
            logs = torch.stack([one.log_probs.double() for one in by_value if isinstance(one, CategoryComponents)])
            averaged = (logs + log_shares[..., None, None]).logsumexp(0)
            return cls([CategoryComponents(averaged.to(first.log_probs.dtype))], log_shares)
        if isinstance(first, BernoulliComponents):
            logits = torch.stack([one.slope for one in by_value if isinstance(one, BernoulliComponents)])
            shares, both = log_shares.unsqueeze(2), torch.nn.functional.logsigmoid
            odds = (both(logits) + shares).logsumexp(0) - (both(-logits) + shares).logsumexp(0)
            return cls([BernoulliComponents(odds.to(first.logits.dtype))], log_shares)
        return cls(by_value, log_shares)


class _ByValue:
    """The log densities of codes that are held against components of several values."""

    def __init__(self, parts: Sequence[tuple[Tensor, LogDensities]], count: int) -> None:
        self.parts, self.count = parts, count
        self.step = min(pairs.step for _, pairs in parts)
        self.widths = [pairs.empty().shape[1] for _, pairs in parts]

    def bits(self, part: slice) -> Tensor:
        """The same as of a product."""
        of_parts = [(rows, pairs.bits(part)) for rows, pairs in self.parts]
        whole = of_parts[0][1].new_empty(self.count, of_parts[0][1].shape[1])
        for rows, bits in of_parts:
            whole[rows] = bits
        return whole

    def empty(self) -> Tensor:
        """The same as of a product; as wide as the widest, where values are taken in several ways."""
        return self.parts[0][1].empty().new_zeros(self.count, max(self.widths))

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """The same as of a product."""
        for (rows, pairs), width in zip(self.parts, self.widths, strict=True):
            its = gathered[rows, :width]
            pairs.gather(its, mass[rows].contiguous(), part)
            gathered[rows, :width] = its

    def gradient(self, mean: Tensor) -> Tensor:
        """The same as of a product."""
        of_parts = [
            (rows, pairs.gradient(mean[rows, :width]))
            for (rows, pairs), width in zip(self.parts, self.widths, strict=True)
        ]
        whole = of_parts[0][1].new_empty(self.count, of_parts[0][1].shape[1])
        for rows, gradient in of_parts:
            whole[rows] = gradient
        return whole


class _Replaced:
    """log q(z) of codes with every category of one position in the place of their own, summed up over components."""

    def __init__(self, components: ValueComponents, codes: Codes, columns: slice, start: int) -> None:
        self.columns = slice(start + columns.start, start + columns.stop)
        self.own = components.pairs(codes, 2**18, slopes=False)
        count = columns.stop - columns.start
        each = torch.eye(count) if count > 1 else torch.tensor([[0.0], [1.0]])
        self.others = []
        for category in each.to(codes.centre):
            centre, offset = codes.centre.clone(), codes.offset.clone()
            centre[:, columns], offset[:, columns] = category, 0.0
            self.others.append(components.pairs(Codes(centre, offset), 2**18, slopes=False))
        self.peak = codes.exact.new_full((len(codes), len(self.others)), -torch.inf)
        self.total = torch.zeros_like(self.peak)

    def add(self, bits: Tensor, part: slice) -> None:
        """Take in the components in `part`, whose weighted log2 densities at the codes are `bits`, shape (B, n)."""
        weight = bits - _bits(self.own, part, bits.shape[1]).clamp(min=NOWHERE)
        for k, pairs in enumerate(self.others):
            its = _bits(pairs, part, bits.shape[1]).add_(weight)
            higher = torch.maximum(self.peak[:, k], its.amax(1)).clamp(min=NOWHERE)
            shrink = (self.peak[:, k] - higher).exp2()
            self.total[:, k] = self.total[:, k] * shrink + its.sub_(higher.unsqueeze(1)).exp2_().sum(1)
            self.peak[:, k] = higher

    def write(self, gradient: Tensor, log_weight: float) -> None:
        """Write them to a gradient in z, shape (B, D), components weighing so much; of 0 or 1, their difference."""
        tiny = torch.finfo(self.total.dtype).tiny
        found = self.peak / BITS + log_weight + self.total.clamp(min=tiny).log()
        one_number = self.columns.stop - self.columns.start == 1
        gradient[:, self.columns] = (found.diff(dim=1) if one_number else found).to(gradient.dtype)


def _bits(pairs: LogDensities, part: slice, count: int) -> Tensor:
    """The log densities under the components in a part, which has `count` of them, no more than its step at a time."""
    starts = range(part.start, part.start + count, pairs.step)
    ends = [*starts[1:], part.start + count]
    return torch.cat([pairs.bits(slice(*of)).clone() for of in zip(starts, ends, strict=True)], 1)
