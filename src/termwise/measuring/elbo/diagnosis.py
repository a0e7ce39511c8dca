"""What an account says in plain words: each sentence with its evidence, and what to try."""

from collections.abc import Iterator, Sequence

from termwise.account.account import Account
from termwise.account.judging import listed, unjudged
from termwise.account.rounding import with_error
from termwise.measuring.elbo.faults import NO_DIMENSION, NOT_COLLAPSED, find_faults
from termwise.measuring.elbo.remedies import Remedies
from termwise.measuring.elbo.term_readings import Bounding, Smoothing

WIDE = 0.5
"""Nats between the rate's bounds from which they are worth a sentence."""

CARRIED = 0.02
"""Nats of what stands beside x: a dimension that tells less carries none of it."""
MUCH = 0.1
"""Of the entropy of what stands beside x: so much of it is worth a remedy."""
MOST_CARRIERS = 4
"""So many dimensions are named for carrying it."""

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
    return (*(() if bounding is None else _bounded(bounding)), *faults, *_foretold(account), *_beside(account))


def _foretold(account: Account) -> Iterator[str]:
    """How well a target is foretold, and what the code tells beyond it, of a model of one."""
    target, mi = account.data.get("target"), account.overall.get("index_code_mi")
    if target is None:
        return
    if "prediction_accuracy" in account:
        right = with_error(account["prediction_accuracy"].value, account["prediction_accuracy"].stderr)
        nats = account["prediction_cross_entropy"].value
        yield f"It says {target} rightly of {right} of the examples, at {nats:.3f} nats each."
    elif "prediction_r2" in account:
        share = with_error(account["prediction_r2"].value, account["prediction_r2"].stderr)
        yield f"It foretells {share} of the variance of {target}."
    if mi is not None and "target_information" in account:
        told = account["target_information"].value
        yield (
            f"Its code tells {mi.value:.2f} nats of which example it is of, and at least {told:.2f} of {target}: a "
            "greater beta leaves out more of the rest."
        )


def _beside(account: Account) -> Iterator[str]:
    """What the code knows of what stands beside x, where anything does."""
    if "side_information" not in account or "side_entropy" not in account:
        return
    names, target = account.data.get("side", []), account.data.get("target")
    known = [account["side_information"].value]
    errors, entropies = [account["side_information"].stderr or 0.0], [account["side_entropy"].value]
    if several := account.by_dimension.get("side_information_by_variable"):
        known, errors = several.value, several.stderr or [0.0] * len(names)
        entropies = account.by_dimension["side_entropy_by_variable"].value
    parts = [
        f"{with_error(value, error)} of the {entropy:.2f} nats of {name}"
        for value, error, entropy, name in zip(known, errors, entropies, names, strict=True)
    ]
    each = zip(known, entropies, names, strict=True)
    much = any(value > MUCH * entropy and name != target for value, entropy, name in each)
    remedy = " What the decoder is told the code need not know (recipe cvae); vfae draws it out." if much else ""
    yield f"The code knows {listed(parts, 'and')}.{_carriers(account)}{remedy}"


def _carriers(account: Account) -> str:
    """Which dimensions tell most of what stands beside x, of several of which some do; else nothing."""
    by_dimension = account.by_dimension.get("side_information_by_dimension")
    if by_dimension is None or len(by_dimension.value) < 2:
        return ""
    values = by_dimension.value
    names = account.data.get("dimensions", [f"z{j}" for j in range(len(values))])
    most = sorted(range(len(values)), key=lambda j: -values[j])
    carriers = [j for j in most if values[j] >= 0.5 * values[most[0]]]
    if values[most[0]] < CARRIED or len(carriers) > MOST_CARRIERS:
        return ""
    return f" Most of it is in {listed([str(names[j]) for j in carriers], 'and')}."


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
    sentences = [*found.faults, *more, *unjudged(found.unjudged)]
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
