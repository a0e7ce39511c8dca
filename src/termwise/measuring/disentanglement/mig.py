"""Mutual information gap (Chen et al., 2018, eq. 6): how far a factor's best dimension is ahead of the next.

MIG = 1/K sum_k (I(z_j1; v_k) - I(z_j2; v_k)) / H(v_k),     j1, j2 the two dimensions that say the most of v_k.
"""

import numpy as np

from termwise.measuring.disentanglement.information import Information
from termwise.measuring.disentanglement.score import Score, mean_over_factors


def mig(information: Information, weights: np.ndarray | None = None) -> Score:
    """The gap, a share of each factor's entropy in the data at hand: 1 best, 0 where two dimensions say the same.

    Biased up where nothing is said, since the first of several equals is ahead by chance.

    Args:
        information: From `mixture_information`, or `binned_information`.
        weights: On the examples, shape (N,); equal where left out.
    """
    shared, entropy = information.mean(np.ones(len(information)) if weights is None else weights)
    second, first = np.sort(shared, axis=0)[-2:]
    return mean_over_factors(((first - second) / entropy).tolist())
