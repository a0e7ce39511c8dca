"""Disentanglement, completeness, informativeness (Eastwood and Williams, 2018, section 2).

A forest of bagged trees tells each factor from the whole code; R_jk is the importance that it gives dimension j, the
share of the fall in Gini impurity. With P_jk = R_jk / sum_k R_jk and Q_jk = R_jk / sum_j R_jk,

    disentanglement = sum_j rho_j (1 - H_K(P_j)),   rho_j = sum_k R_jk / sum R,     entropies in units of log K
    completeness_k = 1 - H_D(Q_k),                                                  and of log D
    informativeness_k = the forest's accuracy on examples that it was not fitted on.

All dimensions are open to every split, and the least number of examples in a leaf is the one that cross-validates best:
a forest that is denied dimensions at random, or grown further than the data bears, puts importance on noise.
"""

from typing import Any

import numpy as np
from scipy.special import entr

from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.measuring.disentanglement.score import Score, mean_over_factors

TREES = 10
"""How many trees make a factor's forest."""

LEAVES = (2, 10, 40)
"""The least numbers of examples in a leaf that are chosen among, by cross-validation."""


def dci(codes: Any, factors: Factors, *, trees: int = TREES, seed: int = 0) -> dict[str, Score]:
    """Disentanglement, completeness and informativeness by name; 1 best.

    Chance is 0 but for the informativeness, whose is the commonest value's frequency.

    Args:
        codes: The posterior means, shape (N, D).
        factors: The examples' factors; with one alone there is no disentanglement.
        trees: Of each factor's forest.
        seed: Of the halves and the forests.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(2)] * 50)
        >>> {name: score.value for name, score in dci(factors.index, factors, trees=2).items()}
        {'disentanglement': 1.0, 'completeness': 1.0, 'informativeness': 1.0}
    """
    from sklearn.ensemble import RandomForestClassifier  # takes a second: only those who ask pay
    from sklearn.model_selection import GridSearchCV

    array = codes_from(codes, factors)
    rng = np.random.default_rng(seed)
    fit, test = factors.halves(rng)
    importance, accuracy = np.empty((array.shape[1], factors.count)), []
    for k, v in enumerate(factors.index.T):
        forest = RandomForestClassifier(trees, max_features=None, random_state=int(rng.integers(2**31)))
        search = GridSearchCV(forest, {"min_samples_leaf": LEAVES}, cv=2).fit(array[fit], v[fit])
        importance[:, k] = search.best_estimator_.feature_importances_
        accuracy.append(search.score(array[test], v[test]))
    return dci_of(importance) | {"informativeness": mean_over_factors(accuracy)}


def dci_of(importance: np.ndarray) -> dict[str, Score]:
    """Completeness, and disentanglement where there are two factors or more, of importances R, shape (D, K)."""
    dimensions, factors = importance.shape
    scores = {"completeness": mean_over_factors(_sharpness(importance.T, dimensions).tolist())}
    if factors > 1:
        weight = importance.sum(axis=1) / max(importance.sum(), np.finfo(float).tiny)
        scores = {"disentanglement": Score(float(weight @ _sharpness(importance, factors)))} | scores
    return scores


def _sharpness(importance: np.ndarray, outcomes: int) -> np.ndarray:
    """1 - entropy of each row in units of log `outcomes`; 0 for a row of zeros, which prefers none."""
    rows = np.where(importance.sum(axis=1, keepdims=True) > 0, importance, 1.0)
    shares = rows / rows.sum(axis=1, keepdims=True)
    return 1 - entr(shares).sum(axis=1) / np.log(outcomes)
