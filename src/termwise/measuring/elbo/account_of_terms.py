"""From laws to terms, and from terms to an account: what a model's measurement and a meter's have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.reading import AnyReading
from termwise.data.side import Side
from termwise.errors import NoDensity, NotFinite, Refused
from termwise.measuring.elbo.active_units import active_units
from termwise.measuring.elbo.diagnosis import diagnose
from termwise.measuring.elbo.explicit_account import explicit_terms
from termwise.measuring.elbo.implicit_account import at_bounds, implicit_terms
from termwise.measuring.elbo.remedies import Remedies
from termwise.measuring.elbo.term_readings import TermReadings
from termwise.measuring.log_likelihood.densities import has_density
from termwise.models.block_law import Dimension, LawOfBlocks, dimensions_of_code
from termwise.models.chained_law import ChainedLaw
from termwise.models.data_pass import DataPass, Pass, Progress
from termwise.models.draw import Draw
from termwise.models.finite import count_in_words
from termwise.terms.aggregate.full import Full
from termwise.terms.closed_form import ClosedForm, has_closed_form
from termwise.terms.closed_or_sampled import ClosedGivenCodes
from termwise.terms.link import Link
from termwise.terms.monte_carlo import MonteCarlo

NOT_FINITE = {
    "distortion": "Look at the decoder: does it give numbers that are not finite, or probabilities of 0 or 1 where the "
    "data say otherwise? (Where it ends in a sigmoid, hand in what goes into it, as 'bernoulli-logits'.)",
    "rate": "Some codes have no density under the prior, or the posterior's own has no end.",
}
"""What to say of a term that is not finite."""


def terms_of(
    batches: Pass,
    first: Draw,
    *,
    samples: int = 1,
    noises: int = 256,
    groups: list[list[int]] | None = None,
    side: Side | None = None,
    laws: int | None = None,
    progress: Progress | None = None,
) -> TermReadings:
    """The terms of posteriors: of those with a density, and else between bounds.

    Args:
        batches: Examples as a model sees them.
        first: A draw of some of them.
        samples: Codes for every example.
        noises: Where there is no density: how many noises beside a code's own the bounds are from.
        groups: The dimensions of each group whose links are asked for.
        side: What stands beside x of every example, whose links are read.
        laws: How many posteriors are asked at every code, as of `explicit_terms`.
        progress: Told how far it is.

    Raises:
        NoDensity: Groups are asked for of a posterior without a density, or there is no way to bound one.
    """
    rate = _rate_of(first)
    if rate is not None:
        return explicit_terms(batches, rate, samples, progress, groups, side, laws)
    if groups is not None:
        raise NoDensity("Links of groups are of posteriors with a density, and this has none: leave groups out.")
    if not isinstance(batches, DataPass):
        raise NoDensity(
            "These posteriors have no density, and bounds of one ask the model for more codes: measure the model, "
            "tw.measure(model, data)."
        )
    return implicit_terms(batches, samples, noises, progress)


def account_of(
    terms: TermReadings,
    posterior: Distribution,
    about: Mapping[str, Any],
    remedies: Remedies,
    *,
    blank: bool = False,
    entry: str | None = None,
) -> Account:
    """The account of terms, with its diagnosis.

    Args:
        terms: The readings.
        posterior: Of some of the examples, by which dimensions are named.
        about: What was measured, `Account.data`.
        remedies: What can be done about the model.
        blank: Whether all examples are the same.
        entry: What is to be said of one entry of x, if anything is.

    Raises:
        NotFinite: Distortion or rate is not, for some example.
    """
    _check_finite(terms.values)
    readings: dict[str, AnyReading] = dict(terms.readings)
    dimensions = dimensions_of_code(posterior)
    if terms.means is not None:
        readings["active_units"] = active_units(*terms.means, [one.numbers for one in dimensions])
    ordered = {name: readings[name] for name in glossary.in_order(readings)}
    by_example = {name: v for name, v in terms.values.items() if v.dim() == 1}
    account = Account(ordered, (), by_example, {**about, **_blocks(posterior, dimensions)}, terms.withheld)
    bounded = terms.bounding is not None
    sure, possible = (at_bounds(account, "lower"), at_bounds(account, "upper")) if bounded else (account, None)
    sentences = diagnose(
        sure,
        possible,
        blank=blank,
        bounding=terms.bounding,
        unmeasured=terms.unmeasured,
        entry=entry,
        remedies=remedies,
    )
    return replace(account, diagnosis=sentences)


def _blocks(posterior: Distribution, dimensions: Sequence[Dimension]) -> dict[str, list[str]]:
    """What the blocks and the dimensions of a code are called, where it has blocks, or stands in rows and columns."""
    names = [one.name for one in dimensions]
    blocks = {"blocks": list(posterior.names)} if isinstance(posterior, LawOfBlocks) else {}
    return {**blocks, "dimensions": names} if blocks or names != [f"z{j}" for j in range(len(names))] else {}


def _rate_of(draw: Draw) -> Link | None:
    """The rate, in closed form where there is one; None where the posterior has no density."""
    if has_closed_form(draw.posterior, draw.prior):
        return Link("posterior", "prior", ClosedForm())
    if isinstance(draw.posterior, ChainedLaw) or isinstance(draw.prior, ChainedLaw):
        given_codes = Link("posterior", "prior", ClosedGivenCodes())
        try:
            given_codes(draw)
            return given_codes
        except Refused:  # some block has no closed form even so
            pass
    return Link("posterior", "prior", MonteCarlo(Full())) if has_density(draw.posterior) else None


def _check_finite(values: Mapping[str, Tensor]) -> None:
    """Raise NotFinite where distortion or rate, shape (N,), is not finite for some example."""
    for name, why in NOT_FINITE.items():
        broken = ~values[name].isfinite() if name in values else torch.zeros(1, dtype=torch.bool)
        if broken.any():
            got = float(values[name][broken][0])
            raise NotFinite(f"The {name} is {got} for {count_in_words(broken)}. {why}")
