"""Kernel discrepancy between two sampled laws (Gretton et al., 2012, eq. 3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

from termwise.errors import Refused
from termwise.models.distributions import innermost
from termwise.models.draw import Draw
from termwise.registry import Makers, Row
from termwise.terms.aggregate.memory import groups_of, index_of
from termwise.terms.laws import ConditionalLaw, Law
from termwise.values import PositiveFinite

KernelFunction = Callable[[Tensor, Tensor], Tensor]
"""A kernel k: of codes (M, D) and (N, D), the values of all pairs, (M, N)."""

MOST_IN_CLOSED_FORM = 2**22
"""Up to so many numbers, B x B x D, a kernel's mean over posteriors is had in closed form, and beyond at codes."""


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

    def between_normals(self, mean: Tensor, scale: Tensor) -> Tensor:
        """E k(z, z'), shape (B, B), of independent codes of N(mean_m, scale_m^2) and N(mean_n, scale_n^2), each (B, D).

        Example:
            >>> RBF(bandwidth=1.0).between_normals(torch.zeros(1, 1), torch.ones(1, 1))  # 1 / sqrt(3)
            tensor([[0.5774]])
        """
        square = mean.shape[1] if self.bandwidth is None else self.bandwidth**2
        variance = scale.square()
        of_difference = square + variance.unsqueeze(1) + variance  # (B, B, D)
        apart = (mean.unsqueeze(1) - mean).square() / of_difference
        return (-0.5 * (apart + (of_difference / square).log()).sum(2)).exp()


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


def mmd2_of_groups(z: Tensor, groups: Tensor, sizes: Tensor, kernel: KernelFunction) -> Tensor:
    """Unbiased sum_s p_s MMD^2(q(z|s), q(z)), in kernel units, shape (), of the groups that come twice; 0 of one.

    It is sum_s p_s E k(z, z') within s, less the same of all. Of two groups it is p (1 - p) MMD^2(q(z|0), q(z|1)).

    Args:
        z: Codes, shape (M, D).
        groups: The group of each, shape (M,), int64.
        sizes: How many examples of the data set each group has, shape (G,): p_s is its share.
        kernel: (M, D), (N, D) -> (M, N).

    Example:
        >>> z, groups = torch.tensor([[0.0], [0.1], [5.0], [5.1]]), torch.tensor([0, 0, 1, 1])
        >>> float(mmd2_of_groups(z, groups, torch.tensor([2, 2]), RBF(1.0))) > 0.4
        True
    """
    return within_less_all(kernel(z, z), groups, sizes)


def within_less_all(pairs: Tensor, groups: Tensor, sizes: Tensor) -> Tensor:
    """The mean of pairs within groups, sum_s p_s E k, less that of all, shape (), of the groups that come twice.

    Args:
        pairs: k of all pairs of codes, shape (M, M); none is paired with itself.
        groups: As `mmd2_of_groups` takes them.
        sizes: Likewise.
    """
    same = (groups.unsqueeze(1) == groups).to(pairs)  # (M, M)
    counts = same.sum(1)
    comes = (counts >= 2).to(pairs)
    of_group = comes / counts  # what a code adds to a sum over the groups that come
    share = sizes[groups].to(pairs) * comes
    share = share / (share * of_group).sum().clamp(min=1e-30)  # p_s of each code's own
    weights = same / (counts * (counts - 1)).clamp(min=1).unsqueeze(1) * share.unsqueeze(1)
    weights = weights - share.unsqueeze(1) * share / (counts.unsqueeze(1) * counts - same * counts).clamp(min=1)
    others = 1 - torch.eye(len(groups), dtype=pairs.dtype, device=pairs.device)
    several = of_group.sum() > 1.5
    return (weights * others * pairs).sum() * several


class Kernel:
    """MMD^2 between two laws over codes that can be sampled: in kernel units, not in nats.

    Between groups, an RBF is averaged over normal posteriors in closed form: at the codes of a batch, few a group,
    noise is more than what groups differ by, and a weight that is felt drowns the code of small data.

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
        """Samples are compared as clouds: neither law may be another for every x, but for every group of them."""
        if (left.name, right.name) == ("conditional", "aggregate"):
            return
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
        if left.name == "conditional":
            groups = groups_of(draw)
            sizes = torch.zeros_like(groups).scatter_add_(0, groups, torch.ones_like(groups))  # (N,); bincount reads
            return within_less_all(self._pairs(left, draw), groups[index_of(draw)], sizes)
        return mmd2(left.sample(draw), right.sample(draw), self.kernel)

    def _pairs(self, law: Law, draw: Draw) -> Tensor:
        """k of all pairs of a draw's codes, shape (B, B); or its mean over their posteriors, where that has a form."""
        normals = innermost(draw.posterior)
        if isinstance(self.kernel, RBF) and isinstance(law, ConditionalLaw) and isinstance(normals, Normal):
            mean, scale = normals.loc.flatten(1), normals.scale.flatten(1)
            if len(mean) * mean.numel() <= MOST_IN_CLOSED_FORM:
                return self.kernel.between_normals(mean, scale)
        z = law.sample(draw)
        return self.kernel(z, z)
