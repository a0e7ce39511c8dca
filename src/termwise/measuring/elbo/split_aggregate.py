"""log q(z) at codes of the data, with and without a code's own example: what the points say, and what they stand for.

Of a code z_n ~ q(z|x_n) are held log q(z_n|x_n) and, for each of P random parts of the data, the log of

    sum_{m in the part, m != n} q(z_n|x_m),

for the joint and for every dimension. From these one pass gives log q(z) under every choice of examples, and of the
weight w of the own one among them:

    log q_w(z_n) = log [w q(z_n|x_n) + sum_{m != n} q(z_n|x_m)] - log(w + how many others)

With w = 1 and all examples it is the empirical aggregate's. With w = 0 it is unbiased for q(z), so that by Jensen's
inequality its log is biased down; with w = 1 its log is biased up where z_n comes from x_n (Poole et al., 2019).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.measuring.elbo.data_posteriors import DataPosteriors
from termwise.models.codes import Codes

PARTS = 4


@dataclass(frozen=True)
class LogAggregate:
    """log q(z), or log q(z_j), as far as it is needed: the own example, and the others by part of the data.

    Attributes:
        own: log q(z_n|x_n), shape (B,) or (B, D), float64.
        others: The log of the others' sum by part, shape (B, P) or (B, D, P).
        count: How many others there are in a part, shape (B, P) or (B, 1, P).
    """

    own: Tensor
    others: Tensor
    count: Tensor

    def of_points(self) -> Tensor:
        """log q(z) of the N points themselves, shape (B,) or (B, D)."""
        return log_mixture(self.own, self.others, self.count, own_weight=1.0)

    def with_half_own(self, parts: int) -> Tensor:
        """log q(z) with the own example at half its weight, from a `1 / parts` of the data, averaged over such.

        Biased up by as much as down, to first order: E[log q_w] - E[log q] = (w - 1/2) chi^2 / K + O(1 / K^2).
        """
        by_part = [
            log_mixture(self.own, others, count, own_weight=0.5)
            for others, count in zip(self.others.chunk(parts, -1), self.count.chunk(parts, -1), strict=True)
        ]
        return torch.stack(by_part).mean(0)

    def of_others(self, share: float, fitted: Tensor) -> Tensor:
        """log [(1 - share) q_0(z_n) + share r(z_n)], r a density that x_n had no part in: a density fixed off x_n."""
        if share == 1:
            return fitted
        without = log_mixture(self.own, self.others, self.count, own_weight=0.0)
        return without if share == 0 else torch.logaddexp(without + math.log1p(-share), fitted + math.log(share))


def log_mixture(own: Tensor, others: Tensor, count: Tensor, own_weight: float) -> Tensor:
    """log q_w(z_n) at codes, with the own example at weight w; `others` and `count` by part, over the last axis."""
    total = others.logsumexp(-1)
    if own_weight:
        total = torch.logaddexp(total, own + math.log(own_weight))
    return total - (count.sum(-1) + own_weight).log()


class SplitAggregate:
    """The posteriors of N examples, dealt at random into parts.

    Args:
        posteriors: Those of every example, in order of their index.
        parts: How many.
    """

    def __init__(self, posteriors: DataPosteriors, parts: int = PARTS) -> None:
        order = torch.randperm(len(posteriors), generator=torch.Generator().manual_seed(0))
        order = order.to(posteriors.device)
        self.part = torch.empty_like(order)  # of every example, and its place there
        self.place = torch.empty_like(order)
        self.posteriors = []
        for p, rows in enumerate(order.tensor_split(min(parts, len(order)))):
            self.part[rows] = p
            self.place[rows] = torch.arange(len(rows), device=rows.device)
            self.posteriors.append(posteriors.at(rows))
        self.sums = [part.summed() for part in self.posteriors]
        self.sizes = torch.tensor([len(part) for part in self.posteriors], device=order.device)

    def joint(self, codes: Codes, index: Tensor, own: Tensor) -> LogAggregate:
        """log q(z) of codes, shape (B, D), of the examples at `index`; `own` their log q(z|x), shape (B,)."""
        others = [part.joint(codes, self._place(index, p)) for p, part in enumerate(self.sums)]
        return _log_aggregate(own, others, self._count(index))

    def by_dimension(self, codes: Codes, index: Tensor, own: Tensor) -> LogAggregate:
        """log q(z_j) of codes, as `joint` takes them; `own` their log q(z_j|x), shape (B, D)."""
        others = [part.by_dimension(codes, self._place(index, p), own) for p, part in enumerate(self.sums)]
        return _log_aggregate(own, others, self._count(index).unsqueeze(1))

    def _place(self, index: Tensor, part: int) -> Tensor:
        """Where examples stand in a part; -1 where they do not."""
        return torch.where(self.part[index] == part, self.place[index], -1)

    def _count(self, index: Tensor) -> Tensor:
        own = torch.nn.functional.one_hot(self.part[index], len(self.posteriors))
        return (self.sizes - own).double()


def _log_aggregate(own: Tensor, others: list[Tensor], count: Tensor) -> LogAggregate:
    """The same with the others stacked; of an example alone in its part there are none, so that their sum is 0."""
    return LogAggregate(own.double(), torch.stack(others, -1).masked_fill(count == 0, -math.inf), count)
