"""log q(z) and log q(z_j) over normal components by one kernel each, where codes lie on a CUDA device (Triton).

What PyTorch's operations compute block by block, each written to memory and read again, a program of the kernel keeps
to itself (`triton_kernels.py`). Of few codes, several programs share the components of each, and what they found is put
together here. Components of one variance a dimension are asked in the type of their means; those with covariances in
float64, for the inverse of a Cholesky factor may be large. Where a kernel cannot be had the answer is None, and
PyTorch's own operations are asked.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from termwise.fast_paths import FastPath
from termwise.models.codes import Codes
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import LOG_2PI, Gaussians, LogWeights
from termwise.terms.aggregate.singles import BITS
from termwise.terms.aggregate.triton_kernels import FARTHEST, joint_kernel, marginal_kernel

MOST_DIMENSIONS = 256
"""Dimensions up to which a program's slopes have room."""

MOST_ROOTS = 2**25
"""Numbers of the inverse Cholesky factors of all components, up to which these are held."""

PROGRAMS = 512
"""Programs that keep a GPU busy."""

ROWS, STEP = 16, 64
"""The codes that a program has, and the components that it asks at a time."""

WithSlope = tuple[Tensor, Tensor]
"""Log densities, float64, and their gradients in the codes, or an empty tensor."""


def joint_by_triton(
    codes: Codes, components: Components, weights: LogWeights, wants_gradient: bool
) -> WithSlope | None:
    """log q(z), shape (B,), and its gradient, shape (B, D), as `mixture.py` has them; None where there is no kernel.

    Example:
        >>> components = Gaussians(torch.zeros(4, 2), torch.ones(4, 2))
        >>> joint_by_triton(Codes.at(torch.zeros(3, 2)), components, LogWeights.uniform(4), True) is None  # on the CPU
        True
    """
    if not _may(codes, components):
        return None
    return _tried(joint, codes, components, weights, wants_gradient)


def marginals_by_triton(
    codes: Codes, components: Components, weights: LogWeights, wants_gradient: bool
) -> WithSlope | None:
    """log q(z_j) and its slope, shape (B, D) each, as `mixture.py` has them; None where there is no kernel.

    Example:
        >>> components = Gaussians(torch.zeros(4, 2), torch.ones(4, 2))
        >>> marginals_by_triton(Codes.at(torch.zeros(3, 2)), components, LogWeights.uniform(4), True) is None
        True
    """
    if not _may(codes, components):
        return None
    return _tried(marginals, codes, components, weights, wants_gradient)


def _may(codes: Codes, components: Components) -> bool:
    return (
        isinstance(components, Gaussians)
        and codes.centre.is_cuda
        and len(codes) > 0
        and fits(components)
        and TRITON.taken
    )


def fits(components: Gaussians) -> bool:
    """Whether the kernels have room for components.

    Example:
        >>> [fits(Gaussians(torch.zeros(4, size), torch.ones(4, size))) for size in (2, 999)]
        [True, False]
    """
    full = components.spread.dim() == 3
    return components.size <= MOST_DIMENSIONS and (not full or components.spread.numel() <= MOST_ROOTS)


def _tried(ask: Any, codes: Codes, components: Any, weights: LogWeights, wants_gradient: bool) -> WithSlope | None:
    try:
        found: WithSlope = ask(codes, components, weights, wants_gradient)
    except torch.OutOfMemoryError:
        raise
    except Exception:  # a compiler that fails on one of many shapes
        return None
    return found


@dataclass(frozen=True)
class _Laid:
    """Codes and components as the kernels read them."""

    centre: Tensor  # (D, B)
    offset: Tensor
    mean: Tensor  # (D, N)
    root: Tensor  # (D, N) or (D, D, N)
    high: Tensor  # (N,) or (D, N)
    low: Tensor

    @classmethod
    def of(cls, codes: Codes, mean: Tensor, root: Tensor, constant: Tensor, weights: LogWeights) -> "_Laid":
        """With `constant`, float64, log2 of the densities where the distance is 0."""
        if weights.each is not None:
            constant = constant + weights.each.double() * BITS
        constant = constant.contiguous()
        high = constant.to(root.dtype)
        low = (constant - high.double()).to(root.dtype)
        centre, offset, mean = (one.detach().T.contiguous() for one in (codes.centre, codes.offset, mean))
        return cls(centre, offset, mean, root.contiguous(), high, low)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of the kernels' arguments."""
        return self.centre, self.offset, self.mean, self.root, self.high, self.low


def joint(codes: Codes, components: Gaussians, weights: LogWeights, wants_gradient: bool) -> WithSlope:
    """What `joint_by_triton` gives, asked of the kernel in any case."""
    size, full = components.size, components.spread.dim() == 3
    if full:
        spread = components.spread.double()
        identity = torch.eye(size, dtype=spread.dtype, device=spread.device).expand_as(spread)
        root = torch.linalg.solve_triangular(spread, identity, upper=False).permute(1, 2, 0)  # (D, D, N)
        log_det = spread.diagonal(dim1=1, dim2=2).log2().sum(1)
    else:
        root = components.spread.T.reciprocal()  # (D, N)
        log_det = components.spread.double().log2().sum(1)
    laid = _Laid.of(codes, components.mean, root, -log_det - 0.5 * size * LOG_2PI * BITS, weights)
    shares, share = _shares(len(codes), len(components))
    outcome = _Outcome.empty(laid, (shares, len(codes)), (size,))
    joint_kernel[(-(-len(codes) // ROWS), shares)](
        *laid.tensors, *_own(codes, weights, outcome, len(components), share),
        half=0.5 * BITS, size=size, width=1 << (size - 1).bit_length(), full=full, has_own=_has_own(weights),
        slopes=wants_gradient, farthest=_farthest(root), row_count=ROWS, step=STEP,
    )  # fmt: skip
    value, gradient = outcome.together()
    return value + weights.other, gradient if wants_gradient else value.new_empty(0)


def marginals(codes: Codes, components: Gaussians, weights: LogWeights, wants_gradient: bool) -> WithSlope:
    """What `marginals_by_triton` gives, asked of the kernel in any case."""
    size, scale = components.size, components.scale.T
    constant = -scale.double().log2() - 0.5 * LOG_2PI * BITS  # (D, N)
    laid = _Laid.of(codes, components.mean, scale.reciprocal(), constant, weights)
    shares, share = _shares(len(codes) * size, len(components))
    outcome = _Outcome.empty(laid, (shares, size, len(codes)), ())
    marginal_kernel[(-(-len(codes) // ROWS), size, shares)](
        *laid.tensors, *_own(codes, weights, outcome, len(components), share),
        half=0.5 * BITS, has_own=_has_own(weights), slopes=wants_gradient, farthest=_farthest(scale), row_count=ROWS,
        step=STEP,
    )  # fmt: skip
    value, gradient = outcome.together()
    return (value + weights.other).T, gradient.T if wants_gradient else value.new_empty(0)


@dataclass(frozen=True)
class _Outcome:
    """What the programs found, each over its share of the components."""

    peaks: Tensor  # (shares, ...)
    totals: Tensor
    pulls: Tensor  # (shares, ..., D), or as the others

    @classmethod
    def empty(cls, laid: _Laid, shape: tuple[int, ...], more: tuple[int, ...]) -> "_Outcome":
        """Room for it; masses and slopes are in the type of the codes."""
        peaks = laid.root.new_empty(shape)
        return cls(peaks, peaks.new_empty(shape, dtype=torch.float64), laid.centre.new_empty((*shape, *more)))

    def together(self) -> WithSlope:
        """Over all components: log densities, nats, and gradients."""
        top = self.peaks.double().amax(0)
        part = (self.peaks.double() - top).exp2()
        total = (part * self.totals).sum(0)
        share = part / total
        if self.pulls.dim() > share.dim():
            share = share.unsqueeze(-1)
        return top / BITS + total.log(), -(share * self.pulls.double()).sum(0).to(self.pulls.dtype)


def _has_own(weights: LogWeights) -> bool:
    return weights.index is not None and weights.own is not None


def _own(codes: Codes, weights: LogWeights, outcome: _Outcome, count: int, share: int) -> tuple[Any, ...]:
    """Which component is each code's own, where the outcome goes, how much there is, and how much the own one gains."""
    has_own = _has_own(weights)
    own = weights.index if has_own else torch.zeros(1, dtype=torch.int64, device=codes.centre.device)
    bits = (weights.own - weights.other) * BITS if has_own and weights.own is not None else 0.0
    gain = torch.full((1,), bits, dtype=outcome.peaks.dtype, device=codes.centre.device)  # as a number it were float32
    return own, outcome.peaks, outcome.totals, outcome.pulls, len(codes), count, share, gain


def _shares(rows: int, count: int) -> tuple[int, int]:
    """Into how many shares the components go, and how many there are in each."""
    shares = max(1, min(PROGRAMS * ROWS // max(rows, 1), -(-count // (4 * STEP))))
    share = -(-count // (shares * STEP)) * STEP
    return -(-count // share), share


def _farthest(like: Tensor) -> float:
    return FARTHEST if like.dtype == torch.float32 else 1e150


def _trial() -> tuple[Codes, Gaussians, LogWeights]:
    whole = torch.arange(8192 * 10, dtype=torch.float32, device="cuda").sin().view(-1, 10)
    components = Gaussians(whole, 0.05 + 0.1 * whole.flip(1).abs())
    index = torch.arange(128, device="cuda")
    return Codes.at(whole[:128] + 0.01), components, LogWeights.stratified(index, 8192, 60_000)


def _works() -> bool:
    """Whether the kernels run here, and give what every component by itself in float64 gives."""
    if not torch.cuda.is_available():
        return False
    codes, components, weights = _trial()
    scale = components.scale.double()
    apart = (codes.exact.unsqueeze(1) - components.mean.double()) / scale  # (B, N, D)
    bits = (-0.5 * apart.square() - scale.log() - 0.5 * LOG_2PI) * BITS
    found = []
    for each in (bits.sum(2), bits.permute(2, 0, 1)):
        weights.lift(each, 0)
        slope = -torch.einsum("...bn,bnd->...bd", each.mul(1 / BITS).softmax(-1), apart / scale)
        found.append((each.mul(1 / BITS).logsumexp(-1) + weights.other, slope))
    (value, slope), (by_dimension, slopes) = found
    rights = ((value, slope), (by_dimension.T, slopes.diagonal(dim1=0, dim2=2)))
    return all(
        bool((one - right).abs().max() < 1e-4 and (pull - its).abs().max() < 1e-3 * its.abs().max())
        for (one, pull), (right, its) in zip(
            (joint(codes, components, weights, True), marginals(codes, components, weights, True)), rights, strict=True
        )
    )


def _pays() -> bool:
    """Whether the joint kernel is quicker than the operations that it stands for; the best of turns counts."""
    codes, components, weights = _trial()

    def by_operations() -> None:
        pairs = components.pairs(codes, len(codes) * len(components), True)
        bits = pairs.bits(slice(None))
        weights.lift(bits, 0)
        mass = bits.sub_(bits.amax(1, keepdim=True)).to(codes.centre.dtype).exp2_()
        pairs.gather(pairs.empty(), mass, slice(None))

    best = [float("inf"), float("inf")]
    for _ in range(5):
        for which, ask in enumerate((lambda: joint(codes, components, weights, True), by_operations)):
            torch.cuda.synchronize()
            begun = time.perf_counter()
            ask()
            torch.cuda.synchronize()
            best[which] = min(best[which], time.perf_counter() - begun)
    return best[0] < best[1]


TRITON = FastPath("triton", _works, _pays)
"""Whether log q(z) of normals on a CUDA device is asked of kernels that Triton compiles."""
