"""Modularity (Ridgeway and Mozer, 2018, eq. 2): whether a dimension speaks of one factor only.

    1 - sum_{k != k*} I(z_j; v_k)^2 / (I(z_j; v_k*)^2 (K - 1)),     k* the factor of which z_j says the most,

averaged over the dimensions. It doesn't ask whether a factor is in one dimension, and what a dimension that says
nothing scores is chance: the counts of bins lift I(z_j; v_k) the more, the more values v_k has.
"""

import numpy as np

from termwise.errors import Refused
from termwise.measuring.disentanglement.information import Information
from termwise.measuring.disentanglement.score import Score


def modularity(information: Information, weights: np.ndarray | None = None) -> Score:
    """Whether a dimension speaks of one factor only, averaged over those that speak: 1 best.

    It is 0 where each says the same of all factors.

    Args:
        information: From `binned_information` of the dimensions that are in use, as in the paper.
        weights: On the examples, shape (N,); equal where left out.

    Raises:
        Refused: There is one factor only, or no dimension says anything.

    Example:
        >>> from termwise.measuring.disentanglement import binned_information, factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)])
        >>> round(modularity(binned_information(factors.index, factors)).value, 6)
        1.0
    """
    shared, _ = information.mean(np.ones(len(information)) if weights is None else weights)
    factors = shared.shape[1]
    if factors < 2:
        raise Refused("Modularity compares factors, two or more; got one.")
    squares = np.square(shared[shared.max(axis=1) > 0])
    if not len(squares):
        raise Refused("No dimension says anything of any factor: there is nothing to call modular.")
    best = squares.max(axis=1)
    return Score(float(np.mean(1 - (squares.sum(axis=1) - best) / (best * (factors - 1)))))
