"""log q(z) of an exponential family in float32 first: what counts is found there, and taken in float64.

A product in float32 gives every log-component L_n, in bits, off by delta at the most (`singles.py`). Of a code most lie
far below the largest, L, and count for nothing:

    sparse   where those within `window` bits and twice delta of L are few, they are taken again exactly, one by one,
             and the others left out: N 2^-window of the density at the most, however large delta is;
    dense    where they are many, all masses m_n = 2^(L_n - L) are summed in float32, which is off by the mean, by mass,
             of what L_n is; where that may be too much the largest are taken again exactly, and it is of the others.

Which it is, every code decides by itself, a block of components at a time. What is left out and what float32 may cost
the masses that were not taken again is the code's certificate; codes for which that is more than is tolerated are left
to the caller, who asks float64.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from termwise.fast_paths import FastPath
from termwise.models.codes import Codes
from termwise.products import linear, product
from termwise.terms.aggregate.components import CANCELLATION, FLOOR, NOWHERE, Components, LinearComponents
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.singles import BITS, EPSILON, GROUP

FEW = 1 / 8
"""The share of the components up to which groups that may have one that counts are looked at: all would cost more."""
MOST = 1 / 64
"""The share of the components up to which they are taken exactly, one by one."""
FEATURES = 12
"""The features from which it pays to take masses again: a product in float64 of fewer is quicker."""
FIRST = 8
"""Of fewer features, so small a part of all components is tried first, as it may turn out to be of no use."""
LEFT_OUT = 1 / 8
"""What of the tolerance may be left out; the rest is for what float32 costs."""
FROM = 2**19
"""The log-components from which float32 first is quicker than float64 at once."""
IN_PIECES = 2**24
"""The log-components from which threads have codes of their own, and do not share out every operation."""
ELEMENTS = 2**21
"""The log-components that are held at a time: products of fewer are slow, and more fit no cache."""
EIGHT = 8
"""Masses are looked through so many at a time."""
OF_EIGHT = 3.0
"""What eight small masses come to, about, of the largest among them; the certificate counts them as they are."""
LARGER = (4, 4, 4)
"""By how much more a mass that is left to float32 may be than if all were alike, tried one after the other."""
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

    rows: list[Tensor] = field(default_factory=list)
    columns: list[Tensor] = field(default_factory=list)
    bits: list[Tensor] = field(default_factory=list)

    def add(self, rows: Tensor, columns: Tensor, bits: Tensor) -> None:
        """Keep some more, shape (P,)."""
        self.rows.append(rows)
        self.columns.append(columns)
        self.bits.append(bits)

    def over(self, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Places and float32 log2 densities of those over `least`, shape (B,)."""
        if not self.rows:
            nothing = torch.empty(0, dtype=torch.long, device=least.device)
            return nothing, nothing, least.new_empty(0)
        rows, columns, bits = (torch.cat(of) for of in (self.rows, self.columns, self.bits))
        kept = (bits > least[rows]).nonzero().squeeze(1)
        return rows[kept], columns[kept], bits[kept]


class _Sweep:
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
        self.all_fine = bool((self.usual <= self.spent * BITS).all())
        self.peak = self.features.new_full((len(codes),), -math.inf)
        self.total = torch.zeros_like(self.delta)  # of the masses that are summed in float32, below 2^peak
        self.off = torch.zeros_like(self.delta)  # what delta may cost them, likewise, in bits
        self.gathered = torch.zeros_like(self.features) if gradient else None
        self.sparse, self.again = _Pairs(), _Pairs()

    def take(self, start: int, stop: int) -> None:
        """Take in the components from `start` to `stop`, a multiple of GROUP of them."""
        bits = linear(self.features, self.singles.slope[start:stop], self.singles.intercept[start:stop])
        self.weights.lift(bits, start)
        largest = bits.view(len(bits), -1, GROUP).amax(2)
        self._lower(torch.maximum(self.peak, largest.amax(1)).clamp_(min=LOWEST))
        least = self.peak - self.reach
        groups = largest > least.unsqueeze(1)
        wide = groups.sum(1) * GROUP > FEW * bits.shape[1]
        if wide.all():
            self._sum(bits, None, start, stop)
            return
        row, column, of_them = _over(bits, groups & ~wide.unsqueeze(1), least)
        if len(row) > MOST * bits.numel():
            wide |= torch.bincount(row, minlength=len(bits)) > MOST * bits.shape[1]
            few = ~wide[row]
            row, column, of_them = row[few], column[few], of_them[few]
        self.sparse.add(row, column + start, of_them)
        rows = wide.nonzero().squeeze(1)
        if len(rows):
            self._sum(bits[rows], rows, start, stop)

    def _lower(self, higher: Tensor) -> None:
        """Count the masses from another peak."""
        shrink = (self.peak - higher).exp2()
        self.total.mul_(shrink)
        self.off.mul_(shrink)
        if self.gathered is not None:
            self.gathered.mul_(shrink.unsqueeze(1))
        self.peak = higher

    def _sum(self, bits: Tensor, rows: Tensor | None, start: int, stop: int) -> None:
        """Sum the masses of all components in a block, for some of the codes, or for all; written over `bits`."""
        every = slice(None) if rows is None else rows
        mass = bits.sub_(self.peak[every].unsqueeze(1)).clamp_(min=FLOOR).exp2_()
        total = mass.sum(1).double()
        self.total[every] += total
        if self.gathered is not None:
            self.gathered[every] += product(mass, self.singles.slope[start:stop])
        if self.all_fine:
            self.off[every] += total * self.usual[every]
            return
        magnitudes = product(mass, self.singles.with_magnitudes()[start:stop])
        off = ((self.exact_features[every].abs() * magnitudes[:, :-1]).sum(1) + magnitudes[:, -1]) * self.singles.usual
        self.off[every] += off
        budget = self.spent * BITS * torch.maximum(total, self.total[every] * ((stop - start) / self.singles.count))
        rough = (off > budget).nonzero().squeeze(1)
        if len(rough):
            rest = (budget * total / off)[rough]  # the mass that may be left to float32
            rows = rough if rows is None else rows[rough]
            if self.features.shape[1] < FEATURES:
                self.hopeless[rows] = True
            else:
                self._take_again(mass[rough], rows, rest, start)

    def _take_again(self, mass: Tensor, rows: Tensor, rest: Tensor, start: int) -> None:
        """Note the components of the largest masses, (B, n), of some codes, but for about the `rest`, shape (B,)."""
        by_eight = mass.view(len(mass), EIGHT, -1)
        largest, rest = by_eight.amax(1), rest.float().unsqueeze(1)
        least = rest / mass.shape[1]
        for times in LARGER:
            tried = least * times
            below = torch.where(largest > tried, 0.0, largest).sum(1, keepdim=True)
            least = torch.where(below * OF_EIGHT <= rest, tried, least)
        row, column = (largest > least).nonzero(as_tuple=True)
        if len(row) > MOST * mass.numel():
            self.hopeless[rows] = True
            return
        some = by_eight[row, :, column]
        place, eighth = (some > least[row]).nonzero(as_tuple=True)
        row = rows[row[place]]
        of_them = some[place, eighth].log2() + self.peak[row]
        self.again.add(row, eighth * by_eight.shape[2] + column[place] + start, of_them)

    def found(self) -> Found:
        """log q(z) and its gradient, once all components were taken in."""
        rows, columns, _ = self.sparse.over(self.peak - self.reach)
        row_again, column_again, bits_again = self.again.over(torch.full_like(self.peak, -math.inf))
        fresh = len(rows)
        rows, columns = torch.cat([rows, row_again]), torch.cat([columns, column_again])
        wants_gradient = self.gathered is not None
        exact, slope = self.components.at_pairs(self.codes, self.exact_features, rows, columns, wants_gradient)
        exact = exact * BITS
        weights = self.weights
        if weights.index is not None and weights.own is not None:
            exact = torch.where(columns == weights.index[rows], exact + (weights.own - weights.other) * BITS, exact)
        peak = torch.where(self.total > 0, self.peak, -math.inf).double()
        top = peak.scatter_reduce(0, rows, exact, "amax").clamp_(min=NOWHERE)
        shrink = (peak - top).exp2()
        dense, off = self.total * shrink, self.off * shrink
        mass = (exact - top[rows]).exp2()
        if len(row_again):
            before = (bits_again.double() - top[row_again]).exp2()
            mass[fresh:] -= before
            magnitude = self.singles.with_magnitudes().index_select(0, column_again).double()
            terms = (self.exact_features[row_again].abs() * magnitude[:, :-1]).sum(1) + magnitude[:, -1]
            off.index_add_(0, row_again, before * terms, alpha=-self.singles.usual).clamp_(min=0)
        total = dense.index_add(0, rows, mass)
        relative = off / (total * BITS) + torch.where(dense > 0, SUMMING, 0.0)
        sure = ~self.hopeless & (relative <= self.spent)
        if not self.components.exact_at_pairs:
            sure &= self.usual / BITS * 2.0**-29 <= CANCELLATION
        value = top / BITS + total.log() + weights.other
        if self.gathered is None or slope is None:
            return Found(value, value.new_empty(0), sure)
        gathered = self.gathered.double() * (shrink / BITS).unsqueeze(1)
        gradient = self.components.gradient(self.codes.exact, gathered)
        gradient = gradient.index_add(0, rows, slope * mass.unsqueeze(1)) / total.unsqueeze(1)
        return Found(value, gradient, sure)


def _over(values: Tensor, groups: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Row, column and value, shape (P,), of those over `least`, (B,), in groups, (B, n / GROUP), of values, (B, n)."""
    row, group = groups.nonzero(as_tuple=True)
    some = values.view(-1, GROUP).index_select(0, row * groups.shape[1] + group)
    place, offset = (some > least[row].unsqueeze(1)).nonzero(as_tuple=True)
    return row[place], group[place] * GROUP + offset, some[place, offset]


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
    """log q(z) of codes, found in float32; None where that is known to be of no use before it is tried.

    Args:
        codes: Shape (B, D).
        components: N of them.
        weights: Theirs; not one of every component beside.
        wants_gradient: Whether the gradient is wanted, too.
        tolerance: In nats, what a sure code may be off by.
        elements: How many log-components may be held at a time.
    """
    sweep = _Sweep(codes, components, weights, wants_gradient, tolerance)
    size = len(sweep.singles.intercept)
    step = min(size, max(1, elements // (len(codes) * GROUP)) * GROUP)
    start, stop = 0, step if sweep.features.shape[1] >= FEATURES else min(step, -(-size // (FIRST * GROUP)) * GROUP)
    while start < size:
        if sweep.hopeless.all():
            return None
        sweep.take(start, stop)
        start, stop = stop, min(stop + step, size)
    return sweep.found()
