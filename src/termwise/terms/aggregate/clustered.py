"""log q(z) of many codes over many Gaussians, clusters of which are passed over where they cannot count.

Components are sorted into clusters by halving at the median of the dimension in which their means spread most, over and
over. Of a cluster c are kept the box of its means, its largest standard deviations s_cj and its highest densities, so
that at any code

    log sum_{n in c} N(z; mu_n, Sigma_n)  <=  U_c(z) = log sum_{n in c} N(0; 0, Sigma_n) - 1/2 sum_j (d_cj / s_cj)^2

with d_cj the distance of z_j from the box; of full covariances the largest term stands for the sum, s_cj being of the
marginals. Every code is taken under the cluster that it would be in, which gives a bound from below; then, cluster by
cluster, under those that count: all others, at the code, are together less than LEFT_OUT of it by their U_c. A code is
taken as it would be under all (`single_precision.py`), and is as sure. Where the first codes need most clusters, as
they do where posteriors are wide, or clusters few, all are asked at once.
"""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.mixture import SURE, CodesDone, log_density
from termwise.terms.aggregate.parallel import one_by_one, threads_for
from termwise.terms.aggregate.single_precision import SINGLE_FIRST, SumInSingle
from termwise.terms.aggregate.singles import BITS, GROUP

CLUSTER = 8 * GROUP
"""The components of a cluster, at the most: of fewer the bounds are tighter, and cost more than they save."""
CODES = 2**14
"""The codes that are taken at a time, so that many need the same cluster."""
AT_ONCE = 2**11
"""The codes that are taken under a cluster at a time."""
MOST_OF_CLUSTER = 1 / 4
"""The share of a cluster that may be taken exactly, one by one."""
NUMBERS = 2**21
"""The distances of codes from boxes, by dimension, that are held at a time."""
PAYS = 0.5
"""The share of the pairs, needed at first, from which all are asked."""
LEFT_OUT = 1e-6
"""What the clusters that are passed over are together, of the density, at the most."""


def clusters_pay(codes: int, components: Gaussians) -> bool:
    """Whether so many codes are better asked cluster by cluster: every cluster is then asked by many.

    Example:
        >>> clusters_pay(10, Gaussians(torch.zeros(2, 1), torch.ones(2, 1)))
        False
    """
    on_cpu = components.device.type == "cpu" and SINGLE_FIRST.taken
    return on_cpu and min(codes, len(components) // 4) >= CODES // 4


class Clusters:
    """N Gaussians in clusters, as constants that stand still.

    Args:
        components: They may not change afterwards.
        size: The components of a cluster, at the most.

    Attributes:
        asked: The share of all pairs of a code and a component that the last `log_density` asked for.

    Example:
        >>> mean = torch.randn(5000, 2)
        >>> clusters = Clusters(Gaussians(mean, torch.full((5000, 2), 0.01)))
        >>> clusters.log_density(mean, LogWeights.uniform(5000)).shape, clusters.asked < 0.5
        (torch.Size([5000]), True)
    """

    def __init__(self, components: Gaussians, size: int = CLUSTER) -> None:
        self.components, self.asked = components, 1.0
        self.halves = Halves(components.mean, size, GROUP)
        self.rows = self.halves.heaps
        self.sorted = components.at(torch.cat(self.rows))
        self.place = torch.empty_like(self.sorted.mean[:, 0], dtype=torch.long)
        self.place[torch.cat(self.rows)] = torch.arange(len(components), device=self.place.device)
        sizes = [len(rows) for rows in self.rows]
        self.starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.ends = torch.cat([self.starts[1:], torch.tensor([len(self.sorted.singles().intercept)])])
        means, scales = self.sorted.mean.double().split(sizes), self.sorted.scale.double().split(sizes)
        self.low, self.high = (torch.stack([getattr(m, end)(0) for m in means]) for end in ("amin", "amax"))
        self.widest = torch.stack([scale.amax(0) for scale in scales])
        self.highest = torch.stack([of.logsumexp(0) for of in self.sorted.height.split(sizes)])

    def __len__(self) -> int:
        return len(self.rows)

    def bounds(self, z: Tensor) -> Tensor:
        """U_c(z), float64, shape (B, C), nats, of codes of shape (B, D)."""
        apart = torch.maximum(self.low - z.unsqueeze(1), z.unsqueeze(1) - self.high).clamp_(min=0)
        terms = apart.div_(self.widest).square_()
        energy = terms.sum(2) if self.components.spread.dim() == 2 else terms.amax(2)
        return self.highest - 0.5 * energy

    def log_density(
        self, z: Tensor | Codes, weights: LogWeights, *, tolerance: float = SURE, progress: CodesDone | None = None
    ) -> Tensor:
        """log q(z) of codes z, shape (B, D): shape (B,), nats, without a gradient, within `tolerance` and LEFT_OUT."""
        codes = Codes.at(z).detached()
        index = weights.index
        if index is not None:
            index = torch.where(index >= 0, self.place[index.clamp(min=0)], -1)
        values: list[Tensor] = []
        asked, dense = 0.0, False
        threads = threads_for(len(codes) * len(self.components), codes.centre.device)
        size = max(1, min(CODES, -(-len(codes) // threads)))
        starts = range(0, len(codes), size)
        for some in (starts[:threads], starts[threads:]):
            tasks = []
            for start in some:
                rows = slice(start, start + size)
                theirs = replace(weights, index=None if index is None else index[rows])
                tasks.append(partial(self._of_some, codes[rows], theirs, tolerance, dense))
            for value, share in one_by_one(tasks, threads):
                values.append(value)
                asked += share * len(value)
                if progress is not None:
                    progress(sum(map(len, values)), len(codes))
            dense = asked > PAYS * sum(map(len, values))
        self.asked = asked / max(len(codes), 1)
        return torch.cat(values).to(codes.z.dtype)

    def _of_some(self, codes: Codes, weights: LogWeights, tolerance: float, dense: bool) -> tuple[Tensor, float]:
        """log q(z) of codes, float64, and the share of the pairs that were asked."""
        if dense:
            return log_density(codes.in_double(), self.sorted, weights, tolerance=tolerance), 1.0
        sweep = SumInSingle(codes, self.sorted, weights, False, tolerance)
        sweep.most, sweep.most_groups = MOST_OF_CLUSTER, 1.0
        home = self.halves.heap_of(codes.exact).unsqueeze(1)
        asked = self._take(sweep, torch.zeros(len(codes), len(self), dtype=torch.bool).scatter_(1, home, True))
        least = sweep.peak.double() - sweep.delta - self._gain(weights) + math.log2(LEFT_OUT / len(self))
        needed = self._needed(codes.exact, least / BITS).scatter_(1, home, False)
        if float(needed.sum()) > PAYS * needed.numel():
            return log_density(codes.in_double(), self.sorted, weights, tolerance=tolerance), 1.0
        asked += self._take(sweep, needed)
        found = sweep.found()
        unsure = (~found.sure).nonzero().squeeze(1)
        if len(unsure):
            theirs = replace(weights, index=None if weights.index is None else weights.index[unsure])
            found.value[unsure] = log_density(codes[unsure].in_double(), self.sorted, theirs, tolerance=tolerance)
        asked += len(unsure) * len(self.components)
        return found.value, asked / (len(codes) * len(self.components))

    def _needed(self, z: Tensor, least: Tensor) -> Tensor:
        """Which clusters may be over `least`, shape (B,), at codes: shape (B, C); all, where that is no number."""
        rows = max(1, NUMBERS // self.low.numel())
        parts = zip(z.split(rows), least.split(rows), strict=True)
        return torch.cat([~(self.bounds(some) < its.unsqueeze(1)) for some, its in parts])

    def _take(self, sweep: SumInSingle, needed: Tensor) -> int:
        """Take in every cluster for the codes that need it, by `needed`, shape (B, C); how many pairs were asked."""
        pairs = 0
        for start, end, its in zip(self.starts.tolist(), self.ends.tolist(), needed.T, strict=True):
            for rows in its.nonzero().squeeze(1).split(AT_ONCE):
                if len(rows):
                    sweep.take_for(rows, start, end)
                    pairs += len(rows) * (end - start)
        return pairs

    @staticmethod
    def _gain(weights: LogWeights) -> float:
        """Bits by which a code's own component may weigh more than another, so that its cluster's bound is too low."""
        return 0.0 if weights.own is None else max(0.0, weights.own - weights.other) * BITS


class Halves:
    """Points, shape (N, D), halved at the median of the dimension in which they spread most, over and over.

    Args:
        points: Shape (N, D).
        most: So many points are in a heap at the most.
        multiple: Of how many points all heaps but the last are.

    Attributes:
        heaps: The rows of every heap.

    Example:
        >>> halves = Halves(torch.tensor([[0.0], [5.0], [1.0], [6.0]]), 2, 1)
        >>> [rows.tolist() for rows in halves.heaps], halves.heap_of(torch.tensor([[5.5], [0.5]])).tolist()
        ([[0, 2], [1, 3]], [1, 0])
    """

    def __init__(self, points: Tensor, most: int, multiple: int) -> None:
        self.heaps: list[Tensor] = []
        nodes: list[list[float]] = []  # dimension, where it is halved, and the nodes below and above; of a heap itself
        left = [(torch.arange(len(points), device=points.device), -1, 0)]
        heap_of_node = []
        while left:
            rows, parent, side = left.pop()
            here = len(nodes)
            if parent >= 0:
                nodes[parent][2 + side] = here
            if len(rows) <= most:
                nodes.append([0, math.inf, here, here])
                heap_of_node.append(len(self.heaps))
                self.heaps.append(rows)
                continue
            some = points[rows]
            dimension = int(some.var(0).argmax())
            line, order = some[:, dimension].sort(stable=True)
            half = max(multiple, round(len(rows) / 2 / multiple) * multiple)
            nodes.append([dimension, float(line[half]), here, here])
            heap_of_node.append(-1)
            left += [(rows[order[half:]], here, 1), (rows[order[:half]], here, 0)]
        self.nodes = torch.tensor(nodes, dtype=torch.float64, device=points.device)
        self.heap_of_node = torch.tensor(heap_of_node, device=points.device)

    def heap_of(self, z: Tensor) -> Tensor:
        """In which heap codes of shape (B, D) would be: shape (B,)."""
        node = torch.zeros(len(z), dtype=torch.long, device=z.device)
        while (self.heap_of_node[node] < 0).any():
            dimension, at, below, above = self.nodes[node].T
            number = z.gather(1, dimension.long().unsqueeze(1)).squeeze(1)
            node = torch.where(number >= at, above, below).long()
        return self.heap_of_node[node]
