"""The FactorVAE score (Kim and Mnih, 2018, section 2): which factor is fixed, told by the dimension that stands still.

A vote fixes a factor k, draws L examples that share v_k, and names the dimension whose variance among them, over its
variance in all the data, is least. A majority vote says which factor a dimension stands for; the score is how often
that is right, on votes from examples that had no say in it. Collapsed dimensions, which always stand still, are out.
"""

from typing import Any

import numpy as np

from termwise.measuring.disentanglement.factors import Factors, codes_from
from termwise.measuring.disentanglement.fixing import Fixing, votes_by_factor
from termwise.measuring.disentanglement.score import Score
from termwise.measuring.elbo.active_units import ACTIVE_VARIANCE

MAJORITY = 2000
"""How many votes make the majority, and how many are scored."""

BATCH = 64
"""How many examples make a vote, L."""


def factor_vae_score(
    codes: Any,
    factors: Factors,
    *,
    votes: int = MAJORITY,
    batch: int = BATCH,
    least_variance: float = ACTIVE_VARIANCE,
    seed: int = 0,
) -> Score:
    """How often the steadiest dimension names the factor that is fixed: 1 best, 1/K chance.

    It is chance where every dimension is collapsed, too.

    Args:
        codes: The posterior means, shape (N, D).
        factors: The examples' factors, two or more.
        votes: How many make the majority, and as many are scored.
        batch: L, of a vote.
        least_variance: A dimension is collapsed where its variance over the data is no more.
        seed: Of the halves and the votes.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> factors = factors_from([[a, b] for a in range(2) for b in range(3)] * 50)  # 300 examples, independent
        >>> factor_vae_score(factors.index, factors, votes=200)
        Score(value=1.0, by_factor=(1.0, 1.0))
    """
    array = codes_from(codes, factors, least_factors=2)
    active = array[:, array.var(axis=0) > least_variance]
    rng = np.random.default_rng(seed)
    active = active / active.std(axis=0)
    majority, test = (
        _votes(active, factors, Fixing(factors, half, rng), votes_by_factor(votes, factors, rng), batch)
        for half in factors.halves(rng)
    )
    right = test[np.arange(len(test)), majority.argmax(axis=1)]  # (D,)
    by_factor = np.bincount(majority.argmax(axis=1), weights=right, minlength=factors.count) / test.sum(axis=0)
    return Score(float(right.sum() / test.sum()), tuple(by_factor.tolist()))


def _votes(codes: np.ndarray, factors: Factors, fixing: Fixing, counts: np.ndarray, batch: int) -> np.ndarray:
    """How many of a factor's votes name each dimension, shape (D, K); one nameless dimension where there is none."""
    named = []
    for k in range(factors.count):
        variance = codes[fixing.batches(k, int(counts[k]), batch)].var(axis=1)  # (votes of k, D)
        still = variance.argmin(axis=1) if codes.shape[1] else np.zeros(len(variance), dtype=np.int64)
        named.append(np.bincount(still, minlength=max(1, codes.shape[1])))
    return np.stack(named, axis=1)
