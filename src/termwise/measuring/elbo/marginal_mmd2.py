"""How unlike the prior the codes are, to a kernel: MMD^2(q(z), p(z)), a reading of accounts of 16 examples or more.

    MMD^2 = E k(z, z') - 2 E k(z, t) + E k(t, t'),     z, z' ~ q(z) of different examples,  t, t' ~ p(z)

k is the sum of inverse multiquadrics that WAE-MMD is trained by (Tolstikhin et al., 2018), C_s / (C_s + |a - b|^2) with
C_s = 2 D s: the same in every account of codes of D dimensions, so that runs can be compared. Of pairs of codes it is
a U-statistic (Gretton et al., 2012, lemma 6), with the means over a normal prior in closed form up to an integral,

    C / (C + r^2) = int_0^oo e^-u e^(-c r^2) du,     c = u / C
    E_t e^(-c |z - t|^2) = w^(-D/2) e^(-c |z - m|^2 / w),     w = 1 + 2 c s^2,  t ~ N(m, s^2 I)

Over another prior they are of as many samples as there are codes. Codes are paired within blocks of at most `BLOCK`,
chosen at random: what more pairs would tell is second order in 1/N.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from termwise.account.reading import Reading, reading_of
from termwise.models.distributions import innermost, samples
from termwise.terms.kernel import IMQ

BLOCK = 256
"""How many codes are paired with one another, at the most."""
LEAST = 16
"""Under so many examples there is no reading: its error would be of too few pairs (of two examples, 0)."""
ESTIMATOR = "U-statistic of codes, inverse multiquadrics of 7 scales"
BIAS = "unbiased for the population; may be below 0 by chance"


def marginal_mmd2(codes: Tensor, prior: Distribution) -> tuple[Reading, Tensor] | None:
    """The reading, and its values by example, shape (N,); None of too few, or where a prior cannot be sampled.

    Args:
        codes: One of every example, round by round, shape (S, N, D).
        prior: p(z), event shape (D,).

    Example:
        >>> from torch.distributions import Independent
        >>> prior = Independent(Normal(torch.zeros(2), 1.0), 1)
        >>> reading, _ = marginal_mmd2(torch.randn(1, 4000, 2, generator=torch.Generator().manual_seed(0)), prior)
        >>> abs(reading.value) < 4 * reading.stderr
        True
    """
    if prior.batch_shape or codes.shape[1] < LEAST:
        return None
    kernel, rounds = IMQ(), []
    for z in codes.double():
        own = _means_over_prior(kernel, z, prior)
        try:
            drawn = samples(prior, len(z)).to(z) if own is None else None
        except NotImplementedError:
            return None
        rounds.append(_with_others(kernel, z, drawn, own))
    mean_of_pairs = torch.stack(rounds).mean(0)
    values = 2 * mean_of_pairs - mean_of_pairs.mean()  # to first order, what each example moves the mean by
    return reading_of(values, "marginal_mmd2", estimator=ESTIMATOR, bias=BIAS), values


def _with_others(kernel: IMQ, z: Tensor, drawn: Tensor | None, own: tuple[Tensor, Tensor] | None) -> Tensor:
    """The mean, over the other codes of its block, of what each code has with them, shape (N,).

    Args:
        kernel: k.
        z: Codes, shape (N, D).
        drawn: As many of the prior; None where the means over it are known.
        own: These: E_t k(z, t), shape (N,), and E k(t, t').
    """
    means = z.new_empty(len(z))
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))
    for block in order.tensor_split(math.ceil(len(z) / BLOCK)):
        pairs = kernel(z[block], z[block])
        if drawn is None:
            assert own is not None
            to_prior, within_prior = own[0][block], own[1]
            pairs = pairs - to_prior - to_prior.unsqueeze(1) + within_prior
        else:
            across = kernel(z[block], drawn[block])
            pairs = pairs - across - across.T + kernel(drawn[block], drawn[block])
        means[block] = (pairs.sum(1) - pairs.diagonal()) / (len(block) - 1)
    return means


def _means_over_prior(kernel: IMQ, z: Tensor, prior: Distribution) -> tuple[Tensor, Tensor] | None:
    """E_t k(z, t), shape (N,), and E k(t, t'), of a normal prior as wide in every dimension; None of any other."""
    law = innermost(prior)
    if type(law) is not Normal or prior.event_shape != z.shape[1:]:
        return None
    variance, dimensions = law.scale.to(z).square().expand(z.shape[1:]), z.shape[1]
    if not bool((variance == variance[0]).all()):
        return None
    square = (z - law.loc.to(z)).square().sum(1)
    to_prior, within_prior = torch.zeros_like(square), torch.zeros_like(square[:1])
    log_u = torch.arange(-24.0, 4.0, 0.25, dtype=z.dtype, device=z.device)  # of the trapezoid, in log u
    u, weight = log_u.exp(), 0.25 * (log_u - log_u.exp()).exp()
    for scale in kernel.scales:
        c = u / (2.0 * dimensions * scale)
        wider, widest = (1 + 2 * times * c * variance[0] for times in (1, 2))
        log_volume = -0.5 * dimensions * wider.log()
        to_prior += _integral(square, c / wider, log_volume, weight)
        within_prior += ((-0.5 * dimensions * widest.log()).exp() * weight).sum()
    return to_prior, within_prior


def _integral(square: Tensor, slope: Tensor, log_volume: Tensor, weight: Tensor) -> Tensor:
    """sum_u w_u exp(v_u - s_u |z|^2), shape (N,), for |z|^2 of shape (N,), a part at a time."""
    parts = square.unsqueeze(1).split(8192)
    return torch.cat([(log_volume - part * slope).exp() @ weight for part in parts])
