"""Kernel distance between two clouds of features (Binkowski et al., 2018, section 3): unbiased MMD^2.

    k(x, y) = (x . y / F + 1)^3
    MMD^2   = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j)

It is a U-statistic. By its Hoeffding decomposition, with f the witness E_x k(x, .) - E_y k(y, .) and S_xx, S_yy, S_xy
the mean squares of k less its means over either argument,

    Var = 4 var f(x) / M + 4 var f(y) / N + 2 S_xx / M^2 + 2 S_yy / N^2 + 4 S_xy / (M N)

The variance of an estimated witness exceeds that of f, by twice the second order in all; what is left without that
excess may come out below zero, and is then taken as zero. Both orders count: the first is zero where the laws agree.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.errors import BadData

BLOCK = 128
"""How many examples of one cloud are held against all of the other at a time."""


@dataclass(frozen=True)
class KernelDistance:
    """MMD^2, which may be negative, and its standard error."""

    value: float
    stderr: float


def kernel_distance(x: Tensor, y: Tensor) -> KernelDistance:
    """The kernel distance of features x, shape (M, F), and y, shape (N, F), independent of one another.

    Raises:
        BadData: Fewer than two examples on either side.

    Example:
        >>> x = torch.tensor([[0.0], [0.0]])
        >>> kernel_distance(x, x + 1).value  # 1 + 8 - 2, the cubes of 1, 2 and 1 among them and across
        7.0
    """
    x, y, m, n = x.double(), y.double(), len(x), len(y)
    if min(m, n) < 2:
        raise BadData(f"A kernel distance needs two examples or more on either side, got {m} and {n}.")
    xx, yy, xy = _Means.within(x), _Means.within(y), _Means.across(x, y)
    value = xx.mean + yy.mean - 2 * xy.mean
    witness = 4 * (xx.rows - xy.rows).var() / m + 4 * (yy.rows - xy.columns).var() / n
    second = 2 * xx.interaction / m**2 + 2 * yy.interaction / n**2 + 4 * xy.interaction / (m * n)
    first = (witness - 2 * second).clamp(min=0)
    return KernelDistance(float(value), float((first + second).sqrt()))


@dataclass(frozen=True, eq=False)
class _Means:
    """Of k between two clouds: its mean by row, (M,), by column, (N,), and that of its squares, ()."""

    rows: Tensor
    columns: Tensor
    squares: Tensor

    @classmethod
    def across(cls, x: Tensor, y: Tensor) -> "_Means":
        """Between the examples of two clouds; in blocks, so that no (M, N) is ever held."""
        rows, columns, squares = [], x.new_zeros(len(y)), x.new_zeros(())
        for some in x.split(BLOCK):
            k = _kernel(some @ y.T, x.shape[1])  # (B, N)
            rows.append(k.sum(1))
            columns += k.sum(0)
            squares += torch.dot(k.view(-1), k.view(-1))
        return cls(torch.cat(rows) / len(y), columns / len(x), squares / (len(x) * len(y)))

    @classmethod
    def within(cls, x: Tensor) -> "_Means":
        """Between different examples of one cloud."""
        m, every, own = len(x), cls.across(x, x), _kernel(x.square().sum(1), x.shape[1])
        rows = (m * every.rows - own) / (m - 1)
        return cls(rows, rows, (m * m * every.squares - own.square().sum()) / (m * (m - 1)))

    @property
    def mean(self) -> Tensor:
        """The mean of all."""
        return self.rows.mean()

    @property
    def interaction(self) -> Tensor:
        """S, the mean square of k less its means over either argument."""
        return self.squares - self.rows.square().mean() - self.columns.square().mean() + self.mean.square()


def _kernel(products: Tensor, features: int) -> Tensor:
    base = products.div_(features).add_(1)
    return base * base * base
