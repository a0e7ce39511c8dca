"""log q(z) of an exponential family in float32 first: what counts is found there, and taken in float64.

A product in float32 gives every log-component L_n, in bits, off by delta at the most (`singles.py`). Of a code most lie
far below the largest, L, and count for nothing:

    sparse   groups of which no component comes within `window` bits and twice delta of L are left out: N 2^-window of
             the density at the most, however large delta is. In the others those near L are taken again exactly, one by
             one, and the rest, whose masses m_n = 2^(L_n - L) are small, are summed in float32; all are taken exactly
             where delta is so large that a mass in float32 says nothing;
    dense    where few groups can be left out, and float32 costs no more than is tolerated, all masses are summed in it.
             Where that is so of every code, as mostly in training, nothing else is looked at.

Which it is, every code decides by itself, a block of components at a time. What is left out and what float32 may cost
the masses that are left to it is the code's certificate; codes for which that is more than is tolerated, and those of
which many components count and float32 will not do, are left to the caller, who asks float64.
"""

import math
from copy import copy
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from termwise.fast_paths import FastPath
from termwise.models.codes import Codes
from termwise.products import linear, product
from termwise.terms.aggregate.components import CANCELLATION, FLOOR, NOWHERE, Components, LinearComponents
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.singles import BITS, EPSILON, GROUP

FEW = 1 / 2
"""The share of the groups up to which those that may count are looked at by themselves: more cost as much as all."""
BELOW = 6.0
"""Bits further down from which components are taken exactly than if one alone were left to float32."""
GENTLE = 0.1
"""Bits that float32 may usually be off by, up to which its masses say something, and some are left to it."""
OF_GRADIENT = 20.0
"""Bits below the largest from which a component's gradient is left out, where few count."""
MOST = 1 / 64
"""The share of the components up to which they are taken exactly, one by one."""
FIRST = 4
"""So small a part of all components is tried first, as float32 may turn out to be of no use."""
LEFT_OUT = 1 / 8
"""What of the tolerance may be left out; the rest is for what float32 costs."""
FROM = 2**19
"""The log-components from which float32 first is quicker than float64 at once."""
IN_PIECES = 2**24
"""The log-components from which threads have codes of their own, and do not share out every operation."""
ELEMENTS = 2**21
"""The log-components that are held at a time: products of fewer are slow, and more fit no cache."""
HOPELESS = 2.0**18
"""Bits that float32 may be off by, from which it is not asked."""
SUMMING = 8 * EPSILON
"""What the differences, the exponentials and their sums in float32 may cost beside the product, relative."""
LOWEST = -1e30
"""What stands for the largest log-component, in bits, of a code that no component has."""


@dataclass
class Found:
    """What float32 found of B codes.

    Attributes:
        value: log q(z), float64, shape (B,).
        gradient: Its gradient in z, shape (B, D), or an empty tensor.
        sure: Which are within what is tolerated, shape (B,).
    """

    value: Tensor
    gradient: Tensor
    sure: Tensor


@dataclass
class _Pairs:
    """Pairs of codes and components that are to be taken exactly: their places, and log2 densities in float32."""

    parts: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def add(self, rows: Tensor, columns: Tensor, bits: Tensor) -> None:
        """Keep some more, shape (P,)."""
        self.parts.append((rows, columns, bits))

    def over(self, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Places and float32 log2 densities of those over `least`, shape (B,)."""
        nothing = torch.empty(0, dtype=torch.long, device=least.device)
        parts = self.parts or [(nothing, nothing, least.new_empty(0))]
        rows, columns, bits = (torch.cat(of) for of in zip(*parts, strict=True))
        kept = (bits > least[rows]).nonzero().squeeze(1)
        return rows[kept], columns[kept], bits[kept]


RUNNING = ("peak", "few", "many", "gathered", "hopeless")
"""What a sweep changes of every code."""
PER_CODE = ("features", "usual", "reach", "fine", "gentle", "near", *RUNNING)
"""What a sweep asks of every code."""


class SumInSingle:
    """The sum over components of B codes, block after block."""

    def __init__(
        self, codes: Codes, components: LinearComponents, weights: LogWeights, gradient: bool, tolerance: float
    ) -> None:
        self.codes, self.components, self.weights = codes, components, weights
        self.singles = components.singles()
        self.exact_features = components.features(codes.exact)
        self.features = self.exact_features.float()
        magnitude = self.singles.largest(self.exact_features)
        self.delta = magnitude * self.singles.most
        self.usual = magnitude * self.singles.usual
        self.hopeless = ~(self.delta <= HOPELESS)  # true for nan, too
        self.spent = (1 - LEFT_OUT) * tolerance
        window = math.log2(len(components) / (LEFT_OUT * tolerance))
        self.reach = (window + 2 * self.delta.nan_to_num(posinf=0.0)).float()
        self.gentle = self.usual < (GENTLE if self.spent > 2 * SUMMING else 0.0)
        near = (self.usual / (self.spent * BITS)).log2().add_(BELOW).clamp_(min=OF_GRADIENT if gradient else 0.0)
        self.near = torch.where(self.gentle, torch.minimum(near.float(), self.reach), self.reach)
        self.fine = self.usual <= self.spent * BITS
        self.all_fine = bool(self.fine.all())
        self.peak = self.features.new_full((len(codes),), -math.inf)
        self.few = torch.zeros_like(self.delta)  # of the masses summed in float32, below 2^peak: of few groups,
        self.many = torch.zeros_like(self.delta)  # and of all
        self.gathered = torch.zeros_like(self.features) if gradient else None
        self.sparse = _Pairs()
        self.most, self.most_groups = MOST, FEW

    def take_for(self, rows: Tensor, start: int, stop: int) -> None:
        """`take` for some of the codes alone."""
        some = copy(self)
        some.sparse = _Pairs()
        for name in PER_CODE:
            if (kept := getattr(self, name)) is not None:
                setattr(some, name, kept[rows])
        if self.weights.index is not None:
            some.weights = replace(self.weights, index=self.weights.index[rows])
        some.take(start, stop)
        for name in RUNNING:
            if (kept := getattr(self, name)) is not None:
                kept[rows] = getattr(some, name)
        for row, column, bits in some.sparse.parts:
            self.sparse.add(rows[row], column, bits)

    def take(self, start: int, stop: int) -> None:
        """Take in the components from `start` to `stop`, a multiple of GROUP of them."""
        bits = linear(self.features, self.singles.slope[start:stop], self.singles.intercept[start:stop])
        self.weights.lift(bits, start)
        if self.all_fine:
            self._lower(torch.maximum(self.peak, bits.amax(1)).clamp_(min=LOWEST))
            self._sum(bits, None, start, stop)
            return
        largest = bits.view(len(bits), -1, GROUP).amax(2)
        self._lower(torch.maximum(self.peak, largest.amax(1)).clamp_(min=LOWEST))
        groups = largest > (self.peak - self.reach).unsqueeze(1)
        many = groups.sum(1)
        wide = self.fine & (many > FEW * groups.shape[1])
        self.hopeless = self.hopeless | (~self.fine & (many > self.most_groups * groups.shape[1]))
        groups &= ~self.hopeless.unsqueeze(1)
        if wide.all():
            self._sum(bits, None, start, stop)
            return
        wide = self._few(bits, largest, groups & ~wide.unsqueeze(1), wide, start)
        rows = wide.nonzero().squeeze(1)
        if len(rows):
            self._sum(bits[rows], rows, start, stop)

    def _few(self, bits: Tensor, largest: Tensor, groups: Tensor, wide: Tensor, start: int) -> Tensor:
        """Take in these groups alone; which codes have too many components near the largest is added to `wide`."""
        row, group = groups.nonzero(as_tuple=True)
        least = (self.peak - self.near)[row]
        near = (largest[row, group] > least).nonzero().squeeze(1)
        by_group = bits.view(-1, GROUP)
        place = row * groups.shape[1] + group
        some = by_group.index_select(0, place[near])
        pair, offset = (some > least[near].unsqueeze(1)).nonzero(as_tuple=True)
        of_them, its_row, its_group = some[pair, offset], row[near][pair], group[near][pair]
        if len(pair) > self.most * bits.numel():
            more = torch.bincount(its_row, minlength=len(bits)) > self.most * bits.shape[1]
            self.hopeless, wide = self.hopeless | (more & ~self.fine), wide | (more & self.fine)
            kept = ~(wide | self.hopeless)[its_row]
            its_row, its_group, offset, of_them = its_row[kept], its_group[kept], offset[kept], of_them[kept]
        self.sparse.add(its_row, its_group * GROUP + offset + start, of_them)
        kept = (self.gentle & ~wide)[row].nonzero().squeeze(1)
        row = row[kept]
        mass = by_group.index_select(0, place[kept]).sub_(self.peak[row].unsqueeze(1)).clamp_(min=FLOOR).exp2_()
        self.few.index_add_(0, row, mass.sum(1).double())
        return wide

    def _lower(self, higher: Tensor) -> None:
        """Count the masses from another peak."""
        shrink = (self.peak - higher).exp2()
        for sums in (self.few, self.many):
            sums.mul_(shrink)
        if self.gathered is not None:
            self.gathered.mul_(shrink.unsqueeze(1))
        self.peak = higher

    def _sum(self, bits: Tensor, rows: Tensor | None, start: int, stop: int) -> None:
        """Sum the masses of all components in a block, for some of the codes, or for all; written over `bits`."""
        every = slice(None) if rows is None else rows
        mass = bits.sub_(self.peak[every].unsqueeze(1)).clamp_(min=FLOOR).exp2_()
        self.many[every] += mass.sum(1).double()
        if self.gathered is not None:
            self.gathered[every] += product(mass, self.singles.slope[start:stop])

    def found(self) -> Found:
        """log q(z) and its gradient, once all components were taken in."""
        if self.all_fine:
            return self._found_of_all()
        row, column, bits = self.sparse.over(self.peak - self.near)
        wants_gradient = self.gathered is not None
        exact, slope = self.components.at_pairs(self.codes, self.exact_features, row, column, wants_gradient)
        exact = self._weighted(exact * BITS, row, column)
        peak = torch.where(self.few + self.many > 0, self.peak, -math.inf).double()
        top = peak.scatter_reduce(0, row, exact, "amax").clamp_(min=NOWHERE)
        shrink = (peak - top).exp2()
        mass = (exact - top[row]).exp2()
        of_few = torch.where(self.gentle[row], (bits.double() - top[row]).exp2(), 0.0)
        few, many = self.few * shrink, self.many * shrink
        rest = few.index_add(0, row, of_few, alpha=-1).clamp_(min=0)
        off = (many + rest) * self.usual.nan_to_num()
        taken = many.index_add(0, row, mass)  # all but `rest`
        total = taken + rest
        sure = ~self.hopeless & (off / BITS + (few + many) * SUMMING <= self.spent * total)
        if not self.components.exact_at_pairs:
            sure &= self.usual / BITS * 2.0**-29 <= CANCELLATION
        value = top / BITS + total.log() + self.weights.other
        if self.gathered is None or slope is None:
            return Found(value, value.new_empty(0), sure)
        gathered = self.gathered.double() * (shrink / BITS).unsqueeze(1)
        gradient = self.components.gradient(self.codes.exact, gathered)
        gradient = gradient.index_add(0, row, slope * mass.unsqueeze(1)) / taken.unsqueeze(1)
        return Found(value, gradient, sure)

    def _found_of_all(self) -> Found:
        """The same where the masses of all were summed in float32, and none was to be taken exactly."""
        value = self.peak.double() / BITS + self.many.log() + self.weights.other
        if self.gathered is None:
            return Found(value, value.new_empty(0), ~self.hopeless)
        mean = self.gathered.double() / (BITS * self.many).unsqueeze(1)
        return Found(value, self.components.gradient(self.codes.exact, mean), ~self.hopeless)

    def _weighted(self, bits: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Log densities of pairs, shape (P,), with what a code's own component weighs beside."""
        if self.weights.index is None or self.weights.own is None:
            return bits
        gain = (self.weights.own - self.weights.other) * BITS
        return torch.where(columns == self.weights.index[rows], bits + gain, bits)


def pays(codes: Codes, components: Components, weights: LogWeights, wants_gradient: bool) -> bool:
    """Whether codes under these components are better asked in float32 first."""
    if components.linear is None or components.device.type != "cpu" or weights.each is not None:
        return False
    if len(codes) * len(components) < FROM and not SINGLE_FIRST.forced:
        return False
    return SINGLE_FIRST.taken and not (wants_gradient and components.alternatives(codes[:1]))


SINGLE_FIRST = FastPath("float32 first", works=lambda: True, pays=lambda: True)
"""Whether log q(z) is found in float32 first: it saves work, on whatever machine."""


def log_density_in_single(
    codes: Codes,
    components: LinearComponents,
    weights: LogWeights,
    wants_gradient: bool,
    tolerance: float,
    elements: int = ELEMENTS,
) -> Found | None:
    """log q(z) of codes, found in float32; None where it turns out to be of no use for most of them.

    Args:
        codes: Shape (B, D).
        components: N of them.
        weights: Theirs; not one of every component beside.
        wants_gradient: Whether the gradient is wanted, too.
        tolerance: In nats, what a sure code may be off by.
        elements: How many log-components may be held at a time.
    """
    sweep = SumInSingle(codes, components, weights, wants_gradient, tolerance)
    size = len(sweep.singles.intercept)
    step = min(size, max(1, elements // (len(codes) * GROUP)) * GROUP)
    start, stop = 0, step if sweep.all_fine else min(step, -(-size // (FIRST * GROUP)) * GROUP)
    while start < size:
        if sweep.hopeless.sum() > len(codes) // 2:
            return None
        sweep.take(start, stop)
        start, stop = stop, min(stop + step, size)
    return sweep.found()
