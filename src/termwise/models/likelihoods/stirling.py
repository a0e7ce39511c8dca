"""Log-densities with factorials, to the precision of their arguments for numbers of any size (after Loader, 2000).

The plain formulas take the difference of numbers near k log k, which in float32 is off by a nat at a million counts.
Here what is large has been cancelled by hand. With the error of Stirling's formula, and the deviance,

    S(k) = log k! - (k + 1/2) log k + k - 1/2 log 2 pi,            D(k, m) = k (m / k - 1 - log(m / k)),

a Poisson of mean m has log p(k) = -S(k) - D(k, m) - 1/2 log(2 pi k), and a negative binomial of mean m and variance
m + m^2 / theta, with n = theta + k and s = theta + m,

    log p(k) = S(n) - S(k) - S(theta) - D(k, n m / s) - D(theta, n theta / s) + 1/2 log(theta / (2 pi n k)).

A beta of mean a / (a + b), with n = a + b, has

    log p(x) = S(n) - S(a) - S(b) - D(a, n x) - D(b, n (1 - x)) + 1/2 log(a b / (2 pi n)) - log x (1 - x).
"""

import math

import torch
from torch import Tensor

MANY = 16.0
"""From here Stirling's series is used, whose next term is 1e-12."""
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def log_poisson(count: Tensor, log_mean: Tensor) -> Tensor:
    """log p(k) of a Poisson, of the arguments' common shape, nats; minus infinity is the log of a mean of 0.

    Example:
        >>> log_poisson(torch.tensor([0.0, 2.0]), torch.zeros(2))  # -1, and -1 - log 2
        tensor([-1.0000, -1.6931])
    """
    some = count.clamp(min=1)
    log_some = some.log()
    certain = _stirling_error(some) + 0.5 * log_some + _HALF_LOG_TWO_PI
    return torch.where(count > 0, -_deviance(some, log_mean - log_some) - certain, -log_mean.exp())


def log_negative_binomial(count: Tensor, log_mean: Tensor, log_theta: Tensor) -> Tensor:
    """log p(k) of a negative binomial of variance m + m^2 / theta, of the arguments' common shape, nats.

    Example:
        >>> log_negative_binomial(torch.tensor([0.0, 1.0]), torch.zeros(2), torch.zeros(2)).exp()  # 1/2 and 1/4
        tensor([0.5000, 0.2500])
    """
    theta, some = log_theta.exp(), count.clamp(min=1)
    log_some, log_all = some.log(), (theta + some).log()
    log_share = log_all - torch.logaddexp(log_theta, log_mean)  # log(n / s)
    deviance = _deviance(some, log_mean + log_share - log_some) + _deviance(theta, log_share)
    certain = _stirling_error(some) + 0.5 * log_some + _HALF_LOG_TWO_PI
    among = _stirling_error(theta + some) - 0.5 * log_all - deviance - certain
    none = -theta * torch.logaddexp(log_mean.new_zeros(()), log_mean - log_theta)
    return torch.where(count > 0, among + (0.5 * log_theta - _stirling_error(theta)), none)


def log_beta(x: Tensor, log_a: Tensor, log_b: Tensor) -> Tensor:
    """log p(x) of a beta of concentrations a and b, of the arguments' common shape, nats; for x in (0, 1).

    Example:
        >>> log_beta(torch.tensor([0.25]), torch.zeros(1), torch.tensor([2.0]).log()).exp()  # 2 (1 - x)
        tensor([1.5000])
    """
    log_x, log_rest, log_all = x.log(), (-x).log1p(), torch.logaddexp(log_a, log_b)
    a, b = log_a.exp(), log_b.exp()
    deviance = _deviance(a, log_all + log_x - log_a) + _deviance(b, log_all + log_rest - log_b)
    errors = _stirling_error(a + b) - _stirling_error(a) - _stirling_error(b)
    return errors - deviance + 0.5 * (log_a + log_b - log_all) - _HALF_LOG_TWO_PI - log_x - log_rest


def _deviance(k: Tensor, log_ratio: Tensor) -> Tensor:
    """D(k, m) of log(m / k)."""
    return k * (log_ratio.expm1() - log_ratio)


def _stirling_error(k: Tensor) -> Tensor:
    """S(k), for any k > 0."""
    few, inverse = k.clamp(max=MANY), 1 / k.clamp(min=MANY)
    exact = (few + 1).lgamma() - (few + 0.5) * few.log() + few - _HALF_LOG_TWO_PI
    square = inverse.square()
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return torch.where(k < MANY, exact, series)
