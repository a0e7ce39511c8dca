"""Separated attribute predictability (Kumar et al., 2018, section 3): a factor's best dimension against the next.

S_jk says how well v_k is told from z_j alone, and SAP = 1/K sum_k (the largest S_jk - the second largest). For a
factor with order S_jk is the squared correlation, the R^2 of a line; else the balanced accuracy of thresholds on
z_j, V_k - 1 of them at most, which a tree finds, on examples that it was not fitted on.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.measuring.disentanglement.score import Score, mean_over_factors


def sap(codes: Any, factors: Factors, *, ordered: Sequence[str] = (), seed: int = 0) -> Score:
    """The gap between the dimension that predicts a factor best and the next.

    Best: 1 for a factor with order, 1 - 1/V_k for one without, since 1/V_k is chance.

    Args:
        codes: The posterior means, shape (N, D).
        factors: The examples' factors.
        ordered: The names of those whose values stand for equal steps along a line.
        seed: Of the halves, one to fit on and one to score on.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)] * 50)  # 300 examples, independent
        >>> [round(value, 1) for value in sap(factors.index, factors).by_factor]  # at most 1/2 and 2/3
        [0.5, 0.7]
    """
    array = codes_from(codes, factors)
    halves = factors.halves(np.random.default_rng(seed))
    by_factor = []
    for v, size, name in zip(factors.index.T, factors.sizes, factors.names, strict=True):
        if name in ordered:
            predictability = [_squared_correlation(z, v) for z in array.T]
        else:
            predictability = [_balanced_accuracy(z, v, size, halves) for z in array.T]
        second, first = sorted(predictability)[-2:]
        by_factor.append(first - second)
    return mean_over_factors(by_factor)


def _squared_correlation(z: np.ndarray, v: np.ndarray) -> float:
    covariance = np.cov(z, v)
    variances = covariance[0, 0] * covariance[1, 1]
    return float(covariance[0, 1] ** 2 / variances) if variances > 0 else 0.0


def _balanced_accuracy(z: np.ndarray, v: np.ndarray, size: int, halves: tuple[np.ndarray, np.ndarray]) -> float:
    from sklearn.metrics import balanced_accuracy_score  # takes a second: only those who ask pay
    from sklearn.tree import DecisionTreeClassifier

    fit, test = halves
    tree = DecisionTreeClassifier(max_leaf_nodes=size, class_weight="balanced", random_state=0)
    tree.fit(z[fit, None], v[fit])
    return float(balanced_accuracy_score(v[test], tree.predict(z[test, None])))
