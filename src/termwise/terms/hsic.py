"""The Hilbert-Schmidt independence criterion of groups of dimensions, as HSIC-VAE has it (Lopez et al., 2018).

HSIC of two groups is MMD^2 between their joint law and the product of its margins, under the product of two kernels.
Of n codes, with the kernels' matrices K and L whose diagonals are set to 0,

    HSIC = 1/(n (n - 3)) [tr KL + 1'K1 1'L1 / ((n - 1)(n - 2)) - 2/(n - 2) 1'KL1]

is unbiased (Song et al., 2012, eq. 5). Of more than two groups the pairs are summed: 0 where every pair is independent.
"""

from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.block_law import dimensions_of_code
from termwise.models.draw import Draw
from termwise.terms.groups import Groups
from termwise.terms.kernel import KERNELS, KernelFunction
from termwise.terms.laws import Law

LEAST = 4
"""The fewest codes of which there is an unbiased HSIC."""


def pairwise_hsic(groups: list[Tensor], kernel: KernelFunction) -> Tensor:
    """Unbiased HSIC summed over the pairs of groups, in squared kernel units, shape (); may be negative.

    Args:
        groups: Samples of each group, shape (n, D_g), row by row of the same codes.
        kernel: (M, D), (N, D) -> (M, N).
    """
    n = len(groups[0])
    away = 1 - torch.eye(n, dtype=groups[0].dtype, device=groups[0].device)
    matrices = torch.stack([kernel(z, z) * away for z in groups])  # (G, n, n)
    rows = matrices.sum(2)
    whole = rows.sum(1)
    traces = matrices.flatten(1) @ matrices.flatten(1).T  # (G, G)
    products = whole.unsqueeze(1) * whole / ((n - 1) * (n - 2))
    values = (traces + products - 2 / (n - 2) * (rows @ rows.T)) / (n * (n - 3))
    return values.triu(diagonal=1).sum()


class HSIC:
    """How much groups of dimensions depend on each other, pair by pair, to a kernel: not in nats.

    Args:
        kernel: One of `KERNELS`, by name, or a function (M, D), (N, D) -> (M, N).
        options: The kernel's own, where it is named.

    Example:
        >>> from termwise.terms import Groups, Link
        >>> Link("aggregate", Groups([[0, 1], [2]]), HSIC()).name
        'group_correlation_hsic'
    """

    name = "hsic"
    quantity, unit = "HSIC", "HSIC"

    def __init__(self, kernel: str | KernelFunction = "rbf", **options: Any) -> None:
        if options and not isinstance(kernel, str):
            raise Refused(f"Options are for a kernel that is named; got {kernel!r} with {', '.join(options)}.")
        self.kernel: KernelFunction = KERNELS.build(kernel, **options) if isinstance(kernel, str) else kernel
        self.label = f"HSIC, {type(self.kernel).__name__}"

    def check(self, left: Law, right: Law) -> None:
        """From the aggregate to the product of some of its margins."""
        if left.name != "aggregate" or right.name not in ("groups", "marginals"):
            raise Refused(
                f"HSIC is of the aggregate and its groups, or its marginals; got {left.name} -> {right.name}. "
                "There use MonteCarlo, or, to the prior, Kernel."
            )

    def bias(self, link: str) -> str:
        """No bias; what is small may be estimated below 0."""
        return "unbiased; may be negative"

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (); in squared kernel units."""
        if len(draw) < LEAST:
            raise Refused(f"HSIC needs a batch of {LEAST} examples or more; got {len(draw)}. Raise batch_size.")
        z = left.sample(draw)
        if isinstance(right, Groups):
            groups = right.dimensions_of(draw)
        else:
            groups = [list(range(z.shape[1])[one.numbers]) for one in dimensions_of_code(draw.posterior)]
        return pairwise_hsic([z[:, group] for group in groups], self.kernel)
