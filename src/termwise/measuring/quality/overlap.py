"""How far two clouds of features lie on one another, by balls around every point that hold its k nearest of its own.

With B_k(c) the ball around c that reaches its k-th nearest neighbour in its own cloud, of samples s_i and real r_j:

    precision_i = [s_i in some B_k(r_j)]         recall_j   = [r_j in some B_k(s_i)]     (Kynkaanniemi et al., 2019)
    density_i   = #{j: s_i in B_k(r_j)} / k      coverage_j = [some s_i in B_k(r_j)]     (Naeem et al., 2020)

For equal laws and as many samples as real examples, N, density is 1 and coverage 1 - prod_l (N - l) / (2N - l), l = 1
... k, in expectation, whatever the law. Precision and recall have no such value: they ask for real beside real.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.errors import BadData

NAMES = ("precision", "recall", "density", "coverage")
"""The names of the four, as `Overlap` and the readings have them."""

BLOCK = 128
"""How many samples are compared with all real examples at a time."""

ROUNDING = 1e-12
"""A share of the squared sizes within which two points are one, so that a copy is in a ball of radius 0."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """Precision, recall, density and coverage by example: of samples, shape (M,), or of real ones, (N,).

    Attributes:
        precision: Whether a sample lies in a real neighbourhood, shape (M,).
        recall: Whether a real example lies in a neighbourhood of the samples, shape (N,).
        density: In how many real neighbourhoods a sample lies, over k, shape (M,).
        coverage: Whether a real example's neighbourhood holds a sample, shape (N,).
    """

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor

    @property
    def means(self) -> dict[str, float]:
        """Each one's mean over examples, by name."""
        return {name: float(getattr(self, name).mean()) for name in NAMES}


def overlap(samples: Tensor, real: Tensor, neighbours: int = 5) -> Overlap:
    """Precision, recall, density and coverage of features, shapes (M, F) and (N, F); float64.

    Raises:
        BadData: A cloud has not more examples than neighbours.

    Example:
        >>> real = torch.arange(10.0).view(-1, 1)
        >>> overlap(torch.tensor([[0.2], [5.2], [90.0]]), real, neighbours=2).precision.tolist()
        [1.0, 1.0, 0.0]
    """
    if not 0 < neighbours < min(len(samples), len(real)):
        raise BadData(
            f"Expected from one neighbour to fewer than examples on either side; got {neighbours} neighbours of "
            f"{len(samples)} samples and {len(real)} real examples."
        )
    centre = real.double().mean(0)
    samples, real = samples.double() - centre, real.double() - centre
    slack = ROUNDING * max(float(x.square().sum(1).max()) for x in (samples, real))
    around_samples, around_real = (squared_radii(x, neighbours) + slack for x in (samples, real))
    precision, density = [], []
    recall, coverage = (torch.zeros(len(real), dtype=torch.bool, device=real.device) for _ in range(2))
    for some, radii in zip(samples.split(BLOCK), around_samples.split(BLOCK), strict=True):
        squared = _squared_distances(some, real)  # (B, N)
        inside = squared <= around_real
        precision.append(inside.any(1))
        density.append(inside.sum(1).double() / neighbours)
        coverage |= inside.any(0)
        recall |= (squared <= radii[:, None]).any(0)
    return Overlap(torch.cat(precision).double(), recall.double(), torch.cat(density), coverage.double())


def squared_radii(x: Tensor, neighbours: int) -> Tensor:
    """The squared distance of every point of x, shape (N, F), to its k-th nearest other, shape (N,)."""
    radii = []
    for start in range(0, len(x), BLOCK):
        squared = _squared_distances(x[start : start + BLOCK], x)
        squared.diagonal(start).fill_(torch.inf)
        radii.append(squared.topk(neighbours, largest=False).values[:, -1])
    return torch.cat(radii)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a_m - b_n|^2, shape (M, N), by one matrix product."""
    return (a.square().sum(1)[:, None] + b.square().sum(1)).addmm_(a, b.T, alpha=-2)
