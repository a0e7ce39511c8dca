"""Explicitness (Ridgeway and Mozer, 2018, section 3): whether a linear classifier can read a factor off the code.

For every value of a factor a logistic regression tells it from the rest, by the whole code; its score is the area
under its ROC curve, on examples that it was not fitted on, averaged over values and then factors. The area is given
as 2 area - 1, so that chance is 0. One value against the rest, linearly: the middle values of a factor that lies
along a line are not explicit.
"""

from typing import Any

import numpy as np

from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.measuring.disentanglement.score import Score, mean_over_factors


def explicitness(codes: Any, factors: Factors, *, seed: int = 0) -> Score:
    """How well linear classifiers read the factors off the code, as 2 area - 1: 1 best, 0 chance; may be negative.

    Args:
        codes: The posterior means, shape (N, D).
        factors: The examples' factors.
        seed: Of the halves, one to fit on and one to score on.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)] * 50)
        >>> score = explicitness(factors.index, factors)  # the second factor's middle value is no line's
        >>> [round(value, 1) for value in score.by_factor]
        [1.0, 0.7]
    """
    from sklearn.linear_model import LogisticRegression  # takes a second: only those who ask pay
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    array = codes_from(codes, factors)
    fit, test = factors.halves(np.random.default_rng(seed))
    by_factor = []
    for v, size in zip(factors.index.T, factors.sizes, strict=True):
        areas = []
        for value in range(size):
            reader = make_pipeline(StandardScaler(), LogisticRegression())
            reader.fit(array[fit], v[fit] == value)
            areas.append(roc_auc_score(v[test] == value, reader.decision_function(array[test])))
        by_factor.append(2 * float(np.mean(areas)) - 1)
    return mean_over_factors(by_factor)
