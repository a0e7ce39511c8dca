"""Interventional robustness score (Suter et al., 2019, section 3): how little other factors move a dimension.

With a factor v_k held fixed and all others varying, dimension j strays from its mean by up to

    d_jk = E_{v_k}[sup |z_j - E(z_j|v_k)|],     against D_j = sup |z_j - E(z_j)| with nothing fixed,

so 1 - d_jk / D_j says how robust z_j is as a sign of v_k. The score is the average over dimensions of the best
factor's, weighted by D_j. Either sup is taken as the 99% quantile, which does not grow with the number of examples.
"""

from typing import Any

import numpy as np

from termwise.errors import Refused
from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.measuring.disentanglement.score import Score

QUANTILE = 0.99
"""The quantile that is taken for the sup."""


def irs(codes: Any, factors: Factors, *, quantile: float = QUANTILE) -> Score:
    """How little other factors move a dimension: 1 best; 0 where fixing a factor doesn't narrow any dimension's reach.

    Args:
        codes: The posterior means, shape (N, D).
        factors: The examples' factors, two or more.
        quantile: Taken for the sup.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)] * 50)  # 300 examples, independent
        >>> irs(factors.index, factors).value
        1.0
    """
    array = codes_from(codes, factors, least_factors=2)
    reach = _stray(array, quantile)  # (D,)
    moving = reach > 0
    if not moving.any():
        raise Refused("Every dimension is constant: there is nothing to be robust.")
    strays = np.zeros((array.shape[1], factors.count))
    for k, v in enumerate(factors.index.T):
        for rows in np.split(np.argsort(v, kind="stable"), np.cumsum(np.bincount(v))[:-1]):
            if len(rows):
                strays[:, k] += _stray(array[rows], quantile) * len(rows) / len(array)
    robust = 1 - strays[moving] / reach[moving, None]
    return Score(float(np.average(robust.max(axis=1), weights=reach[moving])))


def _stray(codes: np.ndarray, quantile: float) -> np.ndarray:
    return np.quantile(np.abs(codes - codes.mean(axis=0)), quantile, axis=0)
