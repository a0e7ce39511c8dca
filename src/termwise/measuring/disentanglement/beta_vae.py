"""The beta-VAE score (Higgins et al., 2017, appendix A.4): which factor is fixed, told by a linear classifier.

A vote fixes a factor k, draws L pairs of examples, each pair sharing a v_k of its own, and hands on the pairs' mean
|mu(x) - mu(x')|; the classifier, a logistic regression that is hardly regularised, tells k from it. The score is its
accuracy on votes from examples that it has never seen. It also rewards codes that leave out a factor (told by
elimination; Kim and Mnih, 2018, section 4).
"""

from typing import Any

import numpy as np

from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.measuring.disentanglement.fixing import Fixing, votes_by_factor
from termwise.measuring.disentanglement.score import Score

VOTES = 2000
"""How many votes the classifier learns from, and on how many it is scored."""

PAIRS = 64
"""How many pairs of examples make a vote, L."""


def beta_vae_score(codes: Any, factors: Factors, *, votes: int = VOTES, pairs: int = PAIRS, seed: int = 0) -> Score:
    """The accuracy with which a linear classifier tells which factor is fixed: 1 best, 1/K chance.

    Args:
        codes: The posterior means, shape (N, D); each dimension is divided by its standard deviation.
        factors: The examples' factors, two or more.
        votes: How many to fit on, and as many to score on.
        pairs: L, of a vote.
        seed: Of the halves and the votes.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)] * 50)  # 300 examples, independent
        >>> beta_vae_score(factors.index, factors, votes=200)
        Score(value=1.0, by_factor=(1.0, 1.0))
    """
    from sklearn.linear_model import LogisticRegression  # takes a second: only those who ask pay

    array = codes_from(codes, factors, least_factors=2)
    spread = array.std(axis=0)
    array = array / np.where(spread > 0, spread, 1)
    rng = np.random.default_rng(seed)
    (x, y), (test_x, test_y) = (
        _votes(array, factors, Fixing(factors, half, rng), votes_by_factor(votes, factors, rng), pairs)
        for half in factors.halves(rng)
    )
    right = LogisticRegression(C=100.0, max_iter=2000).fit(x, y).predict(test_x) == test_y
    by_factor = [float(right[test_y == k].mean()) for k in range(factors.count)]
    return Score(float(right.mean()), tuple(by_factor))


def _votes(
    codes: np.ndarray, factors: Factors, fixing: Fixing, counts: np.ndarray, pairs: int
) -> tuple[np.ndarray, np.ndarray]:
    """The votes, shape (votes, D), and the factors that were fixed for them, shape (votes,)."""
    votes = []
    for k in range(factors.count):
        first, second = fixing.pairs(k, int(counts[k]), pairs)
        votes.append(np.abs(codes[first] - codes[second]).mean(axis=1))
    return np.concatenate(votes), np.repeat(np.arange(factors.count), counts)
