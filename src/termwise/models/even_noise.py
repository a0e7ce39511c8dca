"""Standard normal noise that is spread evenly, for moments that must not jitter."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine


@lru_cache(maxsize=8)
def even_noise(count: int, size: int) -> Tensor:
    """Standard normal noise, shape (count, size), from a scrambled Sobol sequence: always the same.

    Where there is enough of it, its mean is 0 and its covariance I, so that moments of what is linear in it are exact.

    Example:
        >>> torch.allclose(even_noise(100, 2).T.cov(), torch.eye(2, dtype=torch.float64))
        True
    """
    even = SobolEngine(size, scramble=True, seed=0).draw(count, dtype=torch.float64)
    noise = torch.special.ndtri(even.clamp(1e-9, 1 - 1e-9))
    if count <= 2 * size:
        return noise
    noise = noise - noise.mean(0)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(torch.atleast_2d(noise.T.cov())), noise.T, upper=False).T
