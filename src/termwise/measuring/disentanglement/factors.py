"""Codes and the factors that made the examples, checked and ready to count: v_k in 0 ... V_k - 1, k = 1 ... K."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from termwise.errors import BadData, Refused

LEAST = 2
"""How many examples of a value there must be in either half: that which a metric fits, and that which it scores."""


@dataclass(frozen=True, eq=False)
class Factors:
    """The values of K factors for each of N examples.

    Attributes:
        index: v, shape (N, K), int64.
        sizes: V_k, the number of values of each factor.
        names: The factors' names.

    Example:
        >>> factors = factors_from([[3, 0], [7, 0], [7, 1]], names=["shape", "side"])
        >>> factors.sizes, factors.index[:, 0].tolist()
        ((2, 2), [0, 1, 1])
    """

    index: np.ndarray
    sizes: tuple[int, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def count(self) -> int:
        """How many factors there are, K."""
        return len(self.sizes)

    def rows(self, rows: np.ndarray) -> "Factors":
        """The same factors of some of the examples."""
        return replace(self, index=self.index[rows])

    def surprisal(self) -> np.ndarray:
        """-log p(v_nk) under the frequencies of these examples, in nats, shape (N, K); its mean is H(v_k)."""
        columns = [-np.log(np.bincount(v)[v] / len(v)) for v in self.index.T]
        return np.stack(columns, axis=1)

    def halves(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The rows of two halves, drawn at random: one to fit on, one to score on.

        Raises:
            BadData: A value is too rare to be in both.
        """
        order = rng.permutation(len(self))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for name, size, column in zip(self.names, self.sizes, self.index.T, strict=True):
            least = min(np.bincount(column[half], minlength=size).min() for half in halves)
            if least < LEAST:
                raise BadData(
                    f"Factor {name!r} has {size} values, and one of them is {least} times among the {len(order) // 2} "
                    f"examples of a half; expected {LEAST} or more. Measure on more examples (a higher limit, fewer "
                    "repeats), or leave this factor out."
                )
        return halves


def factors_from(values: Any, names: Sequence[str] = ()) -> Factors:
    """Factors from whole numbers, shape (N, K), in any coding.

    Args:
        values: A tensor or array.
        names: Of the K factors; "factor 0", ... where left out.

    Raises:
        BadData: They are no such numbers, or a factor has one value only and so says nothing.

    Example:
        >>> factors_from([[0, 1], [1, 1]], names=["shape", "still"])
        Traceback (most recent call last):
        termwise.errors.BadData: Leave out what never varies: one value only of still among 2 rows.
    """
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if array.ndim != 2 or array.dtype.kind not in "biu" or array.size == 0:
        raise BadData(f"Expected factors of shape (N, K), whole numbers, got {array.dtype} of shape {array.shape}.")
    chosen = tuple(names) or tuple(f"factor {k}" for k in range(array.shape[1]))
    if len(chosen) != array.shape[1]:
        raise BadData(f"Expected {array.shape[1]} names, one a factor, got {len(chosen)}.")
    coded = [np.unique(column, return_inverse=True) for column in array.T]
    sizes = tuple(len(distinct) for distinct, _ in coded)
    constant = [name for name, size in zip(chosen, sizes, strict=True) if size < 2]
    if constant:
        raise BadData(f"Leave out what never varies: one value only of {', '.join(constant)} among {len(array)} rows.")
    return Factors(np.stack([index.reshape(-1) for _, index in coded], axis=1).astype(np.int64), sizes, chosen)


def codes_from(codes: Any, factors: Factors, *, least_factors: int = 1) -> np.ndarray:
    """Codes as float64, shape (N, D), checked against the factors.

    Raises:
        BadData: They are no such numbers, or not one a row of the factors.
        Refused: Fewer than two dimensions, or fewer factors than the metric compares.
    """
    array = np.asarray(codes.detach().cpu() if isinstance(codes, Tensor) else codes)
    if array.ndim != 2 or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise BadData(f"Expected codes of shape (N, D), finite numbers, got {array.dtype} of shape {array.shape}.")
    if len(array) != len(factors):
        raise BadData(f"Expected one code for each of the {len(factors)} rows of factors, got {len(array)}.")
    if array.shape[1] < 2:
        raise Refused("A code of one dimension has nothing to be disentangled from; expected two or more.")
    if factors.count < least_factors:
        raise Refused(f"This metric compares factors, {least_factors} or more; got one: {factors.names[0]}.")
    return array.astype(np.float64)
