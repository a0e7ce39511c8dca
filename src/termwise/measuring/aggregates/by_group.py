"""q(z|s) of every group of examples beside which the same stands, as laws to hold, ask and compare.

    q(z|s)    = average of q(z|x_n) over the examples n of group s
    log ratio = log mean_(s in A) q(z|s) - log mean_(s in B) q(z|s)

The density of a group is exact: a sum over its examples' posteriors. At an example's own code its own posterior is left
out, since it would count its own group in, the more the fewer there are. The log ratio of two lists of groups, such as
the samples of two conditions, says how much likelier a code is in the one than in the other: the differential abundance
of single cells (Boyeau et al., 2022). What varies from sample to sample is its error, by the jackknife over groups.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.side import SIDE_BINS
from termwise.errors import BadData, Refused, UnknownName
from termwise.models.codes import Codes
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import centre
from termwise.models.drawable import Drawable
from termwise.notebook import in_a_line
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.mixture import SURE, log_density
from termwise.terms.aggregate.posterior_components import components_of
from termwise.values import Count, checked


@dataclass(frozen=True, eq=False)
class Abundance:
    """How much likelier codes are in some groups than in others.

    Attributes:
        log_ratio: By code, shape (M,), nats, float64.
        stderr: Its standard error over groups, shape (M,); None where there is one group alone on both sides.

    Example:
        >>> Abundance(torch.zeros(3), None)
        Abundance(log_ratio=(3,), stderr=None)
    """

    log_ratio: Tensor
    stderr: Tensor | None

    def __repr__(self) -> str:
        return in_a_line(self)


class GroupAggregates:
    """The law q(z|s) of the codes of every group, exactly.

    Attributes:
        names: What the groups are called, in the order of columns.
        codes: A code of every example, the centre of its posterior, shape (N, D), float64.
        groups: The place of its group among the names, shape (N,), int64.
        positions: The place of the example in its source, shape (N,), int64.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.ConditionalLinearGaussian.random(seed=0, separation=3.0)
        >>> data = tw.load_data(world.data(500), test=0.0).with_side({"kind": world.side(500)})
        >>> laws = GroupAggregates.of(world, data)
        >>> laws.names, laws.log_density(laws.codes).shape
        (('0', '1'), torch.Size([500, 2]))
        >>> ratio = laws.log_ratio(["0"], ["1"]).log_ratio
        >>> bool(ratio[laws.groups == 0].mean() > 0 > ratio[laws.groups == 1].mean())
        True
    """

    def __init__(
        self,
        components: Components,
        codes: Tensor,
        groups: Tensor,
        names: Sequence[str],
        positions: Tensor | None = None,
    ) -> None:
        self.codes, self.groups, self.names = codes, groups, tuple(names)
        self.positions = torch.arange(len(codes)) if positions is None else positions
        self._rows = groups.argsort(stable=True).split(groups.bincount(minlength=len(names)).tolist())  # of every group
        self._laws = [components.at(rows) for rows in self._rows]

    @classmethod
    @checked
    def of(
        cls,
        model: Drawable,
        data: Dataset,
        *,
        side: Sequence[str] | None = None,
        batch_size: Count = 512,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ) -> "GroupAggregates":
        """Those of a model's posteriors, by what stands beside x of the data; of numbers by bins.

        Args:
            model: Anything that draws.
            data: The examples.
            side: Names of the variables beside x that make the groups; all that stand there, where left out.
            batch_size, device, progress: As `measure` takes them.

        Raises:
            Refused: Nothing stands beside x, or the posteriors have no density.
        """
        batches = DataPass(model, data, batch_size, device)
        if batches.data.side is None:
            raise Refused(
                "Groups are of examples beside which the same stands, and nothing does. Name what makes them: "
                'side="sample" (--side sample), or data.with_side({"sample": [...]}).'
            )
        groups, names = batches.data.side.binned(SIDE_BINS).groups(side)
        parts, codes, done = [], [], 0
        with evaluating(model):
            for draw in batches():
                parts.append(components_of(draw.posterior))
                codes.append(centre(draw.posterior).double())
                done += len(draw)
                if progress is not None:
                    progress("encoding", done / len(data))
        components = type(parts[0]).joined(parts)
        return cls(components, torch.cat(codes), groups.to(device), names, batches.data.positions)

    def __repr__(self) -> str:
        return f"GroupAggregates({len(self.names):,} groups of {len(self.codes):,} examples)"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> Tensor:
        """How many examples each group has, shape (G,), int64."""
        return torch.tensor([len(rows) for rows in self._rows])

    def log_density(self, z: Tensor) -> Tensor:
        """log q(z|s) of codes z, shape (M, D), under every group: shape (M, G), nats, float64."""
        if z.dim() != 2 or z.shape[1] != self.codes.shape[1]:
            raise BadData(f"Expected codes of shape (M, {self.codes.shape[1]}), got {tuple(z.shape)}.")
        nowhere = torch.full((len(z),), -1, dtype=torch.int64, device=z.device)
        with torch.no_grad():
            return torch.stack([self._log_density(z, group, nowhere) for group in range(len(self))], 1)

    def log_density_of_data(self) -> Tensor:
        """The same at the code of every example, its own posterior left out: shape (N, G), nats, float64.

        -inf under a group of which it is the only one.
        """
        return self._of_data

    @cached_property
    def _of_data(self) -> Tensor:
        place = torch.empty_like(self.groups)  # of every example in its group
        for rows in self._rows:
            place[rows] = torch.arange(len(rows), device=rows.device)
        with torch.no_grad():
            columns = [
                self._log_density(self.codes, group, torch.where(self.groups == group, place, -1))
                for group in range(len(self))
            ]
        return torch.stack(columns, 1)

    def log_ratio(self, these: Sequence[str], those: Sequence[str], z: Tensor | None = None) -> Abundance:
        """How much likelier codes are in these groups than in those, each group counting alike.

        Args:
            these: Names of groups.
            those: Names of others.
            z: Codes, shape (M, D); every example's own, as `log_density_of_data` has them, where left out.

        Raises:
            UnknownName: There is no such group.
            Refused: No group is named, or one is on both sides.
        """
        sides = [self._places(names) for names in (these, those)]
        if not sides[0] or not sides[1] or set(sides[0]) & set(sides[1]):
            raise Refused(
                f"Abundance is of some groups beside others, each named once; got {list(these)} and {list(those)}."
            )
        log_densities = self.log_density_of_data() if z is None else self.log_density(z)
        means, variances = zip(*(_log_mean(log_densities[:, places]) for places in sides), strict=True)
        known = [variance for variance in variances if variance is not None]
        stderr = None if len(known) < 2 else (known[0] + known[1]).sqrt()
        return Abundance(means[0] - means[1], stderr)

    def distances(self) -> Tensor:
        """How far group s is from t: the mean of log q(z|s) - log q(z|t) over the codes of s, shape (G, G), nats.

        Each code is its example's own, under q(z|s) without the posterior of that example; 0 on the diagonal, and nan
        from a group of one example.

        Example:
            >>> import termwise as tw
            >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
            >>> tw.group_aggregates(untrained, "digits", side="labels").distances().shape
            torch.Size([10, 10])
        """
        found = self.log_density_of_data()
        own = found.gather(1, self.groups.unsqueeze(1))
        apart = torch.where(own.isfinite(), own - found, torch.nan)
        return torch.stack([apart[rows].mean(0) for rows in self._rows])

    def _log_density(self, z: Tensor, group: int, place: Tensor) -> Tensor:
        """log q(z|s) of codes, shape (M,), without the example at `place` of the group; -1 where all count."""
        law = self._laws[group]
        total = log_density(Codes.at(z), law, LogWeights(0.0, -math.inf, place), tolerance=SURE).double()
        count = len(law) - (place >= 0).double()
        return torch.where(count > 0, total - count.log(), -math.inf)

    def _places(self, names: Sequence[str]) -> list[int]:
        for name in names:
            if name not in self.names:
                raise UnknownName("group", name, self.names)
        return [self.names.index(name) for name in names]


def _log_mean(logs: Tensor) -> tuple[Tensor, Tensor | None]:
    """The log of the mean of densities, shape (M, G), over groups, and its variance by the jackknife; None of one.

    With one group left out, K - 1 means log_k; the variance is (K - 1) / K sum_k (log_k - their mean)^2 (Efron, 1982).
    """
    count = logs.shape[1]
    total = logs.logsumexp(1)
    if count == 1:
        return total, None
    left_out = torch.stack([logs[:, [j for j in range(count) if j != k]].logsumexp(1) for k in range(count)], 1)
    variance = (count - 1) / count * (left_out - left_out.mean(1, keepdim=True)).square().sum(1)
    return total - math.log(count), variance
