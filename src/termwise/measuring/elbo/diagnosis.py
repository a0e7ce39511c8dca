"""What an account says in plain words: each sentence with its evidence, and what to try."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.reading import Reading
from termwise.measuring.elbo.population import in_sight
from termwise.measuring.elbo.term_readings import Bounding, Smoothing

COLLAPSED = 0.05
"""Nats: a dimension of a rate under it carries nothing."""
COLLAPSED_WHOLE = 0.5
"""Nats of rate, over all dimensions, under which the posterior has collapsed whole."""
IGNORED = 0.05
"""Of the mutual information: a decoder that gains less from its codes does not use them."""
SATURATED = math.log(10)
"""Nats below log N: a code's own component is then about a tenth of q(z)."""
SHORT = 0.1
"""Nats by which N points may fall short of the population before it is worth a sentence."""
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
) -> tuple[str, ...]:
    """The sentences that an account of the ELBO supports: which posterior was measured, then its faults, worst first.

    Args:
        account: The readings; those of links at the least that they can be, where that is all that is known.
        possible: The same at the most that they can be, where that is another thing.
        blank: Whether all examples are the same.
        bounding: How well a posterior without a density is bounded.
        unmeasured: Why q(z) could not be measured, if it could not.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> rate = reading_without_error("rate", 0.02, estimator="closed form", bias="none", n=100)
        >>> diagnose(Account({"rate": rate}))
        ('The posterior has collapsed whole: the rate is 0.020 nats, so the code says next to nothing about x ...',)
    """
    faults = (BLANK,) if blank else _faults_or_none(account, possible, unmeasured)
    return (*(() if bounding is None else _bounded(bounding)), *faults)


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


def _faults_or_none(account: Account, possible: Account | None, unmeasured: str | None) -> tuple[str, ...]:
    """A sentence for each fault; or how sure it is that there is none."""
    sentences = _faults(account)
    if unmeasured is not None:
        sentences.append(f"The terms of q(z) were not measured. {unmeasured}")
    if not sentences and possible is not None and _faults(possible):
        sentences.append(
            "No fault is sure, but the bounds of marginal KL and total correlation leave room for one: they do not say "
            "that q(z) is near the prior, nor that its dimensions are near independence. More noises bring them "
            "together; a critic asks for none."
        )
    return tuple(sentences) or (
        "No fault shows in these terms: no dimension is collapsed, q(z) is near the prior, and its dimensions are "
        "near independence.",
    )


def _faults(account: Account) -> list[str]:
    faults = (_collapse, _ignored_code, _saturation, _holes, _entanglement, _grey, _sigma)
    return [sentence for fault in faults for sentence in fault(account)]


def _collapse(account: Account) -> Iterator[str]:
    rate = account["rate"].value
    if rate < COLLAPSED_WHOLE:
        yield (
            f"The posterior has collapsed whole: the rate is {rate:.3f} nats, so the code says next to nothing about x "
            "and the decoder ignores it. Warm the weight of the rate up, lower it, or ask for mutual information with "
            "the mi-floor recipe."
        )
        return
    by_dimension = account.by_dimension["rate_by_dimension"].value if "rate_by_dimension" in account else []
    collapsed = [j for j, nats in enumerate(by_dimension) if nats < COLLAPSED]
    others = len(by_dimension) - len(collapsed)
    if collapsed and others:
        yield (
            f"{len(collapsed)} of {len(by_dimension)} dimensions {'is' if len(collapsed) == 1 else 'are'} collapsed "
            f"(rate under {COLLAPSED} nats): {', '.join(map(str, collapsed))}. The other {others} carry the rate of "
            f"{rate:.2f} nats; fewer latent dimensions would do, or a lower weight on the rate would wake them."
        )


def _ignored_code(account: Account) -> Iterator[str]:
    if not {"code_use", "index_code_mi"} <= set(account) or account["rate"].value < COLLAPSED_WHOLE:
        return
    gain, nats = account["code_use"].value, account["index_code_mi"].value
    error = account["code_use"].stderr
    if gain + 2 * (error or 0.0) < IGNORED * nats:
        yield (
            f"The decoder ignores the code: it carries {nats:.2f} nats about x (index-code MI), yet an example is "
            f"worth only {gain:.3f} nats more under its own code than under another example's. A decoder that sees x "
            "by another way, such as an autoregressive one, does this: weaken it, or feed it the code at every step."
        )


def saturated(account: Account) -> bool:
    """Whether MI, marginal KL and total correlation measure the number of points, the population out of sight."""
    if "population_mi" in account:
        return not in_sight(account["population_mi"])
    if "index_code_mi" not in account:
        return False
    return account["index_code_mi"].value > math.log(account["index_code_mi"].n) - SATURATED


def _saturation(account: Account) -> Iterator[str]:
    if "index_code_mi" not in account:
        return
    n, nats = account["index_code_mi"].n, account["index_code_mi"].value
    if saturated(account):
        population = account.overall.get("population_mi")
        bracket = "" if population is None else f" For the population all that is sure is MI in {_bracket(population)}."
        yield (
            f"Index-code MI is at its ceiling: {nats:.2f} of at most log N = {math.log(n):.2f} nats, with a rate of "
            f"{account['rate'].value:.2f}. Every code's own example makes up about {math.exp(nats) / n:.0%} of "
            f"q(z), so MI, marginal KL and total correlation measure these {n:,} points as much as the model; measure "
            f"on more.{bracket}"
        )
    elif "population_mi" in account and account["population_mi"].value - nats > SHORT:
        whole, interval = account["population_mi"].value, _range(account["population_mi"].interval)
        yield (
            f"{n:,} points are few for this code: their own index-code MI, {nats:.2f} nats, falls {whole - nats:.2f} "
            f"short of the population's, {whole:.2f} (95%: {interval}), and marginal KL and total correlation gain by "
            "it. Take the population readings for the model's."
        )


def _bracket(reading: Reading) -> str:
    return _range([reading.lower, reading.upper])


def _range(ends: Sequence[Any] | None) -> str:
    low, high = ends or (None, None)
    return f"[{low:.2f}, {high:.2f}]" if low is not None and high is not None else "an unknown range"


def _of_model(account: Account, name: str) -> float | None:
    """A link for the population where that is in sight, else of the points; None where neither says it of the model."""
    population = account.overall.get(glossary.of_population(name))
    if population is not None and in_sight(population):
        return population.value
    return None if name not in account or saturated(account) else account[name].value


def _holes(account: Account) -> Iterator[str]:
    marginal, rate = _of_model(account, "marginal_kl"), account["rate"].value
    if marginal is not None and marginal > 1 and marginal > 0.2 * rate:
        yield (
            f"q(z) is far from the prior: marginal KL is {marginal:.2f} of the rate's {rate:.2f} nats. Samples from "
            "the prior fall where no example's code is. Weigh marginal KL up (beta-tcvae, info-vae), or learn the "
            "prior."
        )


def _entanglement(account: Account) -> Iterator[str]:
    tc = _of_model(account, "total_correlation")
    if tc is not None and tc > 0.5 and tc > 0.1 * account["rate"].value:
        yield (
            f"The code is entangled: its dimensions share {tc:.2f} nats (total correlation). Weigh total correlation "
            "up (beta-tcvae) if they should mean things apart."
        )


def _grey(account: Account) -> Iterator[str]:
    if "distortion" in account and "cross-entropy" in account["distortion"].bias:
        yield (
            "The data is grey and the likelihood Bernoulli: distortion and ELBO are cross-entropies, fit to compare "
            "with their like, but no log-likelihood. Binarise the data, or choose a normal or categorical likelihood."
        )


def _sigma(account: Account) -> Iterator[str]:
    if "sigma" not in account or "floor" not in account["sigma"].bias:
        return
    yield (
        f"The likelihood's sigma, {account['sigma'].value:.2g}, is {account['sigma'].bias}: the density rewards "
        "ever smaller residuals, as it does where some entries of x hardly vary. Distortion and ELBO then measure the "
        "floor. Leave such entries out, add noise of the data's resolution, or fix sigma (normal:0.1)."
    )
