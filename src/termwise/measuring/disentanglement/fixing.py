"""Examples that share the value of one factor, and differ as they do in the data in the others.

This stands in for a simulator that renders examples with one factor fixed, and so works for any data whose factors
are known, full grid or not: the value is that of a random example, and those that share it are drawn from all that
have it. Whole batches share one value (Kim and Mnih, 2018), or the two of each pair do (Higgins et al., 2017).
"""

import numpy as np

from termwise.measuring.disentanglement.factors import Factors


class Fixing:
    """Draws examples that share the value of one factor, in batches or in pairs, among some rows.

    Args:
        factors: Of all examples.
        rows: The rows to draw among, shape (M,).
        rng: The randomness.
    """

    def __init__(self, factors: Factors, rows: np.ndarray, rng: np.random.Generator) -> None:
        self._index, self._rng = factors.index[rows], rng
        self._rows = [rows[np.argsort(v, kind="stable")] for v in self._index.T]  # by factor, its values together
        self._counts = [np.bincount(v, minlength=size) for v, size in zip(self._index.T, factors.sizes, strict=True)]
        self._starts = [np.cumsum(counts) - counts for counts in self._counts]

    def batches(self, k: int, count: int, size: int) -> np.ndarray:
        """Rows of `count` batches of `size` examples that share v_k, drawn with replacement: (count, size)."""
        start, alike = self._values(k, (count, 1))
        return self._rows[k][start + self._below(np.repeat(alike, size, axis=1))]

    def pairs(self, k: int, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of `count` batches of `size` pairs, each pair sharing a v_k of its own, of two examples."""
        start, alike = self._values(k, (count, size))
        first = self._below(alike)
        second = (first + 1 + self._below(alike - 1)) % alike
        return self._rows[k][start + first], self._rows[k][start + second]

    def _values(self, k: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Where the examples of random values of v_k begin, and how many there are; both of the shape."""
        value = self._index[self._rng.integers(len(self._index), size=shape), k]
        return self._starts[k][value], self._counts[k][value]

    def _below(self, limit: np.ndarray) -> np.ndarray:
        """Whole numbers from 0 to limit - 1, each drawn under its own limit."""
        return (self._rng.random(limit.shape) * limit).astype(np.int64)


def votes_by_factor(votes: int, factors: Factors, rng: np.random.Generator) -> np.ndarray:
    """How many votes each factor is fixed for, where each vote's factor is drawn uniformly: shape (K,)."""
    return rng.multinomial(votes, np.full(factors.count, 1 / factors.count))
