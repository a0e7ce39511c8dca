"""What readings and the stops of a walk are called, those without a row of their own among them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from termwise.account.reading_row import ReadingRow
from termwise.account.readings import READINGS

BY_CRITIC = "_by_critic"
"""How the plug-in readings of a critic end."""

OF_CRITIC = {
    BY_CRITIC: ("{}, by critic", "the plug-in of a critic's T: no bound on either side"),
    "_nwj": ("{} NWJ", "a lower bound in expectation, by a critic on data that it never saw"),
    "_dv": ("{} DV", "a lower bound as samples grow, by a critic on data that it never saw"),
}
"""By how their names end: the title of a critic's readings, of their link, and what they mean."""

SPELLED = (("kl", "KL"), ("gan", "GAN"), ("hellinger", "Hellinger"), ("jensen shannon", "Jensen-Shannon"),
           ("pearson", "Pearson"), ("neyman", "Neyman"), ("chi 2", "χ²"), ("jeffreys", "Jeffreys"))  # fmt: skip
"""How words in a reading's name are written for people."""


def reading(name: str) -> ReadingRow:
    """The row of a reading by its name, or what can be said of one that has none.

    A critic's reading has its link's term; a reading by or of something, such as `mig_by_factor`, has the term, unit
    and range of the one that it is of; any other goes by its own name.

    Example:
        >>> reading("total_correlation_nwj").title, reading("total_correlation_nwj").term
        ('total correlation NWJ', 'tc')
        >>> reading("mig_by_factor").title, reading("mig_by_factor").unit
        ('mig by factor', 'score')
    """
    if name in READINGS:
        return READINGS[name]
    for ending, (title, meaning) in OF_CRITIC.items():
        if name.endswith(ending):
            return _of_critic(name, name.removesuffix(ending), title, meaning)
    for match in re.finditer("_(?:by|of)_", name):
        if whole := READINGS.get(name[: match.start()]):
            return ReadingRow(name, term=whole.term, unit=whole.unit, least=whole.least, most=whole.most)
    return ReadingRow(name)


def _of_critic(name: str, link: str, title: str, meaning: str) -> ReadingRow:
    """The row of a critic's reading of a link, such as "marginal_hellinger"."""
    words = link.replace("_", " ")
    for plain, spelled in SPELLED:
        words = re.sub(rf"\b{plain}\b", spelled, words)
    terms = (row.term for row in READINGS.values() if name.startswith(row.name.removesuffix("_kl")))
    short = f"{_short(link.removesuffix('_kl'))} by critic" if name.endswith(f"_kl{BY_CRITIC}") else ""
    return ReadingRow(name, title.format(words), "", meaning, next(terms, "other"), short=short)


def _short(link: str) -> str:
    """The short name of a link, whose KL may go by another name: "marginal" is marginal_kl."""
    rows = (READINGS.get(link), READINGS.get(f"{link}_kl"))
    return next((row.short for row in rows if row is not None and row.short != row.name), link)


def of_population(name: str) -> str:
    """The name of the reading that says for the population what this one says for the examples measured.

    Example:
        >>> of_population("index_code_mi")
        'population_mi'
    """
    return next(row.name for row in READINGS.values() if row.population_of == name)


def in_order(names: Iterable[str]) -> list[str]:
    """Names of readings in the order of `READINGS`, those without a row last, as they came.

    Example:
        >>> in_order(["mine", "rate", "distortion"])
        ['distortion', 'rate', 'mine']
    """
    names = dict.fromkeys(names)
    return [name for name in READINGS if name in names] + [name for name in names if name not in READINGS]


@dataclass(frozen=True)
class Stop:
    """A law at which a walk stops, as figures label it: its title and its symbol."""

    title: str
    symbol: str


STOP_SYMBOLS = {
    "posterior": Stop("posterior", "q(z|x)"),
    "reference": Stop("reference", "r(z|x)"),
    "conditional": Stop("conditional", "q(z|s)"),
    "aggregate": Stop("aggregate", "q(z)"),
    "groups": Stop("groups", "∏_g q(z_g)"),
    "marginals": Stop("marginals", "∏_j q(z_j)"),
    "prior": Stop("prior", "p(z)"),
    "data": Stop("data", "x"),
    "reconstruction": Stop("reconstruction", "p(x|z)"),
    "generated": Stop("generated", "p(x)"),
}
"""The stops of the walk from the posterior to the prior, and the laws that are compared in the space of x."""


def stop(name: str) -> Stop:
    """A stop of the walk by its name; one that is not known goes by that."""
    return STOP_SYMBOLS.get(name) or Stop(name, name.replace("_", " "))
