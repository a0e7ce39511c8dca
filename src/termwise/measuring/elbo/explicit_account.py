"""The terms of the ELBO of a posterior with a density, and the links of its rate.

The links of the rate are taken at codes z_n ~ q(z|x_n), from the expectations of four log densities:

    index_code_mi     = E log q(z|x) - E log q(z)       total_correlation = E log q(z) - sum_j E log q(z_j)
    marginal_kl       = rate - index_code_mi            dimension_wise_kl = sum_j E log q(z_j) - E log p(z)

so that they sum to the rate for every example. E log q(z|x) and, for normal priors, E log p(z) are in closed form; of
the rest the codes' noise is taken out as far as it is known (`control_variates.py`). The standard error is over the
examples: through q(z) itself the links have no first-order error, since E_q(z)[d log q(z)] = 0.

Posteriors of no exponential family are asked one by one. Of more than a few thousand some at random stand for all, and
what needs q(z) is read between bounds (`split_aggregate.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.account import glossary
from termwise.account.bracket import Bracket
from termwise.account.reading import AnyReading, Reading, reading_of_each
from termwise.data.side import Side
from termwise.errors import Refused
from termwise.measuring.elbo.code_densities import CodeDensities, DataAggregate, mean_over_rounds, under_others
from termwise.measuring.elbo.codeword_use import codeword_readings, of_points_alone
from termwise.measuring.elbo.control_variates import controlled
from termwise.measuring.elbo.data_posteriors import BlockPosteriors, DataPosteriors, joined_posteriors, posteriors_of
from termwise.measuring.elbo.group_account import GroupDensities
from termwise.measuring.elbo.marginal_mmd2 import marginal_mmd2
from termwise.measuring.elbo.population import LEAST, LinkSum, population_reading
from termwise.measuring.elbo.rare_categories import Strata
from termwise.measuring.elbo.side_account import SideDensities, side_readings, unreadable
from termwise.measuring.elbo.term_readings import TermReadings
from termwise.models.chained_law import ChainedLaw
from termwise.models.data_pass import Pass, Progress
from termwise.models.distributions import log_prob_by_part
from termwise.models.draw import InDouble
from termwise.models.drawable import Drawable, decodes_any_code, generates, given_variables, prior_given_side
from termwise.terms.closed_form import ClosedForm, kl_by_block
from termwise.terms.closed_or_sampled import ClosedGivenCodes
from termwise.terms.link import Distortion, Link, by_example
from termwise.terms.monte_carlo import MonteCarlo

ESTIMATOR = "Monte Carlo, full aggregate, control variates"
"""How readings of the links say that they were estimated."""
COUNTS = "entropies of counts"
"""The same where all codes are codewords."""
FEWEST_LAWS = 1000
"""So many laws stand for all at the least, where there are more than can be asked."""


def explicit_terms(
    batches: Pass,
    rate: Link,
    samples: int,
    progress: Progress | None = None,
    groups: list[list[int]] | None = None,
    beside_x: Side | None = None,
    laws: int | None = None,
) -> TermReadings:
    """Distortion, rate, ELBO and links of a posterior with a density.

    Args:
        batches: The data through the model.
        rate: The rate, under the estimator that it has.
        samples: Codes for every example.
        progress: Told how far it is.
        groups: The dimensions of each group whose links are asked for.
        beside_x: What stands beside x of every example, whose links are read.
        laws: How many posteriors are asked at every code, chosen at random; where left out, all that there are, or
            as many as `laws_asked` of those that are asked one by one.

    Raises:
        Refused: Groups are asked for, and q(z), or a group's, cannot be had.
    """
    aggregate, reason = _aggregate(batches, laws)
    if groups and aggregate is None:
        raise Refused(f"Links of groups are had from log q(z): leave groups out. {reason}")
    of_groups = None
    if aggregate and groups:
        of_groups = GroupDensities([draw.posterior for draw in batches()], groups, aggregate.laws)
    side, withheld = _side_densities(beside_x, aggregate, reason)
    of_one_prior = not prior_given_side(batches.model)
    if not of_one_prior and (why := _unlike_that_of_the_prior(batches.model, beside_x)):
        withheld = {**withheld, "marginal_kl_given_side": why}
    looking = [one for one in (of_groups, side) if one is not None]
    values, densities, codes = _values_at_codes(batches, rate, aggregate, samples, progress, looking)
    label = rate.label
    if densities is not None and isinstance(rate.estimator, MonteCarlo) and "rate_by_dimension" not in values:
        values["rate"], label = _controlled_rate(values["rate"], densities), f"{label}, control variates"
        values |= {"elbo": -(values["distortion"] + values["rate"])} if "elbo" in values else {}
    readings, prior = _without_aggregate(values, rate, label), next(iter(batches())).prior
    if densities is not None and aggregate is not None and _given_categories(aggregate.posteriors, prior):
        readings, values = _by_own_law(readings, values, densities.to_prior)
    if (to_kernel := marginal_mmd2(codes, prior)) is not None:
        readings["marginal_mmd2"], values["marginal_mmd2"] = to_kernel
    if aggregate is None or densities is None:
        return TermReadings(readings, values, unmeasured=reason, withheld=withheld)
    links = _link_values(values, densities, of_one_prior)
    readings |= codeword_readings(aggregate.posteriors)
    if of_groups is not None:
        links |= of_groups.links(links, densities.expected_own, samples)
    label = COUNTS if of_points_alone(aggregate.posteriors) else ESTIMATOR
    readings |= {name: _of_points(name, link, label) for name, link in links.items()}
    if aggregate.laws is not None:
        readings |= _between_bounds(links, values["rate"], densities, aggregate.laws)
    if side is not None:
        own = None if of_one_prior or "marginal_kl_given_side" in withheld else values["rate"]
        of_side, values_of_side = side_readings(side, links, densities, samples, label, own)
        readings, values = readings | of_side, values | values_of_side
    if len(batches) >= LEAST:
        of_population = _of_population(values["rate"], densities, readings, of_one_prior)
        readings |= {name: reading for name, (reading, _) in of_population.items()}
        links |= {name: influence for name, (_, influence) in of_population.items()}
    return TermReadings(readings, values | links, (aggregate.means, aggregate.means), withheld=withheld)


def _side_densities(
    side: Side | None, aggregate: DataAggregate | None, reason: str | None
) -> tuple[SideDensities | None, dict[str, str]]:
    """What looks at q(z|s), where something stands beside x; or why it cannot be had, by reading."""
    if side is None:
        return None, {}
    if aggregate is not None and aggregate.laws is not None:
        reason = "so many posteriors of no exponential family are not asked group by group: measure fewer examples"
    elif aggregate is not None:
        known = side.wholly_known()
        reason = side.unknown() if known is None else unreadable(known)
        side = known or side
    if aggregate is None or reason is not None:
        return None, dict.fromkeys(("index_code_mi_given_side", "side_information"), str(reason).rstrip("."))
    return SideDensities(aggregate, side), {}


def _unlike_that_of_the_prior(model: Drawable, beside_x: Side | None) -> str | None:
    """Why the prior given s is not one law for all examples of which q(z|s) is the average; None where it is."""
    names = [] if beside_x is None else beside_x.names
    if unread := [one.name for one in given_variables(model) if one.name not in names]:
        return f"the prior is given {', '.join(unread)}, and q(z|s) is of something else"
    if numbers := [one.name for one in given_variables(model) if one.is_number]:
        return f"the prior is given {', '.join(numbers)}, and q(z|s) is of bins of it"
    return None


def _aggregate(batches: Pass, laws: int | None) -> tuple[DataAggregate | None, str | None]:
    """q(z) of the data; or why it cannot be had."""
    try:
        parts = [posteriors_of(draw.posterior) for draw in batches()]
    except Refused as refusal:
        return None, str(refusal)
    count = len(batches)
    asked = laws_asked(count, parts[0].most) if laws is None else laws
    return DataAggregate(joined_posteriors(parts), laws=asked if asked < count else None), None


def laws_asked(count: int, most: float) -> int:
    """How many of `count` laws are asked at every code, where `most` of them can all be.

    Of more, as many as make no more densities, until they would be fewer than `FEWEST_LAWS`.

    Example:
        >>> [laws_asked(count, 4000) for count in (3000, 8000, 60_000)]
        [3000, 2000, 1000]
    """
    return count if count <= most else max(FEWEST_LAWS, int(most**2 / count))


def _values_at_codes(
    batches: Pass,
    rate: Link,
    aggregate: DataAggregate | None,
    samples: int,
    progress: Progress | None,
    looking: Sequence[GroupDensities | SideDensities],
) -> tuple[dict[str, Tensor], CodeDensities | None, Tensor]:
    """Distortion, rate and ELBO by example, and the densities of q(z) at the codes, averaged over codes; and these."""
    distortion = Distortion() if generates(batches.model) else None
    batch_values: dict[str, list[Tensor]] = {"rate": []}
    if distortion is not None:
        batch_values["distortion"] = []
    if decodes_any_code(batches.model):
        batch_values["code_use"] = []
    densities: list[CodeDensities] = []
    codes: list[Tensor] = []
    done, total = 0, samples * len(batches)
    for _ in range(samples):
        for draw in batches():
            exact = InDouble(draw)
            codes.append(exact.z.cpu().double())
            strata = Strata.of(exact)
            batch_values["rate"].append(strata.mean(rate(strata.draw)).cpu())
            if (by_block := kl_by_block(exact.posterior, exact.prior, exact.z)) is not None:
                batch_values.setdefault("rate_by_block", []).append(by_block.cpu().double())
            if distortion is not None:
                own = distortion(draw).cpu().double()
                batch_values["distortion"].append(own)
                if len(parts := log_prob_by_part(draw.likelihood, draw.target)) > 1:
                    by_part = -torch.stack(list(parts.values()), 1).cpu().double()
                    batch_values.setdefault("distortion_by_part", []).append(by_part)
                if "code_use" in batch_values:
                    batch_values["code_use"].append(under_others(draw).cpu().double() - own)
            if aggregate is not None:
                densities.append(strata.means(aggregate.at(strata.draw)))
            for one in looking:
                one.look(strata)
            done += len(draw)
            if progress is not None:
                progress("measuring", done / total)
    values = {name: mean_over_rounds(parts, samples) for name, parts in batch_values.items()}
    if values["rate"].dim() == 2:
        values["rate_by_dimension"], values["rate"] = values["rate"], by_example(values["rate"])
    if distortion is not None:
        values["elbo"] = -(values["distortion"] + values["rate"])
    averaged = CodeDensities.averaged(densities, samples) if densities else None
    return values, averaged, torch.cat(codes).unflatten(0, (samples, -1))


def _given_categories(posteriors: DataPosteriors, prior: Distribution) -> bool:
    """Whether a number's rate is given categories, where its own law is known: its MI is then no part of that rate."""
    return isinstance(posteriors, BlockPosteriors) and any(isinstance(of, ChainedLaw) for of in (posteriors.law, prior))


def _by_own_law(
    readings: dict[str, AnyReading], values: dict[str, Tensor], to_prior: Tensor
) -> tuple[dict[str, AnyReading], dict[str, Tensor]]:
    """The same with what each number costs by its own law, and not given the categories; without, where unknown."""
    name = "rate_by_dimension"
    readings = {key: reading for key, reading in readings.items() if key != name}
    values = {key: of_examples for key, of_examples in values.items() if key != name}
    if to_prior.shape[1]:
        values[name] = to_prior
        readings[name] = reading_of_each(to_prior, name, estimator=Distortion.label, bias="unbiased")
    return readings, values


def _controlled_rate(rate: Tensor, at: CodeDensities) -> Tensor:
    """E log q(z|x) - E log p(z) by example, shape (N,), of the rate at the codes: less what their noise foretells.

    It is taken out of log p(z) as it is out of log q(z), so that where the two are one their marginal KL is 0.
    """
    log_p = at.expected_own + at.controls[:, 0] - rate
    return at.expected_own - controlled(log_p, at.controls, at.expected_own)


def _link_values(values: dict[str, Tensor], at: CodeDensities, of_one_prior: bool) -> dict[str, Tensor]:
    """The links of the rate for the aggregate of the points, by example, shape (N,), or by dimension, (N, D).

    To the prior where it is one for all.
    """
    log_q = controlled(_near(at.of_points), at.controls, at.expected_own)
    links = {"index_code_mi": at.expected_own - log_q}
    if of_one_prior:
        links["marginal_kl"] = values["rate"] - links["index_code_mi"]
    if at.by_block.shape[1]:
        links["index_code_mi_by_block"] = torch.stack([_mi_of_block(*of.T) for of in at.by_block.unbind(1)], 1)
    if not at.marginals.shape[1]:
        return links
    by_dimension = zip(at.marginals.T, at.controls_by_dimension.unbind(1), at.expected_own_by_dimension.T, strict=True)
    log_q_j = torch.stack([controlled(*of_dimension) for of_dimension in by_dimension], 1)
    mi_j = at.expected_own_by_dimension - log_q_j
    links |= {"total_correlation": log_q - log_q_j.sum(1), "index_code_mi_by_dimension": mi_j}
    if at.to_prior.shape[1] and of_one_prior:
        links["dimension_wise_kl_by_dimension"] = at.to_prior - mi_j
        links["dimension_wise_kl"] = links["marginal_kl"] - links["total_correlation"]
    return links


def _mi_of_block(log_q: Tensor, own: Tensor, expected: Tensor) -> Tensor:
    """The index-code MI of a block as a whole, by example, shape (N,)."""
    return expected - controlled(log_q, (own - expected).unsqueeze(1), expected)


def _near(of_points: Tensor) -> Tensor:
    """The exact value of one column, or the one between the bounds of three, shape (N,)."""
    return of_points[:, of_points.shape[1] // 2]


def _of_points(name: str, values: Tensor, label: str) -> AnyReading:
    n = len(values)
    return reading_of_each(
        values, name, estimator=label, bias=f"exact aggregate of the {n:,} points{_ceiling(name, n)}"
    )


def _ceiling(name: str, n: int) -> str:
    return f"; at most log N = {math.log(n):.2f}" if name == "index_code_mi" else ""


def _between_bounds(links: Mapping[str, Tensor], rate: Tensor, at: CodeDensities, laws: int) -> dict[str, AnyReading]:
    """The readings of the links where `laws` of N posteriors stood for all, those of the walk between bounds."""
    n = len(rate)
    some = f"{laws:,} of {n:,} posteriors at random"
    how = f"Monte Carlo, {some} ({laws * n:,} densities), control variates"
    readings: dict[str, AnyReading] = {
        name: reading_of_each(values, name, estimator=how, bias=f"near the aggregate of the {n:,} points")
        for name, values in links.items()
    }
    controls = at.controls_by_dimension.sum(1), at.expected_own_by_dimension.sum(1)
    joint, marginal = _bracket(at.of_points, at.controls, at.expected_own), _bracket(at.marginal_of_points, *controls)
    own, whole = (Bracket(of, of, of) for of in (at.expected_own, rate))
    brackets = {
        "index_code_mi": own - joint,
        "marginal_kl": whole - own + joint,
        "total_correlation": joint - marginal,
        "dimension_wise_kl": whole - own + marginal,
    }
    for name, bracket in brackets.items():
        if name not in links:
            continue
        most = math.log(n) if name == "index_code_mi" else math.inf
        bias = f"between bounds; aggregate of the {n:,} points{_ceiling(name, n)}"
        between = replace(bracket, value=links[name])
        readings[name] = between.reading(name, estimator=how, bias=bias, least=0.0, most=most)
    return readings


def _bracket(of_points: Tensor, controls: Tensor, expected: Tensor) -> Bracket:
    """log q(z) of the points, or a sum of log q(z_j), from below, near and above, less what controls foretell."""
    below, near, above = (controlled(values, controls, expected) for values in of_points.unbind(1))
    return Bracket(near, below, above)


def _of_population(
    rate: Tensor, at: CodeDensities, of_points: Mapping[str, AnyReading], of_one_prior: bool
) -> dict[str, tuple[Reading, Tensor]]:
    """The links for the population, by example too: each a sum of log q(z), sum_j log q(z_j) and a rest.

    Under one prior for all they are parts of the rate, and no more than it.
    """
    joint = at.joint.controlled(at.controls, at.expected_own)
    marginal = at.marginal.controlled(at.controls_by_dimension.sum(1), at.expected_own_by_dimension.sum(1))
    rest, zero = rate - at.expected_own, torch.zeros_like(rate)
    whole = rate if of_one_prior else None
    in_rate = whole if at.to_prior.shape[1] else None  # else there is no dimension-wise KL, which with it sums to that
    sums = {
        "index_code_mi": LinkSum(at.expected_own, ((-1, joint),), whole),
        "marginal_kl": LinkSum(rest, ((1, joint),), rate),
        "total_correlation": LinkSum(zero, ((1, joint), (-1, marginal)), in_rate),
        "dimension_wise_kl": LinkSum(rest, ((1, marginal),), rate),
    }
    return {
        glossary.of_population(name): population_reading(link, points)
        for name, link in sums.items()
        if isinstance(points := of_points.get(name), Reading)
    }


def _without_aggregate(values: Mapping[str, Tensor], rate: Link, label: str) -> dict[str, AnyReading]:
    """The readings that need no q(z): distortion, rate, of this label, ELBO and the use of the code."""
    closed = isinstance(rate.estimator, ClosedForm) and not isinstance(rate.estimator, ClosedGivenCodes)
    by_block = label if isinstance(rate.estimator, ClosedGivenCodes) else "closed form where there is one, Monte Carlo"
    labels = {
        "distortion": (Distortion.label, Distortion.bias),
        "rate": (label, rate.bias),
        "rate_by_dimension": (label, rate.bias),
        "rate_by_block": (ClosedForm.label, "exact for every x") if closed else (by_block, "unbiased"),
        "distortion_by_part": (Distortion.label, Distortion.bias),
        "elbo": (f"{Distortion.label}; rate: {label}", Distortion.bias),
        "code_use": (f"{Distortion.label}, codes of other examples less an example's own", Distortion.bias),
    }
    return {
        name: reading_of_each(of_examples, name, estimator=labels[name][0], bias=labels[name][1])
        for name, of_examples in values.items()
    }
