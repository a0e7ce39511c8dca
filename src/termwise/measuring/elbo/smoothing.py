"""Any implicit posterior, convolved with a normal: a posterior as valid as it, whose ELBO has bounds.

    q_h(z|x) = E_{u ~ q(z|x)} N(z; u, diag h^2)

q_h has a last Gaussian layer, of scale h, so that the sandwich applies: A_h >= E_{q_h} log q_h >= B_h. Its ELBO is
under log p(x), as every posterior's is. And it says of q itself: noise added to a code cannot lower the entropy, so
that E_q log q >= E_{q_h} log q_h, and

    ELBO(q_h) >= E_{q_h} log p(x, z) - A_h,        ELBO(q) <= E_q log p(x, z) - B_h.

A large h moves the codes away from q's, a small one asks for more noises than there are. h is the multiple of the
posterior's own spread for which

    A_h - B_h + |E_q log p(x, z) - E_{q_h} log p(x, z)|

is least: then q_h is both near q and well known. (The h of the best ELBO would hide a posterior that is too narrow.)
Each half of the data chooses for the other, so that no example has a part in its own bound.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.measuring.elbo.sandwich import bounds, in_blocks, log_normal
from termwise.models.codes import Codes
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw

MULTIPLES = tuple(2 ** (0.5 * step) for step in range(2, -13, -1))  # of the posterior's spread: from 2 down to 1/64
LEAST = 1e-3
"""The least spread that a multiple is taken of, beside a prior of 1: a code that hardly varies is blurred by that."""
CHOOSERS = 128
"""Examples of each half that choose h."""


@dataclass(frozen=True)
class Smoothed:
    """q_h(z|x) of a batch.

    Attributes:
        posterior: q(z|x), batch shape (B,).
        last_scale: h, shape (B, D).
    """

    posterior: Distribution
    last_scale: Tensor

    def centres(self, count: int) -> Tensor:
        """Codes of q(z|x), shape (count, B, D)."""
        return self.posterior.sample(torch.Size([count]))


def chosen_scales(batches: DataPass, noises: int) -> Tensor:
    """h by example, shape (N, D), each chosen by examples of the other half of the data."""
    order = torch.randperm(len(batches))
    halves = order.tensor_split(2)
    scales: dict[int, Tensor] = {}
    for which, half in enumerate(halves):
        scales[1 - which] = _best_scale(batches.at(half[:CHOOSERS]), noises)
    result = scales[0].new_empty(len(batches), len(scales[0]))
    for which, half in enumerate(halves):
        result[half.to(result.device)] = scales[which]
    return result


def _best_scale(draw: Draw, noises: int) -> Tensor:
    """The h, shape (D,), that costs these examples least."""
    bare = Smoothed(draw.posterior, torch.zeros_like(draw.z))
    centres = torch.cat(list(in_blocks(bare, noises + 1)))
    own, others = centres[0], centres[1:]
    candidates = [multiple * centres.var(0).mean(0).sqrt().clamp(min=LEAST) for multiple in MULTIPLES]
    noise = torch.randn_like(own)
    log_joint = _log_joint(draw, own)
    costs = []
    for scale in candidates:
        codes = Codes(own, scale * noise)
        above, below = bounds(log_normal(codes, own, scale), log_normal(codes, others, scale))
        costs.append(float((above - below).mean() + (log_joint - _log_joint(draw, codes.z)).mean().abs()))
    return candidates[int(torch.tensor(costs).nan_to_num(torch.inf).argmin())]


def _log_joint(draw: Draw, z: Tensor) -> Tensor:
    """log p(x|z) + log p(z), shape (B,), float64."""
    log_likelihood = draw.model.generate(z, draw.context).log_prob(draw.target)
    return log_likelihood.double() + draw.prior.log_prob(z).double()
