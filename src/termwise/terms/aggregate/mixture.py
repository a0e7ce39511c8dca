"""log q(z) over N Gaussians, joint and by dimension, with its gradient in z: exact, in bounded memory.

q(z) = sum_n w_n N(z; mu_n, Sigma_n). Every log-component is phi(z) . a_n + c_n (`gaussians.py`), so that the joint
over B codes and N components is one matrix product and a streaming logsumexp. The product is taken in float64, because
z^2 / sigma^2 cancels (in float32 it is off by 0.4 nats at sigma = 1e-3); the exponentials, once the maximum is
subtracted, in float32, and to base 2, which costs a third. Codes for which even float64 may cancel too much (sigma
below about 1e-5 of the range of the means) are taken from Sigma_n^(-1/2) (z - mu_n) directly, which cannot: codes keep
their noise beside their centre (`models/codes.py`). So is one dimension's marginal, in float32, whose rounding is then
relative and so harmless. Nothing ever holds a (B, N, D)
tensor: `block` bounds what is held, and blocks of rows run side by side on the threads that there are.

The components are constants: the gradient flows through z alone, where it is the responsibility-weighted mean of
the components' own, and comes from the same pass.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import BITS, LOG_2PI, Gaussians, LogWeights, gaussians
from termwise.terms.aggregate.parallel import one_by_one, threads_for

__all__ = ["CodesDone", "Gaussians", "LogWeights", "gaussians", "log_density", "marginal_log_density"]

CPU_BLOCK = 2**18
"""The (code, component, dimension) triples that a thread holds at a time by default: more do not fit a core's cache."""
GPU_BLOCK = 2**26
"""The (code, component, dimension) triples that a GPU holds at a time by default: fewer leave it idle."""

FLOOR = -115.0
"""The mass, in bits below the largest component's, under which a component cannot count: exp2 is slow to underflow."""

CANCELLATION = 1e-5
"""The nats that the product's rounding may cost a code, by a bound that is seldom nearly reached."""

FARTHEST = 1e18
"""The distance, in sigmas, from which a square is taken in float64."""

CodesDone = Callable[[int, int], None]
"""A callback that is given how many codes are done, and of how many."""


def fitting_block(device: torch.device) -> int:
    """The default `block` on a device: what suits a core's cache, or keeps a GPU busy."""
    return CPU_BLOCK if device.type == "cpu" else GPU_BLOCK


def log_density(
    z: Tensor | Codes,
    components: Gaussians,
    weights: LogWeights,
    *,
    block: int | None = None,
    progress: CodesDone | None = None,
) -> Tensor:
    """log q(z) of codes z, shape (B, D): shape (B,), in nats; at most `block` triples a thread are held at a time."""
    codes = Codes.at(z)
    return _LogDensity.apply(codes.z, codes.detached(), components, weights, block, progress)


def marginal_log_density(
    z: Tensor | Codes,
    components: Gaussians,
    weights: LogWeights,
    *,
    block: int | None = None,
    progress: CodesDone | None = None,
) -> Tensor:
    """log q(z_j) of codes z, shape (B, D): shape (B, D), in nats, every component by itself; `block` as above."""
    codes = Codes.at(z)
    return _MarginalLogDensity.apply(codes.z, codes.detached(), components, weights, block, progress)


class _LogDensity(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        z: Tensor,
        codes: Codes,
        components: Gaussians,
        weights: LogWeights,
        block: int | None,
        progress: CodesDone | None,
    ) -> Tensor:
        """log q(z), and with it the gradient, where it is wanted."""
        return _in_blocks(_joint_rows, ctx, codes, components, weights, block, progress, factors=1).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward.unsqueeze(1) * gradient.to(upward.dtype), None, None, None, None, None


class _MarginalLogDensity(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        z: Tensor,
        codes: Codes,
        components: Gaussians,
        weights: LogWeights,
        block: int | None,
        progress: CodesDone | None,
    ) -> Tensor:
        """log q(z_j), and with it the gradient, where it is wanted."""
        values = _in_blocks(marginal_and_slope, ctx, codes, components, weights, block, progress, factors=z.shape[1])
        return values.to(z.dtype)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward * gradient.to(upward.dtype), None, None, None, None, None


RowsDensity = Callable[[Codes, Gaussians, LogWeights, bool, int], tuple[Tensor, Tensor]]
"""A function of codes, components, weights, whether a gradient is wanted, and a block: log densities and gradients."""


def _in_blocks(
    density: RowsDensity,
    ctx: Any,
    codes: Codes,
    components: Gaussians,
    weights: LogWeights,
    block: int | None,
    progress: CodesDone | None,
    factors: int,
) -> Tensor:
    """`density` over so many codes that 512 components fit at a time; saves the gradient for the backward pass."""
    device = codes.centre.device
    block = block or fitting_block(device)
    rows = max(1, block // (min(512, len(components)) * factors))
    threads = threads_for(len(codes) * len(components) * factors, device)
    rows = min(rows, -(-len(codes) // threads))
    tasks = []
    for start in range(0, len(codes), rows):
        own = None if weights.index is None else weights.index[start : start + rows]
        part = codes[start : start + rows]
        theirs = LogWeights(weights.other, weights.own, own)
        tasks.append(partial(density, part, components, theirs, ctx.needs_input_grad[0], block))
    values, gradients, done = [], [], 0
    for value, gradient in one_by_one(tasks, threads):
        values.append(value)
        gradients.append(gradient)
        done += len(value)
        if progress is not None:
            progress(done, len(codes))
    ctx.save_for_backward(torch.cat(gradients))
    return torch.cat(values)


class _Product:
    """Log-components as inner products with phi(z)."""

    def __init__(self, codes: Codes, components: Gaussians, step: int) -> None:
        self.z, self.components = codes.exact, components
        self.features = components.features(self.z)
        self.buffer = self.features.new_empty(len(codes), step)  # written over, block after block

    def bits(self, part: slice) -> Tensor:
        """log2 N(z; mu_n, Sigma_n) of the components in `part`, float64, shape (B, n)."""
        intercept, slope = self.components.intercept[part], self.components.slope[part]
        out = self.buffer[:, : len(intercept)]
        return torch.addmm(intercept, self.features, slope.T, beta=BITS, alpha=BITS, out=out)

    def empty(self) -> Tensor:
        """What is gathered before anything is."""
        return torch.zeros_like(self.features, dtype=self.components.slope32.dtype)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """Add what the components in `part` give to the gradient, by their mass, shape (B, n)."""
        gathered.addmm_(mass, self.components.slope32[part])

    def gradient(self, mean: Tensor) -> Tensor:
        """d/dz log q(z), shape (B, D), from the mean by mass of what was gathered."""
        return self.components.gradient(self.z.to(mean.dtype), mean)


class _Direct:
    """Log-components from Sigma_n^(-1/2) (z - mu_n): several times slower, and nothing cancels."""

    def __init__(self, codes: Codes, components: Gaussians) -> None:
        self.codes, self.components = codes.in_double(), components

    def _standard(self, part: slice) -> tuple[Tensor, Tensor]:
        """Sigma_n^(-1/2) (z - mu_n), shape (n, D, B), and the root of Sigma_n, shape (n, D, D) or (n, D, 1)."""
        spread = self.components.spread[part].double()
        apart = self.codes.centre.T - self.components.mean[part].double().unsqueeze(2)
        offset = apart.add_(self.codes.offset.T)
        if spread.dim() == 2:
            return offset.div_(spread.unsqueeze(2)), spread.unsqueeze(2)
        return torch.linalg.solve_triangular(spread, offset, upper=False), spread

    def bits(self, part: slice) -> Tensor:
        """The same as of a product."""
        standard, root = self._standard(part)
        diagonal = root if root.shape[2] == 1 else root.diagonal(dim1=1, dim2=2).unsqueeze(2)
        constant = diagonal.log().sum((1, 2)) + 0.5 * self.codes.centre.shape[1] * LOG_2PI  # (n,)
        return standard.square().sum(1).mul_(-0.5).sub_(constant.unsqueeze(1)).mul_(BITS).T.contiguous()

    def empty(self) -> Tensor:
        """The same as of a product."""
        return torch.zeros_like(self.codes.centre, dtype=self.components.slope32.dtype)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """The same as of a product; what is gathered is the gradient itself."""
        standard, root = self._standard(part)
        if root.shape[2] == 1:
            pull = standard.div_(root)
        else:
            pull = torch.linalg.solve_triangular(root.mT, standard, upper=True)
        gathered.sub_(torch.einsum("bn,ndb->bd", mass.double(), pull).to(gathered.dtype))

    def gradient(self, mean: Tensor) -> Tensor:
        """The same as of a product."""
        return mean


def _joint_rows(
    codes: Codes, components: Gaussians, weights: LogWeights, wants_gradient: bool, block: int
) -> tuple[Tensor, Tensor]:
    """log q(z), float64, shape (B,), and its gradient, shape (B, D), or an empty tensor."""
    if components.cancellation(codes.exact) <= CANCELLATION:  # false for nan, too
        step = max(64, block // len(codes))
        pairs: _Product | _Direct = _Product(codes, components, min(step, len(components)))
    else:
        step = max(1, block // codes.centre.numel())
        pairs = _Direct(codes, components)
    peak = torch.full((len(codes),), -math.inf, dtype=torch.float64, device=codes.centre.device)
    total = torch.zeros_like(peak)
    gathered = pairs.empty()
    buffer = gathered.new_empty(len(codes), min(step, len(components)))  # written over, block after block
    for start in range(0, len(components), step):
        part = slice(start, start + step)
        bits = pairs.bits(part)
        weights.lift(bits, start)
        higher = torch.maximum(peak, bits.amax(1))
        mass = buffer[:, : bits.shape[1]].copy_(bits.sub_(higher.unsqueeze(1))).clamp_(min=FLOOR).exp2_()
        shrink = (peak - higher).exp2()
        total = total * shrink + mass.sum(1)
        if wants_gradient:
            pairs.gather(gathered.mul_(shrink.unsqueeze(1)), mass, part)
        peak = higher
    value = peak / BITS + total.log() + weights.other
    if not wants_gradient:
        return value, peak.new_empty(0)
    return value, pairs.gradient(gathered / total.unsqueeze(1).to(gathered.dtype))


def marginal_and_slope(
    codes: Codes, components: Gaussians, weights: LogWeights, wants_gradient: bool, block: int
) -> tuple[Tensor, Tensor]:
    """log q(z_j), float64, shape (B, D), and its gradient in z_j, likewise, or an empty tensor."""
    count, dimension = codes.centre.shape
    dtype = torch.float64 if _beyond_float32(codes, components) else components.mean.dtype
    centre, offset = (of.T.to(dtype).unsqueeze(2) for of in (codes.centre, codes.offset))  # (D, B, 1)
    peak = centre.new_full((dimension, count), -math.inf)
    total = torch.zeros_like(peak, dtype=torch.float64)
    pull = torch.zeros_like(peak)
    step = min(len(components), max(1, block // (count * dimension)))
    first, second = (centre.new_empty(dimension * count * step) for _ in range(2))  # written over, block after block
    for start in range(0, len(components), step):
        part = slice(start, start + step)
        shape = (dimension, count, min(step, len(components) - start))
        standard, mass = (buffer[: math.prod(shape)].view(shape) for buffer in (first, second))
        mean = components.mean[part].T.to(dtype).contiguous().unsqueeze(1)  # (D, 1, n); laid out as it is read
        inverse = components.scale[part].T.to(dtype).contiguous().reciprocal().unsqueeze(1)
        torch.sub(centre, mean, out=standard).add_(offset).mul_(inverse)
        torch.addcmul(inverse.log2(), standard, standard, value=-0.5 * BITS, out=mass)
        weights.lift(mass, start)
        higher = torch.maximum(peak, mass.amax(2))
        mass.sub_(higher.unsqueeze(2)).clamp_(min=FLOOR).exp2_()
        shrink = (peak - higher).exp2()
        total = total * shrink + mass.sum(2)
        if wants_gradient:
            pull = pull * shrink - torch.bmm(standard.mul_(mass), inverse.transpose(1, 2)).squeeze(2)
        peak = higher
    value = peak.double() / BITS + total.log() + (weights.other - 0.5 * LOG_2PI)
    return value.T, (pull / total).to(peak.dtype).T if wants_gradient else peak.new_empty(0)


def _beyond_float32(codes: Codes, components: Gaussians) -> bool:
    """Whether a distance between a code and a component is, in the component's sigmas, too large to square there."""
    reach = codes.centre.abs().amax() + codes.offset.abs().amax() + components.mean.abs().amax()
    return not float(reach / components.scale.amin()) < FARTHEST  # true for nan, too
