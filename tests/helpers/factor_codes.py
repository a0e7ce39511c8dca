"""Factors on a full grid, so that each is uniform and all are independent, exactly; and codes made of them."""

import itertools

import numpy as np

from termwise.measuring.disentanglement import Factors, factors_from


def grid(*sizes: int, copies: int = 1) -> Factors:
    """Every combination of values, `copies` times."""
    cells = np.array(list(itertools.product(*(range(size) for size in sizes))))
    return factors_from(np.repeat(cells, copies, axis=0))


def perfect(factors: Factors) -> np.ndarray:
    """One dimension a factor, centred, in another order, at scales far apart."""
    centred = factors.index - factors.index.mean(axis=0)
    return (centred * 10.0 ** np.arange(factors.count))[:, ::-1]


def rotated(factors: Factors) -> np.ndarray:
    """The first two factors, mixed by 45 degrees; the others as they are."""
    centred = factors.index - factors.index.mean(axis=0)
    first, second = centred[:, 0], centred[:, 1]
    return np.stack([first + second, first - second, *centred.T[2:]], axis=1)


def random(factors: Factors, dimensions: int, seed: int = 0) -> np.ndarray:
    """Standard normal codes that know of no factor."""
    return np.random.default_rng(seed).standard_normal((len(factors), dimensions))
