"""Bounds that any critic T gives of KL(left || right), from samples that it never saw.

    NWJ   E_left T - E_right e^T + 1       <= KL in expectation, however poor T   (Nguyen, Wainwright and Jordan, 2010)
    DV    E_left T - log E_right e^T       <= KL as samples grow; overshoots on few    (Donsker and Varadhan, 1983)

Both are the KL where T = log left/right. Each is given as one value for every pair of samples, so that a bound is their
mean and their spread is its error; a link's values by example are means of them over codes.
"""

import math

from torch import Tensor


def nwj(left: Tensor, right: Tensor) -> Tensor:
    """T_left - e^T_right + 1 by pair of samples, nats: their mean is the NWJ bound, a lower one in expectation.

    Args:
        left: T at samples of the left law, any shape.
        right: T at as many samples of the right law, of the same shape.

    Example:
        >>> import torch
        >>> nwj(torch.tensor([0.5, 1.5]), torch.tensor([0.0, 0.0])).mean()
        tensor(1.)
    """
    return left - right.exp() + 1


def donsker_varadhan(left: Tensor, right: Tensor) -> Tensor:
    """T_left - e^T_right / m + 1 - log m, with m the mean of e^T_right, by pair of samples, nats.

    Their mean is the DV bound, and their spread its error to first order (the influence function of a log mean).

    Args:
        left: T at samples of the left law, any shape.
        right: T at as many samples of the right law, of the same shape.

    Example:
        >>> import torch
        >>> left, right = torch.tensor([0.5, 1.5]), torch.tensor([2.0, 2.0])
        >>> donsker_varadhan(left, right).mean()  # a constant added to T everywhere changes nothing
        tensor(-1.)
    """
    log_mean = right.flatten().logsumexp(0) - math.log(right.numel())
    return left - (right - log_mean).exp() + 1 - log_mean
