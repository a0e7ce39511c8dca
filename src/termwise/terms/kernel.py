"""Kernel discrepancy between two sampled laws (Gretton et al., 2012, eq. 3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.registry import Makers, Row
from termwise.terms.laws import Law
from termwise.values import PositiveFinite

KernelFunction = Callable[[Tensor, Tensor], Tensor]
"""A kernel k: of codes (M, D) and (N, D), the values of all pairs, (M, N)."""


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a_m - b_n|^2 of a, shape (M, D), and b, shape (N, D): shape (M, N)."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square()


@dataclass(frozen=True)
class RBF:
    """k(a, b) = exp(-|a - b|^2 / (2 h^2)).

    Args:
        bandwidth: h; sqrt(D) where left out, so that two independent standard normal codes are e^-1 alike on average.

    Example:
        >>> RBF(bandwidth=1.0)(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        tensor([[1.0000, 0.3679]])
    """

    bandwidth: PositiveFinite | None = None

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """k of all pairs of codes a, shape (M, D), and b, shape (N, D): shape (M, N)."""
        square = a.shape[1] if self.bandwidth is None else self.bandwidth**2
        return (-squared_distances(a, b) / (2 * square)).exp()


@dataclass(frozen=True)
class IMQ:
    """Inverse multiquadric, sum_s C_s / (C_s + |a - b|^2) with C_s = 2 D s (Tolstikhin et al., 2018, section 4).

    Args:
        scales: The s over which the kernel is summed.

    Example:
        >>> IMQ(scales=(1.0,))(torch.zeros(1, 1), torch.tensor([[0.0], [2.0]]))
        tensor([[1.0000, 0.3333]])
    """

    scales: tuple[PositiveFinite, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """k of all pairs of codes a, shape (M, D), and b, shape (N, D): shape (M, N)."""
        squares = squared_distances(a, b)
        constants = [2.0 * a.shape[1] * scale for scale in self.scales]
        return torch.stack([c / (c + squares) for c in constants]).sum(0)


KERNELS: Makers[Row] = Makers(
    "kernel",
    "termwise.kernels",
    [
        Row("imq", IMQ, "inverse multiquadrics, summed over scales"),
        Row("rbf", RBF, "a Gaussian of a bandwidth"),
    ],
)
"""Kernels by name; a row makes a function (M, D), (N, D) -> (M, N) from its options."""


def mmd2(a: Tensor, b: Tensor, kernel: KernelFunction) -> Tensor:
    """Unbiased squared MMD, in kernel units, shape (); may be negative.

    Args:
        a: Samples of the left law, shape (M, D).
        b: Samples of the right law, shape (N, D).
        kernel: (M, D), (N, D) -> (M, N).
    """
    m, n = len(a), len(b)
    k_aa, k_bb = kernel(a, a), kernel(b, b)
    within_a = (k_aa.sum() - k_aa.trace()) / (m * (m - 1))
    within_b = (k_bb.sum() - k_bb.trace()) / (n * (n - 1))
    return within_a + within_b - 2 * kernel(a, b).mean()


class Kernel:
    """MMD^2 between two laws over codes that can be sampled: in kernel units, not in nats.

    Args:
        kernel: One of `KERNELS`, by name, or a function (M, D), (N, D) -> (M, N).
        options: The kernel's own, where it is named.

    Example:
        >>> from termwise.terms import Link
        >>> Link("aggregate", "prior", Kernel("rbf", bandwidth=0.5)).name
        'marginal_mmd2'
    """

    name = "kernel"
    quantity, unit = "MMD^2", "MMD^2"

    def __init__(self, kernel: str | KernelFunction = "imq", **options: Any) -> None:
        if options and not isinstance(kernel, str):
            raise Refused(f"Options are for a kernel that is named; got {kernel!r} with {', '.join(options)}.")
        self.kernel: KernelFunction = KERNELS.build(kernel, **options) if isinstance(kernel, str) else kernel
        self.label = f"kernel, {type(self.kernel).__name__}"

    def check(self, left: Law, right: Law) -> None:
        """Samples are compared as two clouds, so neither law may be another for every x."""
        for law in (left, right):
            if law.given_x:
                raise Refused(
                    f"Kernel compares two clouds of codes, and the {law.name} law is another for every x. "
                    f"For {left.name} -> {right.name} use MonteCarlo, or, to the prior, ClosedForm."
                )

    def bias(self, link: str) -> str:
        """No bias; a squared discrepancy that is small may be estimated below 0."""
        return "unbiased; may be negative"

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (); in kernel units."""
        if len(draw) < 2:
            raise Refused("MMD^2 needs a batch of two examples or more; got one. Raise batch_size.")
        return mmd2(left.sample(draw), right.sample(draw), self.kernel)
