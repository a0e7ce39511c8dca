"""Active units: the latent dimensions whose posterior mean moves with x (Burda et al., 2016, section 4)."""

from collections.abc import Sequence

from torch import Tensor

from termwise.account.reading import Reading, reading_without_error

ACTIVE_VARIANCE = 0.01
"""A unit is active where the mean of its posterior varies over x by more than this (Burda et al., 2016, section 4)."""


def active_units(means: Tensor, again: Tensor, dimensions: Sequence[slice] = ()) -> Reading:
    """How many dimensions are active, of posterior means over a data set.

    Args:
        means: E[z|x], shape (N, D).
        again: The same; or where means are estimated, an independent estimate, so that the covariance of the two over
            x is an unbiased estimate of the variance.
        dimensions: Which numbers each dimension has, where some have several: one of categories is active where a
            probability varies so much.

    Example:
        >>> import torch
        >>> means = torch.tensor([[1.0, 0.01], [-1.0, 0.0], [0.0, 0.02]])
        >>> active_units(means, means).value
        1.0
    """
    one, other = (m.double() - m.double().mean(0) for m in (means, again))
    varies = (one * other).sum(0) / (len(means) - 1) > ACTIVE_VARIANCE
    active = sum(bool(varies[part].any()) for part in dimensions) if dimensions else int(varies.sum())
    return reading_without_error(
        "active_units",
        float(active),
        estimator=f"variance of the posterior mean over x above {ACTIVE_VARIANCE}",
        bias="a count, by threshold",
        n=len(means),
    )
