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

import numpy as np
import torch
from torch import Tensor

LEVEL = 0.2  # spacing in log sigma
POINT_SPACING = 1 / 3  # of the points, in sigmas
NEIGHBOURS = 6  # of a member, on either axis
EDGE = NEIGHBOURS // 2
UNIT = 2.0**36  # of the fixed point
POINT_REACH = 17  # points on either side of z that are summed: 5.7 sigmas
WINDOW = 2 * POINT_REACH + 1
MOST_CELLS = 2**26  # 512 MiB


def _lagrange_coefficients() -> Tensor:
    """Of Lagrange's polynomials in x - CENTRE, the highest power first: shape (NEIGHBOURS, NEIGHBOURS)."""
    nodes = np.arange(NEIGHBOURS) - CENTRE
    others = [np.delete(nodes, i) for i in range(NEIGHBOURS)]
    columns = [np.poly(rest) / np.prod(node - rest) for node, rest in zip(nodes, others, strict=True)]
    return torch.from_numpy(np.stack(columns, axis=1))


CENTRE = (NEIGHBOURS - 1) / 2
COEFFICIENTS = _lagrange_coefficients()


def lagrange(position: Tensor) -> Tensor:
    """Weights of the nodes 0 ... NEIGHBOURS - 1 at `position`, float64, shape (...): shape (..., NEIGHBOURS)."""
    leading, *rest = COEFFICIENTS.to(position.device).view(NEIGHBOURS, NEIGHBOURS, *[1] * position.dim())
    x = position - CENTRE
    weights = leading * x  # (NEIGHBOURS, ...)
    for row in rest[:-1]:
        weights = weights.add_(row).mul_(x)  # not fused: a weight must not depend on what else is in the batch
    return weights.add_(rest[-1]).movedim(0, -1)


def neighbours(position: Tensor) -> tuple[Tensor, Tensor]:
    """The lattice indices around `position`, and their weights; both of shape (..., NEIGHBOURS)."""
    first = position.floor() - (EDGE - 1)
    indices = first.long().unsqueeze(-1) + torch.arange(NEIGHBOURS, device=position.device)
    return indices, lagrange(position - first)


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
        bottom, top = level.amin(0).floor().long() - EDGE, level.amax(0).ceil().long() + EDGE
        return cls(mean.amin(0).double(), mean.amax(0).double(), bottom, top)

    def within(self, other: "Extent") -> bool:
        """Whether `other` has room for these."""
        inside = (self.low >= other.low) & (self.high <= other.high)
        return bool((inside & (self.bottom >= other.bottom) & (self.top <= other.top)).all())

    def with_room(self) -> "Extent":
        """The same extent made wider, so that members may move."""
        return Extent(self.low - 0.5, self.high + 0.5, self.bottom - 2, self.top + 2)

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
            for some_mean, some_scale in zip(mean.split(4096), scale.split(4096), strict=True):
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
            sign = torch.ones(len(mean), 1, 1, 1, dtype=torch.int64, device=mean.device)
            sign[: len(old[0])] = -1
            self._deposit(mean, scale, sign)

    def density(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """S_j(z) and its derivative at codes z, shape (B, D); both of that shape, float64."""
        layout = self.layout
        sigma = width(layout.extent.bottom.unsqueeze(1) + torch.arange(layout.levels, device=z.device))  # (D, L)
        position = z.double().unsqueeze(-1) / (sigma * POINT_SPACING)  # (B, D, L)
        nearest = position.round()
        start = nearest.long() - POINT_REACH - layout.first  # (B, D, L)
        start = start.clamp(min=-WINDOW).minimum(layout.count).add_(layout.offset)
        windows = self.cells.unfold(0, WINDOW, 1).index_select(0, start.flatten())
        steps = torch.arange(-POINT_REACH, POINT_REACH + 1, device=z.device)
        standard = ((position - nearest).float().unsqueeze(-1) - steps) * POINT_SPACING  # (B, D, L, WINDOW)
        mass = standard.square().mul_(-0.5).exp_().mul_(windows.view_as(standard))
        peak = 1 / (sigma * (math.sqrt(2 * math.pi) * UNIT))
        value = mass.sum(-1) * peak  # (B, D, L)
        slope = mass.mul_(standard).sum(-1) * (-peak / sigma)
        return _in_order(value), _in_order(slope)

    def _deposit(self, mean: Tensor, scale: Tensor, sign: Tensor | int = 1) -> None:
        """Put members in; or, where their sign is -1, take them out."""
        layout = self.layout
        levels, level_weights = neighbours(scale.double().log() / LEVEL)  # (B, D, 6)
        points, point_weights = neighbours(
            mean.double().unsqueeze(-1) / (width(levels) * POINT_SPACING)
        )  # (B, D, 6, 6)
        dimension = torch.arange(mean.shape[1], device=mean.device).view(1, -1, 1)
        place = levels - layout.extent.bottom.view(1, -1, 1)
        start = (layout.offset - layout.first)[dimension, place]
        whole = (level_weights.unsqueeze(-1) * point_weights * UNIT).round().long()
        self.cells.index_add_(0, (points + start.unsqueeze(-1)).flatten(), (whole * sign).flatten())

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
