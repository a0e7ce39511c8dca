"""What an account says in plain words: each sentence with its evidence, and what to try."""

from collections.abc import Iterator, Sequence

from termwise.account.account import Account
from termwise.account.judging import listed, unjudged
from termwise.measuring.elbo.faults import NO_DIMENSION, NOT_COLLAPSED, find_faults
from termwise.measuring.elbo.remedies import Remedies
from termwise.measuring.elbo.side_diagnosis import beside, foretold
from termwise.measuring.elbo.term_readings import Bounding, Smoothing

WIDE = 0.5
"""Nats between the rate's bounds from which they are worth a sentence."""

BLANK = (
    "All examples are the same, so there is one posterior, and q(z) is it: the ELBO is under log p(x), and no term "
    "tells of a fault of a code."
)
LAST_LAYER = (
    "The posterior has no density: its last Gaussian layer gives rate, ELBO and links bounds above and below. The rate "
    "is reported at the one above, the ELBO at the one below."
)


def diagnose(
    account: Account,
    possible: Account | None = None,
    *,
    blank: bool = False,
    bounding: Bounding | None = None,
    unmeasured: str | None = None,
    entry: str | None = None,
    remedies: Remedies | None = None,
) -> tuple[str, ...]:
    """The sentences that an account of the ELBO supports: which posterior was measured, then its faults, worst first.

    Args:
        account: The readings; those of links at the least that they can be, where that is all that is known.
        possible: The same at the most that they can be, where that is another thing.
        blank: Whether all examples are the same.
        bounding: How well a posterior without a density is bounded.
        unmeasured: Why q(z) could not be measured, if it could not.
        entry: What is to be said of one entry of x that makes up most of the distortion, if one does.
        remedies: What can be done about the model; anything, where no more is known of it.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> rate = reading_without_error("rate", 0.02, estimator="closed form", bias="none", n=100)
        >>> diagnose(Account({"rate": rate}))
        ('The posterior has collapsed whole: the rate is 0.020 nats, so the code says next to nothing about x ...',)
    """
    more = [] if entry is None or "distortion" not in account else [entry]
    if unmeasured is not None:
        more.append(f"The terms of q(z) were not measured. {unmeasured}")
    faults = (BLANK,) if blank else _faults_or_none(account, possible, more, remedies)
    return (*(() if bounding is None else _bounded(bounding)), *faults, *foretold(account), *beside(account))


def _bounded(bounding: Bounding) -> Iterator[str]:
    """Which posterior was measured, where it has no density, and how well."""
    yield LAST_LAYER if bounding.smoothing is None else _smoothed(bounding.smoothing)
    lower, upper = bounding.rate
    if upper - lower >= WIDE:
        yield (
            f"The rate is known only to lie between {lower:.2f} and {upper:.2f} nats: codes tell more of their own "
            f"noise than {bounding.noises:,} others can show. More noises bring the bounds together, as in "
            f"measure(noises={4 * bounding.noises}); so does a wider last layer."
        )


def _smoothed(smoothing: Smoothing) -> str:
    return (
        "The posterior has no density, and no last Gaussian layer. Distortion, rate, ELBO and links are those of the "
        "posterior smoothed by a normal, as far as other examples chose: a posterior as valid, whose ELBO is under "
        "log p(x) too, and has bounds. "
        f"Of the posterior itself: its distortion is {smoothing.distortion:.3f} nats, where the smoothed one's is "
        f"{smoothing.smoothed_distortion:.3f}, and its ELBO at most {smoothing.elbo_ceiling:.3f}."
    )


def _faults_or_none(
    account: Account, possible: Account | None, more: Sequence[str], remedies: Remedies | None
) -> tuple[str, ...]:
    """A sentence for each fault, and for what could not be judged; or how sure it is that there is none."""
    found = find_faults(account, remedies)
    sentences = [*found.faults, *more, *unjudged(found.unjudged, account.withheld)]
    if not sentences and possible is not None and find_faults(possible).faults:
        sentences.append(
            "No fault is sure, but the bounds of marginal KL and total correlation leave room for one: they do not say "
            "that q(z) is near the prior, nor that its dimensions are near independence. More noises bring them "
            "together; a critic asks for none."
        )
    return tuple(sentences) or (_sound(found.sound),)


def _sound(claims: Sequence[str]) -> str:
    """That no fault shows, as far as it was looked for."""
    if not claims:
        return "Nothing was measured that tells of a fault, or that there is none."
    if NO_DIMENSION in claims:
        claims = [claim for claim in claims if claim != NOT_COLLAPSED]
    return f"No fault shows in these terms: {listed(claims, 'and')}."
