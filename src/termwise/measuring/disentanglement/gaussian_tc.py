"""Gaussian total correlation (Locatello et al., 2019, section 5.4): that of the normal law with the code's covariance.

    TC = 1/2 (sum_j log A_jj - log|A|),

A the covariance of the posterior means, or of the aggregate q(z), which is that of the means plus the mean of the
posteriors' own. It needs no factors, and sees linear dependence only.
"""

import numpy as np

from termwise.measuring.disentanglement.score import Score

SINGULAR = 1e-12
"""Of a correlation matrix: eigenvalues as small are rounding."""


def gaussian_tc(means: np.ndarray, within: np.ndarray | None = None, weights: np.ndarray | None = None) -> Score:
    """The total correlation of the normal law with the code's covariance, in nats, >= 0.

    Infinite where a dimension is a linear function of others. Constant dimensions are left out.

    Biased up by about D (D - 1) / 4N, as it is of N examples.

    Args:
        means: The posterior means, float64, shape (N, D).
        within: The posteriors' variances, shape (N, D), or covariances, (N, D, D): for the aggregate.
        weights: On the examples, shape (N,); equal where left out.

    Example:
        >>> means = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
        >>> round(gaussian_tc(means).value, 4)  # -1/2 log(1 - r^2), r = 1/3
        0.0589
    """
    weights = np.ones(len(means)) if weights is None else weights
    weights = weights / weights.sum()
    centred = means - weights @ means
    covariance = (centred * weights[:, None]).T @ centred
    if within is not None:
        own = np.tensordot(weights, within, axes=1)
        covariance = covariance + (own if own.ndim == 2 else np.diag(own))
    variance = covariance.diagonal()
    moving = variance > SINGULAR * variance.max()
    scale = np.sqrt(variance[moving])
    eigenvalues = np.linalg.eigvalsh(covariance[np.ix_(moving, moving)] / np.outer(scale, scale))
    if (eigenvalues < SINGULAR).any():
        return Score(float("inf"))
    return Score(max(0.0, float(-0.5 * np.log(eigenvalues).sum())))
