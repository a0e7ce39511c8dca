"""Mutual information gap (Chen et al., 2018, eq. 6): how far a factor's best dimension is ahead of the next.

MIG = 1/K sum_k (I(z_j1; v_k) - I(z_j2; v_k)) / H(v_k),     j1, j2 the two dimensions that say the most of v_k.
"""

import numpy as np

from termwise.measuring.disentanglement.information import Information
from termwise.measuring.disentanglement.score import Score, mean_over_factors


def mig(information: Information, weights: np.ndarray | None = None) -> Score:
    """How far a factor's best dimension is ahead of the next, as a share of its entropy: 1 best, 0 where they tie.

    The entropy is that of the data at hand. Biased up where nothing is said, since the first of several equals is
    ahead by chance.

    Args:
        information: From `mixture_information`, or `binned_information`.
        weights: On the examples, shape (N,); equal where left out.

    Example:
        >>> from termwise.measuring.disentanglement import binned_information, factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)])
        >>> round(mig(binned_information(factors.index, factors)).value, 6)
        1.0
        >>> both_mixed = np.stack([factors.index.sum(1), factors.index.sum(1)], axis=1)
        >>> mig(binned_information(both_mixed, factors)).value
        0.0
    """
    shared, entropy = information.mean(np.ones(len(information)) if weights is None else weights)
    second, first = np.sort(shared, axis=0)[-2:]
    return mean_over_factors(((first - second) / entropy).tolist())
