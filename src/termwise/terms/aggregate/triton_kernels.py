"""Kernels for log q(z) over normal components on a GPU: distances, exponentials and slopes in one pass.

A program has some codes and goes through a range of components, of which it keeps the largest log density so far, the
sum of all relative to it, and the sum of slopes: nothing of shape (B, N) is ever written. Distances are taken from
s = Sigma^(-1/2) (z - mu) directly, in which nothing cancels: codes keep their noise beside their centre. What a
component's log density has beside its distance is there twice, as the number nearest to it and what is left.

Triton compiles them where they are first run; without it the names stand for functions that cannot be launched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None


def jit(kernel: Callable[..., Any]) -> Any:
    """A kernel that is compiled where it is first run; without Triton, the function as it is."""
    return kernel if triton is None else triton.jit(kernel)


FARTHEST = 1e15
"""The distance, in sigmas, beyond which components are taken for so far away: its square is a float32 number."""


@jit
def _near(s: tl.tensor, farthest: tl.constexpr) -> tl.tensor:
    """A distance, at most the farthest; nan stays nan."""
    return tl.where(s > farthest, farthest, tl.where(s < -farthest, -farthest, s))


@jit
def _standard(
    centre: tl.tensor,
    offset: tl.tensor,
    mean: tl.tensor,
    root: tl.tensor,
    i: tl.tensor,
    rows: tl.tensor,
    cols: tl.tensor,
    here: tl.tensor,
    there: tl.tensor,
    codes: tl.tensor,
    count: tl.tensor,
    size: tl.constexpr,
    full: tl.constexpr,
    farthest: tl.constexpr,
) -> tl.tensor:
    """Number i of Sigma^(-1/2) (z - mu), shape (rows, cols), in the type of `root`."""
    kind: tl.constexpr = root.dtype.element_ty
    if full:
        s = tl.zeros([rows.shape[0], cols.shape[0]], dtype=kind)
        for j in range(i + 1):
            c = tl.load(centre + j * codes + rows, mask=here, other=0.0).to(kind)
            o = tl.load(offset + j * codes + rows, mask=here, other=0.0).to(kind)
            m = tl.load(mean + j * count + cols, mask=there, other=0.0).to(kind)
            w = tl.load(root + (i * size + j) * count + cols, mask=there, other=0.0)
            s += ((c[:, None] - m[None, :]) + o[:, None]) * w[None, :]
    else:
        c = tl.load(centre + i * codes + rows, mask=here, other=0.0).to(kind)
        o = tl.load(offset + i * codes + rows, mask=here, other=0.0).to(kind)
        m = tl.load(mean + i * count + cols, mask=there, other=0.0).to(kind)
        w = tl.load(root + i * count + cols, mask=there, other=0.0)
        s = ((c[:, None] - m[None, :]) + o[:, None]) * w[None, :]
    return _near(s, farthest)


@jit
def joint_kernel(
    centre: tl.tensor,
    offset: tl.tensor,
    mean: tl.tensor,
    root: tl.tensor,
    high: tl.tensor,
    low: tl.tensor,
    own: tl.tensor,
    peaks: tl.tensor,
    totals: tl.tensor,
    pulls: tl.tensor,
    codes: tl.tensor,
    count: tl.tensor,
    share: tl.tensor,
    gain: tl.tensor,
    half: tl.constexpr,
    size: tl.constexpr,
    width: tl.constexpr,
    full: tl.constexpr,
    has_own: tl.constexpr,
    slopes: tl.constexpr,
    farthest: tl.constexpr,
    row_count: tl.constexpr,
    step: tl.constexpr,
) -> None:
    """Of every code, over a share of the components: the largest log2 density, the mass relative to it, the pull.

    Args:
        centre: The codes' centres, shape (D, B), and so `offset`, their noise.
        mean: Shape (D, N).
        root: 1 / sigma, shape (D, N); or, where `full`, the inverse of the lower Cholesky factors, (D, D, N).
        high: log2 of a density where the distance is 0, shape (N,), and `low`, what is left of it.
        own: Which component counts `gain` bits more, shape (B,); `gain` itself has shape (1,).
        peaks: Shape (shares, B), and so `totals`, float64; both are written.
        pulls: sum_n mass_n d/dz 1/2 |s_n|^2, shape (shares, B, D); written where `slopes`.
        half: The bits that a squared distance costs.
        width: D, or the next power of two.
    """
    kind: tl.constexpr = root.dtype.element_ty
    light: tl.constexpr = pulls.dtype.element_ty
    rows = tl.program_id(0) * row_count + tl.arange(0, row_count)
    here = rows < codes
    begin = tl.program_id(1) * share
    end = tl.minimum(begin + share, count)
    numbers = tl.arange(0, width)
    peak = tl.full([row_count], -1e30, dtype=kind)
    total = tl.zeros([row_count], dtype=tl.float64)
    pull = tl.zeros([row_count, width], dtype=light)
    if has_own:
        mine = tl.load(own + rows, mask=here, other=-1)
        more = tl.load(gain)
    for start in range(begin, end, step):
        cols = start + tl.arange(0, step)
        there = cols < end
        energy = tl.zeros([row_count, step], dtype=kind)
        for i in range(size):
            s = _standard(
                centre, offset, mean, root, i, rows, cols, here, there, codes, count, size, full, farthest
            )  # fmt: skip
            energy += s * s
        top = tl.load(high + cols, mask=there, other=-1e30)
        rest = tl.load(low + cols, mask=there, other=0.0)[None, :] - half * energy
        if has_own:
            rest += tl.where(cols[None, :] == mine[:, None], more, 0.0)
        higher = tl.maximum(peak, tl.max(tl.where(there[None, :], top[None, :] + rest, -1e30), axis=1))
        bits = (top[None, :] - higher[:, None]) + rest
        mass = tl.where(there[None, :], tl.exp2(bits.to(light)), 0.0)
        shrink = tl.exp2((peak - higher).to(light))
        total = total * shrink.to(tl.float64) + tl.sum(mass, axis=1).to(tl.float64)
        if slopes:
            pull = pull * shrink[:, None]
            for i in range(size):
                s = _standard(
                    centre, offset, mean, root, i, rows, cols, here, there, codes, count, size, full, farthest
                )  # fmt: skip
                if full:
                    for j in range(i + 1):
                        w = tl.load(root + (i * size + j) * count + cols, mask=there, other=0.0)
                        along = tl.sum(mass * (s * w[None, :]).to(light), axis=1)
                        pull += tl.where(numbers[None, :] == j, along[:, None], 0.0)
                else:
                    w = tl.load(root + i * count + cols, mask=there, other=0.0)
                    along = tl.sum(mass * (s * w[None, :]).to(light), axis=1)
                    pull += tl.where(numbers[None, :] == i, along[:, None], 0.0)
        peak = higher
    place = tl.program_id(1) * codes + rows
    tl.store(peaks + place, peak, mask=here)
    tl.store(totals + place, total, mask=here)
    if slopes:
        within = here[:, None] & (numbers[None, :] < size)
        tl.store(pulls + place[:, None] * size + numbers[None, :], pull, mask=within)


@jit
def marginal_kernel(
    centre: tl.tensor,
    offset: tl.tensor,
    mean: tl.tensor,
    root: tl.tensor,
    high: tl.tensor,
    low: tl.tensor,
    own: tl.tensor,
    peaks: tl.tensor,
    totals: tl.tensor,
    pulls: tl.tensor,
    codes: tl.tensor,
    count: tl.tensor,
    share: tl.tensor,
    gain: tl.tensor,
    half: tl.constexpr,
    has_own: tl.constexpr,
    slopes: tl.constexpr,
    farthest: tl.constexpr,
    row_count: tl.constexpr,
    step: tl.constexpr,
) -> None:
    """The same of every code's numbers each by itself: a program has one dimension.

    Args:
        centre: As `joint_kernel` has them, and so are the others that are not told.
        high: log2 of a density where the distance is 0, shape (D, N), and so `low`.
        peaks: Shape (shares, D, B), and so `totals` and `pulls`.
    """
    kind: tl.constexpr = root.dtype.element_ty
    light: tl.constexpr = pulls.dtype.element_ty
    rows = tl.program_id(0) * row_count + tl.arange(0, row_count)
    here = rows < codes
    dimension = tl.program_id(1)
    begin = tl.program_id(2) * share
    end = tl.minimum(begin + share, count)
    peak = tl.full([row_count], -1e30, dtype=kind)
    total = tl.zeros([row_count], dtype=tl.float64)
    pull = tl.zeros([row_count], dtype=light)
    c = tl.load(centre + dimension * codes + rows, mask=here, other=0.0).to(kind)
    o = tl.load(offset + dimension * codes + rows, mask=here, other=0.0).to(kind)
    if has_own:
        mine = tl.load(own + rows, mask=here, other=-1)
        more = tl.load(gain)
    for start in range(begin, end, step):
        cols = start + tl.arange(0, step)
        there = cols < end
        at = dimension * count + cols
        m = tl.load(mean + at, mask=there, other=0.0).to(kind)
        w = tl.load(root + at, mask=there, other=0.0)
        top = tl.load(high + at, mask=there, other=-1e30)
        s = _near(((c[:, None] - m[None, :]) + o[:, None]) * w[None, :], farthest)
        rest = tl.load(low + at, mask=there, other=0.0)[None, :] - half * s * s
        if has_own:
            rest += tl.where(cols[None, :] == mine[:, None], more, 0.0)
        higher = tl.maximum(peak, tl.max(tl.where(there[None, :], top[None, :] + rest, -1e30), axis=1))
        bits = (top[None, :] - higher[:, None]) + rest
        mass = tl.where(there[None, :], tl.exp2(bits.to(light)), 0.0)
        shrink = tl.exp2((peak - higher).to(light))
        total = total * shrink.to(tl.float64) + tl.sum(mass, axis=1).to(tl.float64)
        if slopes:
            pull = pull * shrink + tl.sum(mass * (s * w[None, :]).to(light), axis=1)
        peak = higher
    place = (tl.program_id(2) * tl.num_programs(1) + dimension) * codes + rows
    tl.store(peaks + place, peak, mask=here)
    tl.store(totals + place, total, mask=here)
    if slopes:
        tl.store(pulls + place, pull, mask=here)
