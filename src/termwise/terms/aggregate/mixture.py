"""log q(z) over N components, joint and by dimension, with its gradient in z: exact, in bounded memory.

q(z) = sum_n w_n q(z|x_n). Of an exponential family every log-component is phi(z) . a_n + c_n (`components.py`), so that
the joint over B codes and N components is one matrix product and a streaming logsumexp. Because of normals
z^2 / sigma^2 cancels in the product (in float32 it is off by 0.4 nats at sigma = 1e-3): it is taken in float32 first,
which finds the components that count, and those exactly (`single_precision.py`); for codes of which that is not sure,
in float64, and the exponentials, once the maximum is subtracted, in float32, and to base 2, which costs a third.
Codes for which even float64 may cancel too much (sigma below about 1e-5 of the range of the means) are taken from
Sigma_n^(-1/2) (z - mu_n) directly, which cannot: codes keep their noise beside their centre (`models/codes.py`). So is
one dimension's marginal, in float32, whose rounding is then relative and so harmless. Nothing ever holds a (B, N, D)
tensor: `block` bounds what is held, and blocks of rows run side by side on the threads that there are.

The components are constants: the gradient flows through z alone, where it is the responsibility-weighted mean of
the components' own, and comes from the same pass.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.codes import Codes
from termwise.models.data_parallel import by_shares, rows_are_shared
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import CANCELLATION, FLOOR, NOWHERE, Components, LinearComponents
from termwise.terms.aggregate.gaussians import LOG_2PI, Gaussians, LogWeights, gaussians
from termwise.terms.aggregate.parallel import one_by_one, threads_for
from termwise.terms.aggregate.single_precision import ELEMENTS, IN_PIECES, log_density_in_single, pays
from termwise.terms.aggregate.singles import BITS
from termwise.terms.aggregate.triton_mixture import joint_by_triton, marginals_by_triton
from termwise.terms.aggregate.value_components import Margin, ValueComponents

__all__ = ["SURE", "CodesDone", "Gaussians", "LogWeights", "gaussians", "log_density", "marginal_log_density"]

CPU_BLOCK = 2**18
"""The (code, component, dimension) triples that a thread holds at a time by default: more do not fit a core's cache."""
GPU_BLOCK = 2**26
"""The (code, component, dimension) triples that a GPU holds at a time by default: fewer leave it idle."""

SURE = 2e-5
"""Nats that log q(z) is at most off by, of codes in float32, and wherever it is measured; on average far less."""
LEARNING = 1e-3
"""The same of codes that gradients move, whose terms have a noise of tenths of a nat; a tenth of it was seen."""
EXACT = 1e-9
"""The same of codes in float64, unless another tolerance is asked for."""

FEW_PAIRS = 2**16
"""The pairs of a code and a component, as those of a batch, up to which all are taken at once."""

FARTHEST = 1e18
"""The distance, in sigmas, from which a square is taken in float64."""

CodesDone = Callable[[int, int], None]
"""A callback that is given how many codes are done, and of how many."""


def fitting_block(device: torch.device) -> int:
    """The default `block` on a device: what suits a core's cache, or keeps a GPU busy."""
    return CPU_BLOCK if device.type == "cpu" else GPU_BLOCK


def log_density(
    z: Tensor | Codes,
    components: Components,
    weights: LogWeights,
    *,
    block: int | None = None,
    progress: CodesDone | None = None,
    tolerance: float | None = None,
) -> Tensor:
    """log q(z) of codes z, shape (B, D): shape (B,), in nats; at most `block` triples a thread are held at a time.

    Within `tolerance`, in nats, or what codes of their type have.
    """
    codes = Codes.at(z)
    if rows_are_shared():
        several = partial(log_density, block=block, progress=progress, tolerance=tolerance)
        return _by_shares(several, codes, components, weights)
    own = weights.index if weights.own is not None else None
    at_once = None
    if weights.each is None:
        gain = 0.0 if weights.own is None else weights.own - weights.other
        at_once = components.log_sum_at_once(codes, own, gain)
    if at_once is not None:
        return (at_once + weights.other).to(codes.z.dtype)
    if tolerance is None:
        learning = torch.is_grad_enabled() and codes.z.requires_grad
        tolerance = EXACT if codes.z.dtype == torch.float64 else LEARNING if learning else SURE
    return _LogDensity.apply(codes.z, codes.detached(), components, weights, block, progress, tolerance)


def marginal_log_density(
    z: Tensor | Codes,
    components: Components,
    weights: LogWeights,
    *,
    block: int | None = None,
    progress: CodesDone | None = None,
) -> Tensor:
    """log q(z_j) of codes z, shape (B, D): by dimension, in nats, every component by itself; `block` as above.

    Shape (B, D) of normals; a position of categories is one dimension, and so is, in a code of blocks, one that is no
    product.

    Raises:
        Refused: The components' marginals are unknown.
    """
    codes = Codes.at(z)
    if rows_are_shared():
        return _by_shares(partial(marginal_log_density, block=block, progress=progress), codes, components, weights)
    if isinstance(components, BlockComponents):
        of_blocks = [_of_block(codes.columns(part), one, weights, block) for one, part in components.parts()]
        return torch.cat(of_blocks, 1)
    if isinstance(components, ValueComponents):
        over_values = [
            log_density_over_values(partial(_of_block, block=block), codes.columns(part), its, weights)
            for its, part in components.margins()
        ]
        return torch.cat(over_values, 1)
    if not isinstance(components, Gaussians):
        lines = [log_density(codes.columns(part), one, weights, block=block) for part, one in _dimensions(components)]
        return torch.stack(lines, 1)
    return _MarginalLogDensity.apply(codes.z, codes.detached(), components, weights, block, progress)


def _by_shares(density: Callable[..., Tensor], codes: Codes, components: Components, weights: LogWeights) -> Tensor:
    """A density of codes, every process of its own share of them."""

    def of_own(centre: Tensor, offset: Tensor, index: Tensor | None) -> Tensor:
        return density(Codes(centre, offset), components, replace(weights, index=index))

    return by_shares(of_own, codes.centre, codes.offset, weights.index)


def log_density_over_values(
    density: Callable[[Codes, Components, LogWeights], Tensor], codes: Codes, margin: Margin, weights: LogWeights
) -> Tensor:
    """`density` of codes under a margin of components that are of several values, summed over these."""
    if len(margin.by_value) == 1:
        return density(codes, margin.by_value[0], weights)
    pairs = zip(margin.by_value, margin.log_shares, strict=True)
    return torch.stack([density(codes, one, replace(weights, each=share)) for one, share in pairs]).logsumexp(0)


def _of_block(codes: Codes, components: Components, weights: LogWeights, block: int | None) -> Tensor:
    """log q(z_j) of a block among others, shape (B, D); one whose marginals are unknown is one dimension."""
    if components.knows_marginals:
        return marginal_log_density(codes, components, weights, block=block)
    return log_density(codes, components, weights, block=block).unsqueeze(1)


def _dimensions(components: Components) -> Sequence[tuple[slice, Components]]:
    parts = components.by_dimension()
    if parts is None:
        raise Refused(
            "log q(z_j) is known of posteriors that factorise over dimensions, and of normals; this model's do not. "
            "Leave out the links of the marginals, or use an estimator that needs samples only (Kernel, DensityRatio)."
        )
    return parts


class _LogDensity(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        z: Tensor,
        codes: Codes,
        components: Components,
        weights: LogWeights,
        block: int | None,
        progress: CodesDone | None,
        tolerance: float,
    ) -> Tensor:
        """log q(z), and with it the gradient, where it is wanted."""
        density = partial(_joint_rows, tolerance=tolerance)
        return _in_blocks(density, ctx, codes, components, weights, block, progress, factors=1).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None, None, None, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward.unsqueeze(1) * gradient.to(upward.dtype), None, None, None, None, None, None


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


RowsDensity = Callable[[Codes, Any, LogWeights, bool, int], tuple[Tensor, Tensor]]
"""A function of codes, components, weights, whether a gradient is wanted, and a block: log densities and gradients."""


def _in_blocks(
    density: RowsDensity,
    ctx: Any,
    codes: Codes,
    components: Components,
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
    if factors == 1 and len(codes) * len(components) < IN_PIECES and pays(codes, components, weights, True):
        threads = 1  # of the caller's own: PyTorch's share out so few operations, each of many numbers
    rows = min(rows, -(-len(codes) // threads))
    if rows >= len(codes) and progress is None:
        value, gradient = density(codes, components, weights, ctx.needs_input_grad[0], block)
        ctx.save_for_backward(gradient)
        return value
    tasks = []
    for start in range(0, len(codes), rows):
        own = None if weights.index is None else weights.index[start : start + rows]
        part = codes[start : start + rows]
        theirs = replace(weights, index=own)
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


def _joint_rows(
    codes: Codes, components: Components, weights: LogWeights, wants_gradient: bool, block: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """log q(z), float64, shape (B,), and its gradient, shape (B, D), or an empty tensor; in float32 where that does."""
    if (asked := joint_by_triton(codes, components, weights, wants_gradient)) is not None:
        return asked
    found = None
    if components.linear is not None and pays(codes, components, weights, wants_gradient):
        elements = ELEMENTS if block == fitting_block(components.device) else block
        found = log_density_in_single(codes, components.linear, weights, wants_gradient, tolerance, elements)
    if found is None:
        return _in_double(codes, components, weights, wants_gradient, block)
    if not found.sure.all():
        rows = (~found.sure).nonzero().squeeze(1)
        index = None if weights.index is None else weights.index[rows]
        value, gradient = _in_double(codes[rows], components, replace(weights, index=index), wants_gradient, block)
        found.value[rows] = value
        if wants_gradient:
            found.gradient[rows] = gradient.to(found.gradient.dtype)
    return found.value, found.gradient


def _in_double(
    codes: Codes, components: Components, weights: LogWeights, wants_gradient: bool, block: int
) -> tuple[Tensor, Tensor]:
    """log q(z) of a product in float64, or of none, shape (B,), and its gradient, shape (B, D), or an empty tensor."""
    alternatives = components.alternatives(codes) if wants_gradient else []
    if len(codes) * len(components) <= min(FEW_PAIRS, block) and components.linear is not None and not alternatives:
        at_once = _at_once(codes, components.linear, weights, wants_gradient)
        if at_once is not None:
            return at_once
    pairs = components.pairs(codes, block, wants_gradient)
    peak = torch.full((len(codes),), -math.inf, dtype=torch.float64, device=codes.centre.device)
    total = torch.zeros_like(peak)
    gathered = pairs.empty()
    buffer = gathered.new_empty(len(codes), pairs.step)  # written over, block after block
    for start in range(0, len(components), pairs.step):
        part = slice(start, start + pairs.step)
        bits = pairs.bits(part)
        weights.lift(bits, start)
        for position in alternatives:
            position.add(bits, part)
        higher = torch.maximum(peak, bits.amax(1)).clamp(min=NOWHERE)
        mass = buffer[:, : bits.shape[1]].copy_(bits.sub_(higher.unsqueeze(1))).clamp_(min=FLOOR).exp2_()
        shrink = (peak - higher).exp2()
        total = total * shrink + mass.sum(1)
        if wants_gradient:
            pairs.gather(gathered.mul_(shrink.unsqueeze(1)), mass, part)
        peak = higher
    value = peak / BITS + total.log() + weights.other
    if not wants_gradient:
        return value, peak.new_empty(0)
    gradient = pairs.gradient(gathered / total.unsqueeze(1).to(gathered.dtype))
    for position in alternatives:
        position.write(gradient, weights.other)
    return value, gradient


def _at_once(
    codes: Codes, components: LinearComponents, weights: LogWeights, wants_gradient: bool
) -> tuple[Tensor, Tensor] | None:
    """The same of few pairs, as those of a batch, without a loop; None where a product will not do."""
    z = codes.exact
    features = components.features(z)
    if not components.cancellation(features) <= CANCELLATION:  # true for nan, too
        return None
    bits = torch.addmm(components.intercept, features, components.slope.T, beta=BITS, alpha=BITS)
    weights.lift(bits, 0)
    peak = bits.amax(1, keepdim=True).clamp_(min=NOWHERE)
    mass = bits.sub_(peak).to(components.slope32.dtype).clamp_(min=FLOOR).exp2_()
    total = mass.sum(1, keepdim=True)
    value = (peak / BITS + total.double().log() + weights.other).squeeze(1)
    if not wants_gradient:
        return value, value.new_empty(0)
    return value, components.gradient(z.to(mass.dtype), (mass @ components.slope32).div_(total))


def marginal_and_slope(
    codes: Codes, components: Gaussians, weights: LogWeights, wants_gradient: bool, block: int
) -> tuple[Tensor, Tensor]:
    """log q(z_j), float64, shape (B, D), and its gradient in z_j, likewise, or an empty tensor."""
    if (asked := marginals_by_triton(codes, components, weights, wants_gradient)) is not None:
        return asked
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
