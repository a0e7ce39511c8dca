"""The faults that the readings of the ELBO's terms show: each asked of what it rests on, and of nothing else.

A comparison with what is no number is false, as is that with a number that is not there; so a question is put only
where all that it needs is there, and finite. What is sound is said of what was asked, and of that alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.judging import listed, unfit
from termwise.account.reading import Reading
from termwise.measuring.elbo.dominance import dominating_examples
from termwise.measuring.elbo.population import in_sight
from termwise.measuring.elbo.remedies import Remedies

COLLAPSED = 0.05
"""Nats: a dimension of a rate under it carries nothing."""
COLLAPSED_WHOLE = 0.5
"""Nats of rate, over all dimensions, under which the posterior has collapsed whole; of a target, as it may need so few,
`COLLAPSED`."""
IGNORED = 0.05
"""Of the mutual information: a decoder that gains less from its codes does not use them."""
SATURATED = math.log(10)
"""Nats below log N: a code's own component is then about a tenth of q(z). Of few points: half of log N."""
DEAD = 0.1
"""Of all codewords: so many may be dead before it is worth a sentence."""
REVIVAL = (
    "Let those that hardly come begin anew (posterior_options.restarts, of vector-quantized codes), or take fewer "
    "codewords or levels."
)
"""What may be done about codewords that are dead."""
SHORT = 0.1
"""Nats by which N points may fall short of the population before it is worth a sentence."""


@dataclass(frozen=True)
class Question:
    """A fault that may be asked for.

    Attributes:
        asks: What is asked: "whether a dimension is collapsed".
        needs: The readings that the answer rests on.
        faults: The sentences on it; none where there is no such fault.
        sound: What may be said where there is none; "" where nothing need be.
        of_model: Whether that may be said only where the points do not measure their own number.
        of_examples_made: Whether it is of what a model makes, and none where its decoder says a target and not x.
        advice: What to do about such a fault, of a model for which it can be done.
    """

    asks: str
    needs: tuple[str, ...]
    faults: Callable[[Account], Iterator[str]]
    sound: str = ""
    of_model: bool = False
    of_examples_made: bool = False
    advice: Callable[[Remedies], str] = lambda remedies: ""


@dataclass(frozen=True)
class Findings:
    """What the questions found.

    Attributes:
        faults: A sentence for each, and what was asked.
        sound: What was asked, and is no fault.
        unjudged: What could not be asked, for it rests on readings that are withheld; with their names.
    """

    faults: dict[str, str]
    sound: list[str]
    unjudged: dict[str, list[str]]


def find_faults(account: Account, remedies: Remedies | None = None) -> Findings:
    """The answers to every question that the readings bear, with what can be done about the model."""
    findings = Findings({}, [], {})
    for question in QUESTIONS:
        lacking = unfit(account, question.needs)
        if not all(name in account or name in lacking for name in question.needs):
            continue
        if question.of_examples_made and "target" in account.data:
            continue
        if lacking:
            findings.unjudged[question.asks] = lacking
        else:
            sentences = list(question.faults(account))
            if sentences and (advice := question.advice(remedies or Remedies())):
                sentences[-1] += f" {advice}"
            findings.faults.update(dict.fromkeys(sentences, question.asks))
            if question.sound and not sentences and not (question.of_model and saturated(account)):
                findings.sound.append(question.sound)
    return findings


def _is_collapsed(account: Account) -> bool:
    return account["rate"].value < (COLLAPSED if "target" in account.data else COLLAPSED_WHOLE)


def _collapsed_whole(account: Account) -> Iterator[str]:
    if _is_collapsed(account):
        yield (
            f"The posterior has collapsed whole: the rate is {account['rate'].value:.3f} nats, so the code says next "
            "to nothing about x and the decoder ignores it."
        )


def _to_wake(remedies: Remedies) -> str:
    if not remedies.rate_reaches_codes:
        return f"The weight of the rate does not move codewords. {REVIVAL}"
    recipes = remedies.of("index_code_mi")
    more = f", lower it, or ask for mutual information with the {recipes[0]} recipe" if recipes else " or lower it"
    return f"Warm the weight of the rate up{more}."


def _collapsed_dimensions(account: Account) -> Iterator[str]:
    rate, by_dimension = account["rate"].value, account.by_dimension["rate_by_dimension"].value
    collapsed = [j for j, nats in enumerate(by_dimension) if nats < COLLAPSED]
    others, names = len(by_dimension) - len(collapsed), account.data.get("dimensions", range(len(by_dimension)))
    if collapsed and others and not _is_collapsed(account):
        yield (
            f"{len(collapsed)} of {len(by_dimension)} dimensions {'is' if len(collapsed) == 1 else 'are'} collapsed "
            f"(rate under {COLLAPSED} nats): {', '.join(str(names[j]) for j in collapsed)}. The other {others} carry "
            f"the rate of {rate:.2f} nats; fewer latent dimensions would do, or a lower weight on the rate would wake "
            "them."
        )


def _ignored_code(account: Account) -> Iterator[str]:
    gain, nats = account["code_use"].value, account["index_code_mi"].value
    error = account["code_use"].stderr
    if not _is_collapsed(account) and gain + 2 * (error or 0.0) < IGNORED * nats:
        yield (
            f"The decoder ignores the code: it carries {nats:.2f} nats about x (index-code MI), yet an example is "
            f"worth only {gain:.3f} nats more under its own code than under another example's. A decoder that sees x "
            "by another way, such as an autoregressive one, does this: weaken it, or feed it the code at every step."
        )


def saturated(account: Account) -> bool:
    """Whether MI, marginal KL and total correlation measure the number of points, the population out of sight."""
    if "index_code_mi" not in account:
        return False
    if "population_mi" in account and not _between_bounds(account, "index_code_mi"):
        return not in_sight(account["population_mi"])
    ceiling = math.log(account["index_code_mi"].n)
    return account["index_code_mi"].value > max(ceiling - SATURATED, ceiling / 2)


def _between_bounds(account: Account, name: str) -> bool:
    """Whether a link of the points is itself known between bounds alone, as some of the posteriors stood for all."""
    return account[name].lower is not None


def _saturation(account: Account) -> Iterator[str]:
    n, nats = account["index_code_mi"].n, account["index_code_mi"].value
    population = account.overall.get("population_mi")
    if saturated(account):
        share = min(1.0, math.exp(nats) / n)
        bracket = f" For the population all that is sure is MI in {_bracket(population)}." if population else ""
        yield (
            f"Index-code MI is at its ceiling: {nats:.2f} of at most log N = {math.log(n):.2f} nats, with a rate of "
            f"{account['rate'].value:.2f}. Every code's own example makes up about {share:.0%} of q(z), so MI, "
            f"marginal KL and total correlation measure these {n:,} points as much as the model{_advice(account)}."
            f"{bracket}"
        )
    elif population is not None and population.value - nats > SHORT:
        whole, interval = population.value, _range(population.interval)
        yield (
            f"{n:,} points are few for this code: their own index-code MI, {nats:.2f} nats, falls {whole - nats:.2f} "
            f"short of the population's, {whole:.2f} (95%: {interval}), and marginal KL and total correlation gain by "
            "it. Take the population readings for the model's."
        )


def _advice(account: Account) -> str:
    """To measure on more examples, where the data has more, as far as the account says."""
    there = account.data.get("of")
    if there is None:
        return "; measure on more"
    more = there > account.data["n"]
    return f"; measure on more of the {there:,} that there are, or hold out more (data.test)" if more else ""


def _bracket(reading: Reading) -> str:
    return _range([reading.lower, reading.upper])


def _range(ends: Sequence[Any] | None) -> str:
    low, high = ends or (None, None)
    return f"[{low:.2f}, {high:.2f}]" if low is not None and high is not None else "an unknown range"


def _of_model(account: Account, name: str) -> tuple[float, str]:
    """What a link is for the model, and in which words.

    It is the population's where that is in sight, else that of the points; where these measure their own number, or
    are between bounds themselves, the lower end of the population's bracket is all that is sure.
    """
    population = account.overall.get(glossary.of_population(name))
    if population is not None and in_sight(population):
        return population.value, ""
    if not saturated(account) and not (population is not None and _between_bounds(account, name)):
        return account[name].value, ""
    return (0.0 if population is None or population.lower is None else population.lower), "at least "


def _holes(account: Account) -> Iterator[str]:
    yield from _far("q(z)", "marginal KL", *_of_model(account, "marginal_kl"), account["rate"].value)


def _holes_given_side(account: Account) -> Iterator[str]:
    marginal = _of_model(account, "marginal_kl_given_side")
    yield from _far("q(z|s)", "marginal KL given s", *marginal, account["rate"].value)


def _far(law: str, name: str, marginal: float, least: str, rate: float) -> Iterator[str]:
    """The sentence on a law of codes that is far from the prior, by the part of the rate that this is."""
    if marginal > 1 and marginal > 0.2 * rate:
        yield (
            f"{law} is far from the prior: {name} is {least}{marginal:.2f} of the rate's {rate:.2f} nats. Samples "
            "from the prior fall where no example's code is."
        )


def _to_fill(remedies: Remedies) -> str:
    recipes, prior = remedies.of("marginal_kl"), remedies.prior
    ways = [f"weigh marginal KL up ({', '.join(recipes[:2])})"] if recipes else []
    ways += [f"learn the prior ({prior})"] if prior else []
    said = ", or ".join(ways)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def _entanglement(account: Account) -> Iterator[str]:
    tc, least = _of_model(account, "total_correlation")
    if tc > 0.5 and tc > 0.1 * account["rate"].value:
        yield (f"The code is entangled: its dimensions share {least}{tc:.2f} nats (total correlation).")


def _to_part(remedies: Remedies) -> str:
    recipes = remedies.of("total_correlation")
    said = f"Weigh total correlation up ({', '.join(recipes[:2])}) if they should mean things apart." if recipes else ""
    known = 'A prior that knows what they share (prior = "autoregressive") leaves none of it to samples to miss.'
    return " ".join(filter(None, (said, known if "autoregressive" in remedies.prior else "")))


def _dead_codes(account: Account) -> Iterator[str]:
    used, dead = account["codes_used"].value, account["dead_codes"].value
    whole = used + dead
    if dead > DEAD * whole:
        yield (
            f"{dead:.0f} of {whole:.0f} codewords are dead: no code has them (95%: "
            f"{_range(account['dead_codes'].interval)}), and the others are as {account['perplexity'].value:.1f} used "
            f"alike. {REVIVAL}"
        )


def _dead_codes_by_block(account: Account) -> Iterator[str]:
    used, dead = (account.by_dimension[f"{name}_by_block"].value for name in ("codes_used", "dead_codes"))
    names = account.data.get("blocks", range(len(used)))
    pairs = zip(names, used, dead, strict=True)
    if some := [f"{n:.0f} of {n + k:.0f} in block {name}" for name, k, n in pairs if n > DEAD * (n + k)]:
        yield f"Codewords are dead, no code has them: {listed(some, 'and')}. {REVIVAL}"


def _dominated(name: str) -> Question:
    def faults(account: Account) -> Iterator[str]:
        sentence = dominating_examples(name, account.per_example[name]) if name in account.per_example else None
        if sentence is not None:
            yield sentence

    return Question(f"whether a few examples make up the {name}", (name,), faults)


def _grey(account: Account) -> Iterator[str]:
    if "cross-entropy" in account["distortion"].bias:
        yield (
            "The data is grey and the likelihood Bernoulli: distortion and ELBO are cross-entropies, fit to compare "
            "with their like, but no log-likelihood. Binarise the data, or choose a normal or categorical likelihood."
        )


def _sigma(account: Account) -> Iterator[str]:
    if "floor" in account["sigma"].bias:
        yield (
            f"The likelihood's sigma, {account['sigma'].value:.2g}, is {account['sigma'].bias}: the density rewards "
            "ever smaller residuals, as it does where some entries of x hardly vary. Distortion and ELBO then measure "
            "the floor. Leave such entries out, add noise of the data's resolution, or fix sigma (normal:0.1)."
        )


WHETHER_COLLAPSED = "whether the posterior has collapsed"
"""What is asked first of all."""
NOT_COLLAPSED, NO_DIMENSION = "the posterior has not collapsed", "no dimension is collapsed"
"""What is sound of the rate, and of that by dimension, which says more."""

QUESTIONS = (
    Question(WHETHER_COLLAPSED, ("rate",), _collapsed_whole, NOT_COLLAPSED, advice=_to_wake),
    Question("whether a dimension is collapsed", ("rate", "rate_by_dimension"), _collapsed_dimensions, NO_DIMENSION),
    Question(
        "whether the decoder uses the code",
        ("rate", "code_use", "index_code_mi"),
        _ignored_code,
        of_examples_made=True,
    ),
    Question("whether the points are enough for the code", ("rate", "index_code_mi"), _saturation),
    Question(
        "whether q(z) is near the prior",
        ("rate", "marginal_kl"),
        _holes,
        "q(z) is near the prior",
        True,
        True,
        _to_fill,
    ),
    Question(
        "whether q(z|s) is near the prior of its s",
        ("rate", "marginal_kl_given_side"),
        _holes_given_side,
        "q(z|s) is near the prior of its s",
    ),
    Question(
        "whether its dimensions are near independence",
        ("rate", "total_correlation"),
        _entanglement,
        "its dimensions are near independence",
        True,
        True,
        _to_part,
    ),
    Question("whether codewords are used", ("codes_used", "perplexity", "dead_codes"), _dead_codes),
    Question("whether codewords are used", ("codes_used_by_block", "dead_codes_by_block"), _dead_codes_by_block),
    _dominated("distortion"),
    _dominated("rate"),
    Question("whether the distortion is a likelihood's", ("distortion",), _grey),
    Question("whether sigma is at its floor", ("sigma",), _sigma),
)
"""What is asked of every account of the ELBO, the worst first."""
