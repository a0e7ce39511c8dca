"""What the code knows of what stands beside x: the links through the conditional law, for a posterior with a density.

    q(z|s) = average of q(z|x_n) over the n of which s_n = s

    index_code_mi_given_side = E log q(z|x) - E log q(z|s)     index_code_mi = index_code_mi_given_side
    side_information         = E log q(z|s) - E log q(z)                       + side_information

and under a prior that is given s

    marginal_kl_given_side   = E log q(z|s) - E log p(z|s)     rate = index_code_mi_given_side + marginal_kl_given_side

I(x; z) = I(x; z|s) + I(z; s) is so for every example, at the same codes. I(z; s) is at most the entropy of s. A small
group has few posteriors of which q(z|s) is the average, so that I(z; s) of N points is too high for the population, by
part of what a code tells of its example within the group; what it is there is read beside (`population.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from termwise.account.reading import AnyReading, Reading, reading_of_each
from termwise.data.side import SIDE_BINS, Side
from termwise.measuring.elbo.code_densities import CodeDensities, DataAggregate
from termwise.measuring.elbo.control_variates import controlled
from termwise.measuring.elbo.data_posteriors import DataPosteriors, posteriors_of
from termwise.measuring.elbo.fitted_laws import fitted_to
from termwise.measuring.elbo.population import LEAST, LinkSum, LogAggregateEstimates, population_reading
from termwise.measuring.elbo.rare_categories import Strata
from termwise.measuring.elbo.split_aggregate import PARTS, SplitAggregate
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes, log_density_at, log_density_by_dimension
from termwise.models.tensor_dataclasses import map_fields

FEWEST = 2 * PARTS
"""So many examples at the least must every group have, for anything to be said of the population."""
MOST_GROUPS = 4096
"""More groups than so many are not read: most would have an example or two."""
CODES_AT_ONCE = 4096


def unreadable(side: Side) -> str | None:
    """Why nothing is to be read of what stands beside x, of every example; None where something is.

    Example:
        >>> unreadable(Side.of({"batch": ["a", "a", "a"]}))
        'batch is the same for all examples'
    """
    for variable in side.variables:
        groups, _ = side.chosen([variable.name]).binned(SIDE_BINS).groups()
        count = int(groups.max()) + 1
        if count == 1:
            return f"{variable.name} is the same for all examples"
        if count == len(side):
            return f"{variable.name} is another for every example, so that it tells no more than which example it is"
    groups, _ = side.binned(SIDE_BINS).groups()
    if (count := int(groups.max()) + 1) > MOST_GROUPS:
        return f"{', '.join(side.names)} make {count:,} groups, and {MOST_GROUPS:,} are the most that are read"
    return None


def in_bins(side: Side) -> tuple[str, ...]:
    """The numbers that are read in bins, of which a code tells no more than of the numbers: I(z; bin(s)) <= I(z; s).

    Example:
        >>> in_bins(Side.of({"age": [float(one) for one in range(30)], "sex": ["f", "m"] * 15}))
        ('age',)
    """
    columns = zip(side.variables, side.values.T, strict=True)
    return tuple(one.name for one, values in columns if one.is_number and len(values.unique()) > SIDE_BINS)


@dataclass(frozen=True)
class ConditionalDensities:
    """log q(z|s) and log q(z_j|s) at codes by example, of the points themselves; in nats, float64, on the CPU.

    Attributes:
        of_points: log q(z|s), shape (N,).
        by_dimension: log q(z_j|s), shape (N, D); no columns where the marginals are unknown.
        foretold: What of it is known of the code's noise, with mean zero for every example, shape (N,).
        estimates: log q(z|s) in every way that a population reading asks for.
    """

    of_points: Tensor
    by_dimension: Tensor
    foretold: Tensor
    estimates: LogAggregateEstimates


class SideDensities:
    """q(z|s) of a data set's posteriors, group by group, at one code of every example, round by round.

    Args:
        aggregate: q(z) of the same posteriors.
        side: What stands beside x, of every example; numbers are read in bins.
    """

    def __init__(self, aggregate: DataAggregate, side: Side) -> None:
        self.aggregate, self.in_bins, self.side = aggregate, in_bins(side), (side := side.binned(SIDE_BINS))
        self.groupings = [side.groups()[0]]
        if len(side.variables) > 1:
            self.groupings += [side.groups([name])[0] for name in side.names]
        self._index: list[Tensor] = []  # which example each code is of, and what it weighs
        self._share: list[Tensor] = []
        self._codes: list[Codes] = []
        self._own: list[Tensor] = []
        self._own_by_dimension: list[Tensor] = []
        self._fitted: list[Tensor] = []

    @property
    def smallest(self) -> int:
        """How many examples the smallest group has, of all variables together."""
        return int(self.groupings[0].bincount().min())

    @property
    def average(self) -> float:
        """How many examples a group has on average, of all variables together."""
        return len(self.groupings[0]) / (int(self.groupings[0].max()) + 1)

    def look(self, strata: Strata) -> None:
        """Take in the codes of one draw."""
        draw = strata.draw
        assert draw.index is not None
        self._index.append(draw.index)
        self._share.append(strata.share)
        codes, posterior = draw.codes.detached(), draw.posterior
        own = log_density_at(posterior, codes)
        by_dimension = log_density_by_dimension(posteriors_of(posterior).marginals(), codes)
        self._codes.append(codes)
        self._own.append(own)
        self._own_by_dimension.append(own.new_empty(len(own), 0) if by_dimension is None else by_dimension)
        self._fitted.append(self.aggregate.fitted_elsewhere_at(codes, draw.index))

    def conditionals(self, samples: int) -> list[ConditionalDensities]:
        """q(z|s) of all variables together, and then, of several, of each; averaged over the rounds."""
        seen = [Codes.joined(self._codes), *map(torch.cat, (self._own, self._own_by_dimension, self._fitted))]
        return [self._conditional(groups, seen, samples) for groups in self.groupings]

    def _conditional(self, groups: Tensor, seen: Sequence[Any], samples: int) -> ConditionalDensities:
        """q(z|s) of one grouping of the examples, shape (N,), at all codes that were seen."""
        index, share = (torch.cat(of).cpu() for of in (self._index, self._share))
        order, parts = [], []
        place = torch.zeros_like(groups)
        for group, rows in enumerate(groups.argsort(stable=True).split(groups.bincount().tolist())):
            posteriors = self.aggregate.posteriors.at(rows.to(self.aggregate.posteriors.device))
            within = _Group(posteriors)
            place[rows] = torch.arange(len(rows))
            for some in (groups[index] == group).nonzero().squeeze(1).split(CODES_AT_ONCE):
                order.append(some)
                device = posteriors.device
                parts.append(within.at(place[index[some]].to(device), *(of[some.to(device)] for of in seen)))
        codes, weight = torch.cat(order), share / samples

        def mean(of: list[Tensor]) -> Tensor:
            values = torch.cat(of).cpu().double()
            weights = weight[codes].view(-1, *(1 for _ in values.shape[1:]))
            return values.new_zeros(len(groups), *values.shape[1:]).index_add(0, index[codes], weights * values)

        return map_fields(mean, parts)


class _Group:
    """q(z|s) of one s.

    Args:
        posteriors: Those of the examples that have it.
    """

    def __init__(self, posteriors: DataPosteriors) -> None:
        self.posteriors, self.split = posteriors, SplitAggregate(posteriors)
        self.fitted = None if isinstance(posteriors.marginals(), ChainedLaw) else fitted_to(posteriors)

    def at(
        self, place: Tensor, codes: Codes, own: Tensor, own_by_dimension: Tensor, fitted: Tensor
    ) -> ConditionalDensities:
        """Its densities at codes of the examples at `place` in it, shape (B,), of which `own` and the rest are."""
        joint = self.split.joint(codes, place, own)
        foretold = torch.zeros_like(fitted)
        if self.fitted is not None:
            foretold = self.fitted.log_prob(codes) - self.fitted.expected_log_prob(self.posteriors.at(place))
        by_dimension = self.split.by_dimension(codes, place, own_by_dimension).of_points()
        return ConditionalDensities(joint.of_points(), by_dimension, foretold, LogAggregateEstimates.of(joint, fitted))


def side_readings(
    looked: SideDensities,
    links: Mapping[str, Tensor],
    at: CodeDensities,
    samples: int,
    how: str,
    rate: Tensor | None = None,
) -> tuple[dict[str, AnyReading], dict[str, Tensor]]:
    """The readings of the links through q(z|s), and their values by example, shape (N,) or (N, D).

    Args:
        looked: The densities of q(z|s), at all codes.
        links: The links that need no q(z|s), by example.
        at: The densities that need none, at the same codes.
        samples: How many codes of every example these are.
        how: How the links are estimated.
        rate: By example, under a prior that is one law for each s, p(z|s); None under one that is not.
    """
    together, *each = conditionals = looked.conditionals(samples)
    names, smallest = looked.side.names, looked.smallest
    n, log_q = len(at.expected_own), at.expected_own - links["index_code_mi"]
    log_q_s = _controlled(together, at)
    values = {
        "index_code_mi_given_side": at.expected_own - log_q_s,
        "side_information": log_q_s - log_q,
        "side_entropy": _surprise(looked.groupings[0]),
    }
    if rate is not None:
        values["marginal_kl_given_side"] = rate - values["index_code_mi_given_side"]
    if "index_code_mi_by_dimension" in links:
        log_q_j = at.expected_own_by_dimension - links["index_code_mi_by_dimension"]
        for name, one in zip(["", *(f"of_{name}_" for name in names)], conditionals, strict=False):
            values[f"side_information_{name}by_dimension"] = _controlled_by_dimension(one, at) - log_q_j
    if each:
        values["side_information_by_variable"] = torch.stack([_controlled(one, at) - log_q for one in each], 1)
        values["side_entropy_by_variable"] = torch.stack([_surprise(one) for one in looked.groupings[1:]], 1)
    entropy = float(values["side_entropy"].mean())
    said = f"exact aggregate of the {n:,} points; smallest group {smallest:,}"
    if looked.in_bins:
        said += f"; of {', '.join(looked.in_bins)} by {SIDE_BINS} bins: at most what there is"
    biases = {
        "side_information": f"{said}; at most H(s) = {entropy:.2f}",
        "side_entropy": "exact of the examples measured",
        "side_entropy_by_variable": "exact of the examples measured",
    }
    readings = {
        name: reading_of_each(
            of, name, estimator="counts" if name.startswith("side_entropy") else how, bias=biases.get(name, said)
        )
        for name, of in values.items()
    }
    if n < LEAST or smallest < FEWEST:
        return readings, values
    joint = at.joint.controlled(at.controls, at.expected_own)
    conditional = together.estimates.controlled(_controls(together, at), at.expected_own)
    zero, entropies, size = torch.zeros_like(log_q), values["side_entropy"], looked.average
    sums = {
        "index_code_mi_given_side": LinkSum(at.expected_own, ((-1, conditional),), size=size),
        "side_information": LinkSum(zero, ((1, conditional), (-1, joint)), entropies, size),
    }
    if rate is not None:
        sums["marginal_kl_given_side"] = LinkSum(rate - at.expected_own, ((1, conditional),), rate, size)
    for name, link in sums.items():
        of_points = readings[name]
        assert isinstance(of_points, Reading)
        reading, influence = population_reading(link, of_points)
        readings[reading.name], values[reading.name] = reading, influence
    return readings, values


def _controls(one: ConditionalDensities, at: CodeDensities) -> Tensor:
    return torch.cat([at.controls, one.foretold.unsqueeze(1)], 1)


def _controlled(one: ConditionalDensities, at: CodeDensities) -> Tensor:
    """log q(z|s) by example, shape (N,), less what controls foretell of it."""
    return controlled(one.of_points, _controls(one, at), at.expected_own)


def _controlled_by_dimension(one: ConditionalDensities, at: CodeDensities) -> Tensor:
    """log q(z_j|s) by example, shape (N, D), less what controls foretell of it."""
    columns = zip(one.by_dimension.T, at.controls_by_dimension.unbind(1), at.expected_own_by_dimension.T, strict=True)
    return torch.stack([controlled(*of_dimension) for of_dimension in columns], 1)


def _surprise(groups: Tensor) -> Tensor:
    """-log of the share that every example's group has, shape (N,), nats."""
    counts = groups.bincount().double()
    return -(counts / len(groups)).log()[groups]
