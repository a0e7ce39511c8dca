"""log q(z_j) over N Gaussians in O(N + S) operations for S codes, not N S, and within a known bound.

A Gaussian is a narrower one, moved about by what is left of its variance: for s < sigma

    N(z; mu, sigma^2) = int N(z; u, s^2) N(u; mu, sigma^2 - s^2) du.

The integral becomes a sum over points u_k = k h. As a function of u the integrand is N(z; mu, sigma^2) times a normal
density of variance tau^2 = s^2 (sigma^2 - s^2) / sigma^2, and the sum of that over a grid is 1 but for
2 exp(-2 pi^2 tau^2 / h^2) (Poisson's summation formula). The error is relative to the component itself, in its tails
as at its peak: below 4e-9 with h = 0.7 s and sigma >= sqrt(2) s.

In every dimension there are levels s_l = 2^l s_0. Each component is spread over the points of the coarsest level that
is narrow enough for it; then, from the coarsest to the finest, a level's weights are spread over the points of the next
(the same identity, sigma being s_l); and q(z_j) = sum_k W_k N(z_j; u_k, s_0^2) over the finest points around z_j.

What is left out: windows of points hold 5.4 standard deviations tau of the integrand for every z_j within REACH of the
component, in its sigmas, which costs q(z_j) less than DEVIATION of it. Of components further away they may miss
anything, which takes at most exp(-REACH^2 / 2) mean_n(1 / sigma_n) / sqrt(2 pi) from q(z_j). Where that is more than
TOLERANCE of what the points give, the code's density under every component is taken by itself. Components too narrow
for the points that one is ready to hold are sorted by their means, and every code meets those within REACH of it.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import LOG_2PI, Gaussians, LogWeights
from termwise.terms.aggregate.mixture import (
    CodesDone,
    fitting_block,
    log_density,
    marginal_and_slope,
    marginal_log_density,
)
from termwise.terms.aggregate.parallel import one_by_one, threads_for

REACH = 8.0
"""How far from a component codes are that its points account for, in its standard deviations."""
SPACING = 0.7
"""The distance h of neighbouring points, in standard deviations s of their level."""
SPREAD = 37  # points on either side of a component: (7/8 sqrt(8) REACH + 5.4) s and half a point
STEP = 24  # on either side of a coarser level's point: (3/sqrt(8) REACH + 1.4 * 5.4) s
READ = 15  # on either side of a code: (REACH + 5.4) / sqrt(2) s and half a point
MARGIN = SPREAD + READ  # beyond the outermost components

TOLERANCE = 1e-6
DEVIATION = 3e-7

CELLS = 2**24
"""The most points that the finest levels of all dimensions may have together: 128 MiB."""
CELLS_A_COMPONENT = 64
"""The most points that a dimension may have for each of its components: more would cost more than they save."""


CONVOLVED_FROM = 1024
"""The number of components from which a table pays; fewer are taken one by one."""


def log_marginals(components: Components, block: int | None = None) -> Callable[[Tensor | Codes], Tensor]:
    """z -> log q(z_j), shape (S, D), by dimension, nats, of N components that weigh 1/N each and stand still."""
    if isinstance(components, BlockComponents):
        return partial(_of_blocks, [(_of_block(one, block), part) for one, part in components.parts()])
    if isinstance(components, Gaussians) and len(components) >= CONVOLVED_FROM:
        return Convolution(components, block=block).log_density
    weights = LogWeights.uniform(len(components))
    return partial(marginal_log_density, components=components, weights=weights, block=block)


def _of_block(components: Components, block: int | None) -> Callable[[Tensor | Codes], Tensor]:
    """log q(z_j) of one block among others; one whose marginals are unknown is one dimension."""
    if components.knows_marginals:
        return log_marginals(components, block)
    weights = LogWeights.uniform(len(components))
    return lambda z: log_density(z, components, weights, block=block).unsqueeze(1)


def _of_blocks(blocks: Sequence[tuple[Callable[[Tensor | Codes], Tensor], slice]], z: Tensor | Codes) -> Tensor:
    """log q(z_j) of every block, side by side."""
    return torch.cat([of_block(Codes.at(z).columns(part)) for of_block, part in blocks], 1)


class Convolution:
    """log q(z_j), one dimension after the other, of N components that weigh 1/N each.

    Args:
        components: They may not change afterwards.
        cells: The most points to hold, over all dimensions.
        block: How many (component or code, point) pairs a thread holds at a time.
    """

    def __init__(self, components: Gaussians, cells: int = CELLS, block: int | None = None) -> None:
        by_dimension = zip(components.mean.T, components.scale.T, strict=True)
        share = max(1, min(cells // components.mean.shape[1], CELLS_A_COMPONENT * len(components)))
        tasks = [partial(Convolved, mean, scale, share, block) for mean, scale in by_dimension]
        threads = threads_for(components.mean.numel() * (2 * SPREAD + 1), components.mean.device)
        self.dimensions = list(one_by_one(tasks, threads))

    def log_density(self, z: Tensor | Codes, progress: CodesDone | None = None) -> Tensor:
        """log q(z_j) of codes z, shape (S, D): shape (S, D), in nats; `progress` is told of dimensions."""
        codes = Codes.at(z)
        return _LogDensity.apply(codes.z, codes.detached(), self, progress)


class _LogDensity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, codes: Codes, convolution: Convolution, progress: CodesDone | None) -> Tensor:
        """log q(z_j), and its gradient beside it."""
        columns = zip(convolution.dimensions, codes.centre.T, codes.offset.T, strict=True)
        tasks = [partial(dimension.log_density, Codes(*column)) for dimension, *column in columns]
        values, slopes = [], []
        for value, slope in one_by_one(tasks, threads_for(z.numel() * (2 * READ + 1), z.device)):
            values.append(value)
            slopes.append(slope)
            if progress is not None:
                progress(len(values), len(tasks))
        ctx.save_for_backward(torch.stack(slopes, dim=1).to(z.dtype))
        return torch.stack(values, dim=1).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None, None]:
        """The gradient in z alone."""
        (slope,) = ctx.saved_tensors
        return upward * slope, None, None, None


class Convolved:
    """q(z) = 1/N sum_n N(z; mu_n, sigma_n^2) of one dimension, spread over points.

    Args:
        mean: (N,).
        scale: (N,).
        cells: The most points to hold.
        block: How many (component or code, point) pairs to hold at a time.

    Attributes:
        sound: Whether all its numbers are finite and positive; where not, everything is taken one by one.
        width: s_0.
        origin: What means and codes are counted from: the least mean.
        low: Where its points begin, from there.
        narrow: Means and standard deviations of the components too narrow for them, in order of the means.
        missed: The most that components beyond REACH can add to q(z).
    """

    def __init__(self, mean: Tensor, scale: Tensor, cells: int = CELLS, block: int | None = None) -> None:
        self.mean, self.scale, self.block = mean, scale, block or fitting_block(mean.device)
        mean, scale = mean.double(), scale.double()
        reach = REACH * float(scale.max())
        self.origin, self.low, self.extent = mean.min(), -reach, float(mean.max() - mean.min()) + 2 * reach
        self.missed = float(scale.reciprocal().mean()) * math.exp(-0.5 * (REACH**2 + LOG_2PI))
        self.sound = math.isfinite(self.extent) and math.isfinite(self.missed)
        if not self.sound:
            return
        self.width = max(float(scale.min()) / math.sqrt(2), self.extent / (SPACING * cells))
        level = (scale / (math.sqrt(2) * self.width)).log2().add(1e-9).floor().long()
        narrow = level < 0
        order = mean[narrow].argsort()
        self.narrow = mean[narrow][order], scale[narrow][order]
        self.weights = self._spread(mean - self.origin, scale, level)

    def log_density(self, z: Tensor | Codes) -> tuple[Tensor, Tensor]:
        """log q(z) of codes z, shape (S,), and its derivative in z; float64, of that shape."""
        codes = Codes.at(z)
        if not self.sound:
            return self._one_by_one(codes)
        density, slope = self.density_and_slope(codes)
        value, derivative = density.log(), slope / density
        lost = ~(density * TOLERANCE > self.missed)  # true for nan, too
        if lost.any():
            value[lost], derivative[lost] = self._one_by_one(codes[lost])
        return value, derivative

    def density_and_slope(self, z: Tensor | Codes) -> tuple[Tensor, Tensor]:
        """q(z) of codes z, from the points around them, and its derivative; float64, shape (S,) each.

        q(z) is too small by at most DEVIATION of it and `missed` together; too large by 1e-8 of it.
        """
        codes = Codes.at(z).in_double()
        rows = max(1, self.block // (2 * READ + 1))
        parts = [self._on_points(some) for some in codes.beyond(self.origin).split(rows)]
        density, slope = (torch.cat(of) for of in zip(*parts, strict=True))
        if len(self.narrow[0]):
            beside, its_slope = self._near_narrow(codes)
            density, slope = density + beside, slope + its_slope
        return density, slope

    @cached_property
    def _all(self) -> Gaussians:
        return Gaussians(self.mean.unsqueeze(1), self.scale.unsqueeze(1))

    def _one_by_one(self, codes: Codes) -> tuple[Tensor, Tensor]:
        """log q(z), all components taken by themselves, and its derivative; both of shape (S,)."""
        weights = LogWeights.uniform(len(self.mean))
        line = Codes(codes.centre.unsqueeze(1), codes.offset.unsqueeze(1))
        rows = max(1, self.block // min(512, len(self.mean)))
        parts = [
            marginal_and_slope(line[start : start + rows], self._all, weights, True, self.block)
            for start in range(0, len(line), rows)
        ]
        value, slope = (torch.cat(of).squeeze(1) for of in zip(*parts, strict=True))
        return value, slope.double()

    def _near_narrow(self, codes: Codes) -> tuple[Tensor, Tensor]:
        """What narrow components within REACH of codes, shape (S,), add to q(z), and to its derivative."""
        (mean, scale), z = self.narrow, codes.exact
        reach = REACH * scale.max() + 4 * torch.finfo(z.dtype).eps * z.abs()  # z is rounded, however narrow they are
        first, last = torch.searchsorted(mean, z - reach), torch.searchsorted(mean, z + reach, right=True)
        most = max(1, int((last - first).max()))
        sums = []
        rows = max(1, self.block // most)
        for begin in range(0, len(z), rows):
            part = slice(begin, begin + rows)
            place = first[part].unsqueeze(1) + torch.arange(most, device=z.device)  # (rows, most)
            here = place < last[part].unsqueeze(1)
            place = place.clamp(max=len(mean) - 1)
            apart = codes.centre[part].unsqueeze(1) - mean[place]
            standard = apart.add_(codes.offset[part].unsqueeze(1)).div_(scale[place])
            mass = standard.square().mul_(-0.5).exp_().mul_(here).div_(scale[place])
            sums.append((mass.sum(1), -(mass * standard / scale[place]).sum(1)))
        density, slope = (torch.cat(of) for of in zip(*sums, strict=True))
        share = 1 / (len(self.mean) * math.sqrt(2 * math.pi))
        return density * share, slope * share

    def _spread(self, mean: Tensor, scale: Tensor, level: Tensor) -> Tensor:
        """The weights W_k of the finest points, from MARGIN before `low` on."""
        weights = None
        for lth in range(max(0, int(level.max())), -1, -1):
            width = self.width * 2**lth
            spacing = SPACING * width
            count = math.ceil(self.extent / spacing) + 1 + 2 * MARGIN
            weights = mean.new_zeros(count) if weights is None else _refined(weights, count)
            here = level == lth
            position = (mean[here] - self.low) / spacing + MARGIN
            remaining = (scale[here].square() - width**2).sqrt() / spacing  # in points
            _deposit(weights, position, remaining, self.block)
        assert weights is not None
        return weights.div_(len(mean))

    def _on_points(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """sum_k W_k N(z; u_k, s_0^2) of codes z, counted from the origin, shape (S,), and its derivative."""
        position = (z - self.low) / (SPACING * self.width) + MARGIN
        nearest = position.round().nan_to_num().clamp(READ, len(self.weights) - 1 - READ)
        windows = self.weights.unfold(0, 2 * READ + 1, 1).index_select(0, nearest.long() - READ)  # (S, 2 READ + 1)
        steps = torch.arange(-READ, READ + 1, device=z.device)
        standard = ((position - nearest).unsqueeze(1) - steps).mul_(SPACING)
        mass = standard.square().mul_(-0.5).exp_().mul_(windows)
        peak = 1 / (math.sqrt(2 * math.pi) * self.width)
        return mass.sum(1) * peak, mass.mul_(standard).sum(1) * (-peak / self.width)


def _deposit(weights: Tensor, position: Tensor, scale: Tensor, block: int) -> None:
    """Add normal densities with means `position` and standard deviations `scale`, in points, to the weights there."""
    steps = torch.arange(-SPREAD, SPREAD + 1, device=position.device)
    rows = max(1, block // len(steps))
    for some, wide in zip(position.split(rows), scale.split(rows), strict=True):
        nearest = some.round()
        standard = (steps - (some - nearest).unsqueeze(1)).div_(wide.unsqueeze(1))
        mass = standard.square_().mul_(-0.5).exp_().div_(wide.unsqueeze(1) * math.sqrt(2 * math.pi))
        weights.index_add_(0, (nearest.long().unsqueeze(1) + steps).flatten(), mass.flatten())


def _refined(coarse: Tensor, count: int) -> Tensor:
    """The weights of a level, from those of the level that is twice as coarse; point a of it is 2 a - MARGIN here."""
    fine = coarse.new_zeros(count)
    scale = math.sqrt(3) / SPACING  # of what a Gaussian twice as wide has left, in points
    for step in range(-STEP, STEP + 1):
        share = math.exp(-0.5 * (step / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
        first = max(0, -((step - MARGIN) // 2))
        last = min(len(coarse) - 1, (count - 1 + MARGIN - step) // 2)
        fine[2 * first - MARGIN + step : 2 * last - MARGIN + step + 1 : 2].add_(coarse[first : last + 1], alpha=share)
    return fine
