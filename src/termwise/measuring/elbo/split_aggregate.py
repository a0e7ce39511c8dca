"""log q(z) at codes of the data, with and without a code's own example: what the points say, and what they stand for.

Of a code z_n ~ q(z|x_n) are held log q(z_n|x_n) and, for each of P random parts of the data, the log of

    sum_{m in the part, m != n} q(z_n|x_m),

for the joint and for every dimension. From these one pass gives log q(z) under every choice of examples, and of the
weight w of the own one among them:

    log q_w(z_n) = log [w q(z_n|x_n) + sum_{m != n} q(z_n|x_m)] - log(w + how many others)

With w = 1 and all examples it is the empirical aggregate's. With w = 0 it is unbiased for q(z), so that by Jensen's
inequality its log is biased down; with w = 1 its log is biased up where z_n comes from x_n (Poole et al., 2019).

Where every law would have to be asked by itself, c others at random stand for all N - 1. The own example at 1/N of
the mass then makes q_w(z) unbiased for the q(z) of the N points, and its log biased down; at 1/(c + 1) the code is of
one of c + 1 points alike, so that by Gibbs' inequality no density is higher on average, that of the N points included.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.measuring.elbo.data_posteriors import DataPosteriors, components_by_block
from termwise.measuring.elbo.mixture_posteriors import without
from termwise.models.codes import Codes
from termwise.terms.aggregate.mixture import SURE, log_density

PARTS = 4


@dataclass(frozen=True)
class LogAggregate:
    """log q(z), or log q(z_j), as far as it is needed: the own example, and the others by part of the data.

    Attributes:
        own: log q(z_n|x_n), shape (B,) or (B, D), float64.
        others: The log of the others' sum by part, shape (B, P) or (B, D, P).
        count: How many others there are in a part, shape (B, P) or (B, 1, P).
        size: N.
    """

    own: Tensor
    others: Tensor
    count: Tensor
    size: int

    def of_points(self) -> Tensor:
        """log q(z) of the N points themselves, shape (B,) or (B, D): exact, or the one near it of `between`."""
        found = self.between()
        return found[..., found.shape[-1] // 2]

    @property
    def whole(self) -> bool:
        """Whether all N examples are there."""
        return bool((self.count.sum(-1) == self.size - 1).all())

    def between(self) -> Tensor:
        """log q(z) of the N points themselves: exact, with a last axis of 1; or below, near and above it, of 3.

        Above and below are bounds in expectation. Near has the own example half way between its masses in these, whose
        biases up and down cancel to first order in 1/c.
        """
        if self.whole:
            return self.with_own(1.0).unsqueeze(-1)
        count = self.count.sum(-1)
        mass = 0.5 / self.size + 0.5 / (count + 1)
        weights = count / (self.size - 1), mass * count / (1 - mass), torch.ones_like(count)
        return torch.stack([self.with_own(weight) for weight in weights], -1)

    def with_own(self, weight: float | Tensor) -> Tensor:
        """log q(z) with the own example at a weight, beside all others that there are, shape (B,) or (B, D)."""
        return log_mixture(self.own, self.others, self.count, own_weight=weight)

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


def log_mixture(own: Tensor, others: Tensor, count: Tensor, own_weight: float | Tensor) -> Tensor:
    """log q_w(z_n) at codes, with the own example at weight w; `others` and `count` by part, over the last axis."""
    weight = torch.as_tensor(own_weight, dtype=torch.float64, device=own.device)
    return torch.logaddexp(others.logsumexp(-1), own + weight.log()) - (count.sum(-1) + weight).log()


class SplitAggregate:
    """The posteriors of N examples, or of some of them, dealt at random into parts.

    Args:
        posteriors: Those of every example, in order of their index.
        parts: How many.
        laws: How many examples, chosen at random, stand for all; None for all of them.
    """

    def __init__(self, posteriors: DataPosteriors, parts: int = PARTS, laws: int | None = None) -> None:
        order = torch.randperm(len(posteriors), generator=torch.Generator().manual_seed(0))
        if laws is not None:
            order = torch.randperm(len(posteriors))[:laws]
        order = order.to(posteriors.device)
        self.size = len(posteriors)
        self.part = order.new_zeros(self.size)  # of every example, and its place there; -1 of one that does not stand
        self.place = order.new_full((self.size,), -1)
        self.posteriors = []
        for p, rows in enumerate(order.tensor_split(min(parts, len(order)))):
            self.part[rows] = p
            self.place[rows] = torch.arange(len(rows), device=rows.device)
            self.posteriors.append(posteriors.at(rows))
        self.sums = [part.summed() for part in self.posteriors]
        self.blocks = [components_by_block(part) for part in self.posteriors]
        self.sizes = torch.tensor([len(part) for part in self.posteriors], device=order.device)

    def joint(self, codes: Codes, index: Tensor, own: Tensor) -> LogAggregate:
        """log q(z) of codes, shape (B, D), of the examples at `index`; `own` their log q(z|x), shape (B,)."""
        others = [part.joint(codes, self._place(index, p)) for p, part in enumerate(self.sums)]
        return _log_aggregate(own, others, self._count(index), self.size)

    def by_dimension(self, codes: Codes, index: Tensor, own: Tensor) -> LogAggregate:
        """log q(z_j) of codes, as `joint` takes them; `own` their log q(z_j|x), shape (B, D)."""
        others = [part.by_dimension(codes, self._place(index, p), own) for p, part in enumerate(self.sums)]
        return _log_aggregate(own, others, self._count(index).unsqueeze(1), self.size)

    def of_block(self, block: int, codes: Codes, index: Tensor, own: Tensor) -> LogAggregate:
        """log q(z_b) of one block, of posteriors that are of blocks, as `joint` takes codes and `own`."""
        others = []
        for p, blocks in enumerate(self.blocks):
            one, numbers = blocks[block]
            others.append(
                log_density(codes.columns(numbers), one, without(self._place(index, p)), tolerance=SURE).double()
            )
        return _log_aggregate(own, others, self._count(index), self.size)

    def _place(self, index: Tensor, part: int) -> Tensor:
        """Where examples stand in a part; -1 where they do not."""
        return torch.where(self.part[index] == part, self.place[index], -1)

    def _count(self, index: Tensor) -> Tensor:
        own = torch.nn.functional.one_hot(self.part[index], len(self.posteriors))
        return (self.sizes - own * (self.place[index] >= 0).unsqueeze(1)).double()


def _log_aggregate(own: Tensor, others: list[Tensor], count: Tensor, size: int) -> LogAggregate:
    """The same with the others stacked; of an example alone in its part there are none, so that their sum is 0."""
    return LogAggregate(own.double(), torch.stack(others, -1).masked_fill(count == 0, -math.inf), count, size)
