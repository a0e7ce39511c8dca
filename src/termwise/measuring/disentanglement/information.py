"""How much a code's dimension says of a factor: I(z_j; v_k), as the mean of a quantity that each example has.

    I(z_j; v_k) = E[log q(z_j|v_k) / q(z_j)],     q(z_j|v_k) = sum_n q(z_j|x_n) p(x_n|v_k)

with q either the exact mixture of the posteriors, at codes z ~ q(z|x) (Chen et al., 2018, eq. 5 and appendix C), or
the frequencies of bins of the posterior means. Through q itself I has no first-order error, so that resampling the
examples' own quantities gives its standard error.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from termwise.errors import BadData
from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.models.codes import Codes
from termwise.terms.aggregate.convolution import log_marginals
from termwise.terms.aggregate.mixture import Gaussians

BINS = 20
"""How many equal bins there are over each dimension's range."""


@dataclass(frozen=True, eq=False)
class Information:
    """How much each of N examples tells of each factor in each dimension, in nats.

    Attributes:
        pointwise: log q(z_nj|v_nk) / q(z_nj), shape (N, D, K).
        surprisal: -log p(v_nk), shape (N, K).

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)])
        >>> information = binned_information(factors.index, factors)
        >>> shared, entropy = information.mean(np.ones(6))
        >>> shared.round(3).tolist(), entropy.round(3).tolist()
        ([[0.693, 0.0], [0.0, 1.099]], [0.693, 1.099])
    """

    pointwise: np.ndarray
    surprisal: np.ndarray

    def __len__(self) -> int:
        return len(self.surprisal)

    def mean(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means over examples of given weights, (N,): I(z_j; v_k), shape (D, K), and H(v_k), shape (K,)."""
        _, dimensions, factors = self.pointwise.shape
        information = weights @ self.pointwise.reshape(len(self), -1) / weights.sum()
        return information.reshape(dimensions, factors), weights @ self.surprisal / weights.sum()


def mixture_information(z: Tensor | Codes, components: Gaussians, factors: Factors) -> Information:
    """Information under the exact mixtures; biased up where few examples share a value, as each counts its own part.

    Args:
        z: A code of every example, z_n ~ q(z|x_n), shape (N, D).
        components: The examples' posteriors, in the same order.
        factors: The examples' factors.

    Raises:
        BadData: There isn't one code and one posterior for each example.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)])
        >>> z = torch.tensor(factors.index, dtype=torch.float64)  # codes without noise, of posteriors far apart
        >>> information = mixture_information(z, Gaussians(z, torch.full_like(z, 0.01)), factors)
        >>> information.mean(np.ones(6))[0].diagonal().round(3).tolist()  # log 2 and log 3
        [0.693, 1.099]
    """
    codes = Codes.at(z)
    codes_from(codes.z, factors)
    if len(components) != len(codes):
        raise BadData(f"Expected the posterior of every code: {len(codes)} posteriors, got {len(components)}.")
    joint = log_marginals(components)(codes)
    pointwise = torch.empty(*joint.shape, factors.count, dtype=torch.float64)
    for k, size in enumerate(factors.sizes):
        for value in range(size):
            rows = torch.from_numpy(np.flatnonzero(factors.index[:, k] == value)).to(codes.z.device)
            alike = Gaussians(components.mean[rows], components.spread[rows])
            given = log_marginals(alike)(codes[rows])
            pointwise[rows.cpu(), :, k] = (given.double() - joint[rows].double()).cpu()
    return Information(pointwise.numpy(), factors.surprisal())


def binned_information(codes: Tensor | np.ndarray, factors: Factors, bins: int = BINS) -> Information:
    """Information under the frequencies of equal bins over each dimension's range; biased up by (bins-1)(V_k-1)/2N.

    Args:
        codes: The posterior means, shape (N, D).
        factors: The examples' factors.
        bins: How many.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[0], [0], [1], [1]])
        >>> codes = np.array([[-1.0, 0.0], [-0.9, 1.0], [0.9, 0.0], [1.0, 1.0]])  # the first dimension tells all
        >>> binned_information(codes, factors, bins=2).pointwise.mean(axis=0).round(3).tolist()
        [[0.693], [0.0]]
    """
    array = codes_from(codes, factors)
    pointwise = np.empty((*array.shape, factors.count))
    for j, column in enumerate(array.T):
        edges = np.linspace(column.min(), column.max(), bins + 1)
        place = np.searchsorted(edges[1:-1], column, side="right")
        alone = np.bincount(place, minlength=bins)[place]
        for k, size in enumerate(factors.sizes):
            value = factors.index[:, k]
            cell = place * size + value
            both, frequency = np.bincount(cell)[cell], np.bincount(value)[value]
            pointwise[:, j, k] = np.log(both * len(array) / (alone * frequency))
    return Information(pointwise, factors.surprisal())
