"""Fréchet distance between two clouds of features, as if both were normal (Heusel et al., 2017, eq. 6).

    FD = |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2)

Estimated moments make it too large, by c/N to first order. The jackknife leaves out one of G groups of examples at a
time, FD_(g). It goes to infinitely many examples along that line in 1/N, as Chong and Forsyth (2020, section 4) do by
regression, but from N and N(1 - 1/G), near enough for the line to hold:

    FD_inf = mean_g P_g,    P_g = G FD - (G - 1) FD_(g),    stderr = sd_g(P_g) / sqrt(G)
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from termwise.errors import BadData

GROUPS = 20
"""How many groups of examples the jackknife leaves out, one at a time."""


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """FD of features a, shape (M, F), and b, shape (N, F), in squared units of the features; biased upwards.

    Example:
        >>> a = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
        >>> round(frechet_distance(a, a + 1), 6)  # one covariance, means apart by (1, 1)
        2.0
    """
    return between(MomentSums.of(a), MomentSums.of(b))


@dataclass(frozen=True, eq=False)
class MomentSums:
    """Sums over examples, float64, about some origin: count, sum, shape (F,), and sum of squares, (F, F)."""

    count: int
    total: Tensor
    squares: Tensor

    @classmethod
    def of(cls, x: Tensor, origin: Tensor | float = 0.0) -> "MomentSums":
        """The sums of features x, shape (N, F)."""
        x = x.double() - origin
        return cls(len(x), x.sum(0), x.T @ x)

    def __add__(self, other: "MomentSums") -> "MomentSums":
        return MomentSums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def __sub__(self, other: "MomentSums") -> "MomentSums":
        return MomentSums(self.count - other.count, self.total - other.total, self.squares - other.squares)

    @property
    def mean(self) -> Tensor:
        """The mean of the features, m, shape (F,)."""
        return self.total / self.count

    @property
    def covariance(self) -> Tensor:
        """The covariance of the features, C, shape (F, F), unbiased."""
        return (self.squares - torch.outer(self.mean, self.total)) / (self.count - 1)


def between(a: MomentSums, b: MomentSums) -> float:
    """FD of two sets of moments about the same origin.

    The root's trace is taken from the eigenvalues of a symmetric product, which are real and not below zero, where the
    root of C_a C_b itself may come out complex or fail (C_a of less than full rank).
    """
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp(min=0).sqrt().sum()
    gap = (a.mean - b.mean).square().sum()
    return float(gap + a.covariance.trace() + b.covariance.trace() - 2 * overlap)


@dataclass(frozen=True)
class Frechet:
    """FD as it is, extrapolated, and their standard error; `reach` of these make 95% on either side."""

    value: float
    extrapolated: float
    stderr: float
    reach: float


def jackknifed(a: Tensor, b: Tensor, groups: int = GROUPS) -> Frechet:
    """FD of features a, shape (M, F), and b, shape (N, F), each in random order.

    The standard error is that of the extrapolated value; where the laws agree it may be up to sqrt(2) too large.

    Raises:
        BadData: Fewer than two examples a group.
    """
    if min(len(a), len(b)) < 2 * groups:
        raise BadData(f"A Fréchet distance needs {2 * groups} examples or more on either side, got {len(a)}, {len(b)}.")
    origin = b.double().mean(0)
    parts = [[MomentSums.of(part, origin) for part in x.tensor_split(groups)] for x in (a, b)]
    whole_a, whole_b = (sum(some[1:], some[0]) for some in parts)
    value = between(whole_a, whole_b)
    without = [between(whole_a - part_a, whole_b - part_b) for part_a, part_b in zip(*parts, strict=True)]
    pseudo = groups * value - (groups - 1) * np.array(without)
    stderr = float(pseudo.std(ddof=1) / groups**0.5)
    return Frechet(value, float(pseudo.mean()), stderr, float(stdtrit(groups - 1, 0.975)))
