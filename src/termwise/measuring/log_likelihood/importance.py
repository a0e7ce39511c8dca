"""Importance weights of codes, and what they say of log p(x).

    w_s = p(x, z_s) / q(z_s|x),  z_s ~ q(z|x),  s = 1 ... S
    ELBO = E log w,    IWAE_S = E log 1/S sum_s w_s <= log p(x)

(Burda et al., 2016, eq. 8). The first error of IWAE_S is -Var(w) / (2 S p(x)^2): weights that collapse onto a few
samples make a loose bound, which the effective sample size (sum w)^2 / sum w^2 shows (Kong, 1992).
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.measuring.log_likelihood.densities import Joint
from termwise.models.codes import Codes, log_density_at
from termwise.models.distributions import in_double

AT_ONCE = 2048
"""Codes that the decoder sees at once."""


def weighed_codes(joint: Joint, proposal: Distribution, samples: int) -> tuple[Tensor, Tensor]:
    """`samples` codes for every example, shape (S, B, D), float64, and their log weights, shape (S, B), nats."""
    law = in_double(proposal) or proposal
    step = max(1, AT_ONCE // len(joint.x))
    codes, weights = list[Tensor](), list[Tensor]()
    for start in range(0, samples, step):
        drawn = Codes.of(law, min(step, samples - start)).detached()
        codes.append(drawn.exact)
        weights.append(joint(drawn.exact) - log_density_at(law, drawn).double())
    return torch.cat(codes), torch.cat(weights)


def log_weights(joint: Joint, proposal: Distribution, samples: int) -> Tensor:
    """log p(x, z) - log q(z|x) of `samples` codes for every example: nats, shape (S, B)."""
    return weighed_codes(joint, proposal, samples)[1]


def log_mean_exp(weights: Tensor) -> Tensor:
    """log 1/S sum_s w_s from log weights of shape (S, B): nats, shape (B,); a lower bound of log E w in expectation."""
    return torch.logsumexp(weights, 0) - math.log(len(weights))


def effective_sample_size(weights: Tensor) -> Tensor:
    """(sum w)^2 / sum w^2 from log weights of shape (S, B): 1 to S, shape (B,)."""
    return (2 * torch.logsumexp(weights, 0) - torch.logsumexp(2 * weights, 0)).exp()


def jackknife(weights: Tensor) -> Tensor:
    """`log_mean_exp` less its first-order bias: S L_S - (S - 1) mean of the leave-one-outs (Nowozin, 2018, eq. 12).

    Nats, shape (B,); no bound, of order S^-2 off where the weights have moments, and of no use where they collapse.
    """
    count = len(weights)
    if count < 2:
        return log_mean_exp(weights)
    total = torch.logsumexp(weights, 0)
    share = (weights - total).exp()
    without = total + torch.log1p(-share.clamp(max=0.75))  # (S, B)
    largest = weights.argmax(0, keepdim=True)  # where 1 - share cancels, add the others up anew
    others = torch.logsumexp(weights.scatter(0, largest, -math.inf), 0, keepdim=True)
    without = without.scatter(0, largest, others)
    return count * log_mean_exp(weights) - (count - 1) * (without.mean(0) - math.log(count - 1))
