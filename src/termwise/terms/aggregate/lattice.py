"""Sums of many one-dimensional Gaussians, kept up to date as their members change.

    S_j(z) = sum_n N(z; mu_nj, sigma_nj^2),        j = 1 ... D

As a function of its mean and log standard deviation a Gaussian is smooth, so each member is spread over a few
neighbours on an absolute lattice: levels s_l = exp(l / 5), and on level l the points i s_l / 3, with the weights of
Lagrange's interpolation (6 x 6 neighbours). S_j(z) is then a sum over the points near z, whatever N is, and replacing
B members costs O(B). The interpolation is off by about 2e-5 of a member's peak on average.

The weights are held in fixed point, as whole numbers: adding and taking away are exact, so the sum depends on its
present members alone and not on its history.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LEVEL = 0.2  # spacing in log sigma
POINT_SPACING = 1 / 3  # of the points, in sigmas
NEIGHBOURS = 6  # of a member, on either axis
EDGE = NEIGHBOURS // 2
UNIT = 2.0**36  # of the fixed point
POINT_REACH = 17  # points on either side of z that are summed: 5.7 sigmas
WINDOW = 2 * POINT_REACH + 1
POWERS = 10  # of the distance between a code and its nearest point: what is left of the series is below 1e-6
MOST_CELLS = 2**26  # 512 MiB
AT_ONCE = 256  # members that are put in at a time: more do not fit a core's cache


NODES = torch.arange(NEIGHBOURS)
SCALES = torch.tensor(
    [1 / math.prod(i - j for j in range(NEIGHBOURS) if j != i) for i in range(NEIGHBOURS)], dtype=torch.float64
)
"""Of Lagrange's polynomials, one a node, what stands before the product of the distances to the other nodes."""


def lagrange(position: Tensor) -> Tensor:
    """Weights of the nodes 0 ... NEIGHBOURS - 1 at `position`, shape (...): shape (NEIGHBOURS, ...)."""
    shape = (NEIGHBOURS, *[1] * position.dim())
    apart = position - NODES.to(position).view(shape)
    weights = SCALES.to(position).view(shape).expand_as(apart).clone()
    for order in (range(NEIGHBOURS), range(NEIGHBOURS - 1, -1, -1)):  # the nodes before one, and those behind it
        product = None
        for node in order:
            if product is not None:  # not fused: a weight must not depend on what else is in the batch
                weights[node].mul_(product)
            product = apart[node] if product is None else product * apart[node]
    return weights


def neighbours(position: Tensor) -> tuple[Tensor, Tensor]:
    """The first of the lattice's indices around `position`, of its shape, and the weights of all, (NEIGHBOURS, ...)."""
    first = position.floor() - (EDGE - 1)
    return first.long(), lagrange((position - first).float())


def _on(first: Tensor) -> Tensor:
    """The NEIGHBOURS indices from `first` on, shape (...): shape (NEIGHBOURS, ...)."""
    return first + NODES.to(first).view(NEIGHBOURS, *[1] * first.dim())


def width(level: Tensor) -> Tensor:
    """The standard deviation s_l of a level's points, float64, of the levels' shape."""
    return (level.double() * LEVEL).exp()


@dataclass(frozen=True)
class Extent:
    """Where members lie, by dimension: each of shape (D,). Means in [low, high], levels in [bottom, top]."""

    low: Tensor
    high: Tensor
    bottom: Tensor
    top: Tensor

    @classmethod
    def of(cls, mean: Tensor, scale: Tensor) -> "Extent":
        """Of members with means and standard deviations of shape (N, D)."""
        level = scale.double().log() / LEVEL
        bottom, top = level.amin(0).floor().long() - (EDGE - 1), level.amax(0).floor().long() + EDGE
        return cls(mean.amin(0).double(), mean.amax(0).double(), bottom, top)

    def within(self, other: "Extent") -> bool:
        """Whether `other` has room for these."""
        inside = (self.low >= other.low) & (self.high <= other.high)
        return bool((inside & (self.bottom >= other.bottom) & (self.top <= other.top)).all())

    def with_room(self) -> "Extent":
        """The same extent made wider, so that members may move."""
        return Extent(self.low - 0.5, self.high + 0.5, self.bottom - 1, self.top + 1)

    def union(self, other: "Extent") -> "Extent":
        """The smallest extent that holds this one and another."""
        return Extent(
            torch.minimum(self.low, other.low),
            torch.maximum(self.high, other.high),
            torch.minimum(self.bottom, other.bottom),
            torch.maximum(self.top, other.top),
        )


class Layout:
    """Where the cells of an extent lie, in one row.

    Attributes:
        levels: L, the most levels that a dimension has.
        first: The lattice index of the first cell, by dimension and level, shape (D, L).
        count: How many cells there are, shape (D, L).
        offset: Where they start in the row, shape (D, L). Before and behind lies a window of cells that stay empty.
    """

    def __init__(self, extent: Extent) -> None:
        self.extent = extent
        self.levels = int((extent.top - extent.bottom).max()) + 1
        steps = torch.arange(self.levels, device=extent.low.device)
        spacing = width(extent.bottom.unsqueeze(1) + steps) * POINT_SPACING  # (D, L)
        first = (extent.low.unsqueeze(1) / spacing).floor() - NEIGHBOURS
        count = (extent.high.unsqueeze(1) / spacing).ceil() + NEIGHBOURS - first + 1
        self.size = float((count + 2 * WINDOW).sum())
        self.first, self.count = first.long(), count.long()
        before = (self.count + 2 * WINDOW).flatten()
        self.offset = (before.cumsum(0) - before).view_as(self.count) + WINDOW


def _in_order(by_level: Tensor) -> Tensor:
    """The sum over the last axis, from first to last: then levels that hold nothing change no bit of it."""
    return by_level.cumsum(-1)[..., -1]


def _series(spacing: Tensor) -> Tensor:
    """exp(-g_i^2 / 2) g_i^q / q! of the points around a code, g_i apart by `spacing`: (D, POWERS + 1, WINDOW)."""
    steps = torch.arange(-POINT_REACH, POINT_REACH + 1, device=spacing.device)
    apart = (spacing.unsqueeze(1) * steps).unsqueeze(1)  # (D, 1, WINDOW)
    powers = torch.arange(POWERS + 1, device=spacing.device).unsqueeze(1)
    factorial = torch.lgamma(powers.double() + 1).exp()
    return (apart**powers / factorial * apart.square().mul(-0.5).exp()).float()


class Lattice:
    """S_j(z) for D dimensions.

    Args:
        mean: (N, D), the members' means.
        scale: (N, D), their standard deviations.
        extent: What to have room for; where the members lie, and some more, where left out.

    `fits` is false where the members' scales are so small that the cells would not be held in reasonable memory; the
    lattice must not be read then.
    """

    def __init__(self, mean: Tensor, scale: Tensor, extent: Extent | None = None) -> None:
        self.layout = Layout(extent or Extent.of(mean, scale).with_room())
        self.fits = self.layout.size <= MOST_CELLS  # false for nan, too
        self.cells = torch.zeros(int(self.layout.size) if self.fits else 0, dtype=torch.int64, device=mean.device)
        if self.fits:
            for some_mean, some_scale in zip(mean.split(AT_ONCE), scale.split(AT_ONCE), strict=True):
                self._deposit(some_mean, some_scale)

    def replace(self, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> None:
        """Take members out and put others in; each a (mean, scale) of shapes (B, D)."""
        if not self.fits:
            return
        extent = Extent.of(*new)
        if not extent.within(self.layout.extent):
            self._grow(extent.with_room())
        if self.fits:
            mean, scale = (torch.cat(both) for both in zip(old, new, strict=True))
            sign = torch.ones(len(mean), 1, device=mean.device)
            sign[: len(old[0])] = -1
            self._deposit(mean, scale, sign)

    def density(self, z: Tensor, stretch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """S_j(z) and its derivative at codes z, shape (B, D); both of that shape, float64.

        Of a code the points near it, i apart, count exp(-(y - g_i)^2 / 2) = exp(-y^2 / 2) exp(-g_i^2 / 2) exp(y g_i),
        y the distance to the nearest and g_i that from it, in sigmas: a short series in y, whose coefficients are one
        product of the weights for all codes.

        Args:
            z: The codes.
            stretch: How much further apart the means are than they were put in, shape (D,); the members keep their
                width. One, where left out.
        """
        layout = self.layout
        sigma = width(layout.extent.bottom.unsqueeze(1) + torch.arange(layout.levels, device=z.device))  # (D, L)
        spacing = sigma.new_full((z.shape[1],), POINT_SPACING) if stretch is None else POINT_SPACING * stretch.double()
        position = z.double().T.unsqueeze(-1) / (sigma * POINT_SPACING).unsqueeze(1)  # (D, B, L)
        nearest = position.round()
        start = nearest.long() - (POINT_REACH + layout.first).unsqueeze(1)
        start = start.clamp_(min=-WINDOW).minimum(layout.count.unsqueeze(1)).add_(layout.offset.unsqueeze(1))
        windows = self.cells.float().unfold(0, WINDOW, 1).index_select(0, start.flatten())
        terms = torch.bmm(_series(spacing), windows.view(z.shape[1], -1, WINDOW).mT)  # (D, POWERS + 1, B L)
        y = ((position - nearest) * spacing.view(-1, 1, 1)).float().flatten(1)
        value, pull = terms[:, POWERS - 1], POWERS * terms[:, POWERS]
        for power in range(POWERS - 1, 0, -1):
            value = torch.addcmul(terms[:, power - 1], value, y)
            pull = torch.addcmul(power * terms[:, power], pull, y)
        bell, peak = y.square().mul_(-0.5).exp_(), (1 / (sigma * (math.sqrt(2 * math.pi) * UNIT))).unsqueeze(1)
        total = (value * bell).view_as(position) * peak
        slope = torch.addcmul(pull, value, y, value=-1).mul_(bell).view_as(position) * (peak / sigma.unsqueeze(1))
        return _in_order(total).T, _in_order(slope).T

    def _deposit(self, mean: Tensor, scale: Tensor, sign: Tensor | float = 1.0) -> None:
        """Put members in; or, where their sign is -1, take them out."""
        layout = self.layout
        level, level_weights = neighbours(scale.double().log() / LEVEL)  # (B, D), (6, B, D)
        levels = _on(level)
        point, point_weights = neighbours(mean.double() / (width(levels) * POINT_SPACING))  # (6, B, D), (6, 6, B, D)
        dimension = torch.arange(mean.shape[1], device=mean.device)
        start = (layout.offset - layout.first)[dimension, levels - layout.extent.bottom]
        whole = (level_weights.mul_(UNIT * sign) * point_weights).long()  # a member's are the same, in and out
        self.cells.index_add_(0, _on(point + start).flatten(), whole.flatten())

    def _grow(self, extent: Extent) -> None:
        """Lay the cells out anew, with room for `extent`, keeping what they hold."""
        old, cells = self.layout, self.cells
        self.layout = new = Layout(extent.union(old.extent))
        self.fits = new.size <= MOST_CELLS
        self.cells = torch.zeros(int(new.size) if self.fits else 0, dtype=torch.int64, device=cells.device)
        if not self.fits:
            return
        shift = (old.extent.bottom - new.extent.bottom).tolist()
        for d, by in enumerate(shift):
            for level in range(old.levels):
                if by + level >= new.levels:
                    break  # beyond this dimension's own levels: empty
                move = old.first[d, level] - new.first[d, by + level] + new.offset[d, by + level]
                start, length = old.offset[d, level], old.count[d, level]
                self.cells[int(move) : int(move + length)] = cells[int(start) : int(start + length)]
