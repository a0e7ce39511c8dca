"""A game as charts: what its critics see, what the autoencoder takes from them, and what is rigorous beside it.

    claimed ELBO    -(distortion + the links of a walk to the prior), of which a critic gives some: NEITHER bound

Beside a critic's reading of a KL stands the same by densities, where the posterior has one, and beside the claimed ELBO
the account's, with its bounds: both without a critic.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from termwise.account import glossary
from termwise.report.account_json import AccountJson, ReadingJson
from termwise.report.curves import (
    Chart,
    MetricsLine,
    axis,
    by_further_player,
    by_split,
    chart,
    curve,
    finite,
    names,
    split_role,
    under,
)
from termwise.report.walks import WALKS
from termwise.terms.link_names import LINK_NAMES

LINKS = tuple(dict.fromkeys(link for walk in WALKS for link in walk))
"""The links of all walks, by name."""

LAWS = {f"critic of {link}".replace("_", " "): laws for laws, link in LINK_NAMES.items()}
"""The two laws that each critic tells apart, by the name of its player."""

LOGITS = ("left_logit", "right_logit")
"""The readings of a critic's mean logit on either law."""

Splits = Mapping[str, Sequence[MetricsLine]]
"""The first player's lines, by split."""


def game_charts(metrics: Sequence[MetricsLine], account: AccountJson) -> list[Chart]:
    """The charts of a game, in the order in which they are read; none where there are no further players."""
    x, splits, others = axis(metrics), by_split(metrics), by_further_player(metrics)
    if not others:
        return []
    learnt = names([line for lines in others.values() for line in lines], "terms")
    plug_ins = [name for name in names(_all(splits), "terms") if name.endswith(glossary.BY_CRITIC)]
    drawn = [_bound(splits, x, account), *(_plug_in(name, splits, x) for name in plug_ins)]
    for name in (name for name in learnt if name not in LOGITS):
        curves = [curve(player, "critic", lines, x, under("terms", name)) for player, lines in others.items()]
        drawn.append(chart(name, curves))
    for player, lines in others.items():
        laws = zip(LOGITS, LAWS.get(player, ("left law", "right law")), strict=True)
        curves = [curve(f"on {law}", "critic", lines, x, under("terms", name)) for name, law in laws]
        drawn.append(chart("left_logit", curves, f"mean logit of the {player}"))
    return [one for one in drawn if one["curves"]]


def by_critic(link: str) -> str:
    """What a critic's reading of a link's KL is called."""
    return f"{link.removesuffix('_kl')}_kl{glossary.BY_CRITIC}"


def claimed(terms: Mapping[str, Any], weighed: Sequence[str]) -> float | None:
    """The ELBO that the terms of an objective add up to, nats, where a critic has a say in it; else None.

    Args:
        terms: Values by name.
        weighed: The names of the objective's own terms.
    """
    for walk in WALKS:
        links = [by_critic(link) if by_critic(link) in weighed else link for link in walk]
        values = [finite(terms.get(name)) for name in ("distortion", *links)]
        if set(links) <= set(weighed) and set(links) != set(walk) and None not in values:
            return -sum(value for value in values if value is not None)
    return None


def objective(splits: Splits) -> list[str]:
    """The names of the terms that the first player minimises."""
    return names(splits.get("train", []), "weights")


def limits(reading: ReadingJson) -> tuple[float, float]:
    """Where a reading's truth lies: its bounds, else two standard errors about it."""
    value, error = float(reading["value"]), 2 * float(reading.get("stderr") or 0.0)
    lower, upper = reading.get("lower"), reading.get("upper")
    return value - error if lower is None else float(lower), value + error if upper is None else float(upper)


def _bound(splits: Splits, x: str, account: AccountJson) -> Chart:
    weighed, reading = objective(splits), account.get("readings", {}).get("elbo", {})

    def claim(line: MetricsLine) -> float | None:
        return claimed(line.get("terms") or {}, weighed)

    claims = [curve(f"{split}, claimed", split_role(split), lines, x, claim) for split, lines in splits.items()]
    if not any(one["x"] for one in claims):
        return chart("elbo", [])
    rigorous = [curve(f"{split}, rigorous", "rigorous", splits[split], x, under("terms", "elbo")) for split in splits]
    value, ends = finite(reading.get("value")), [at for one in claims for at in one["x"][-1:]]
    if value is not None:
        band = [finite(end) for end in limits(reading)]
        rigorous.append({"name": "account", "role": "account", "x": [max(ends)], "y": [value], "band": [band]})
    return chart("elbo", [*claims, *rigorous], "ELBO, claimed and rigorous")


def _plug_in(name: str, splits: Splits, x: str) -> Chart:
    curves = [curve(split, split_role(split), lines, x, under("terms", name)) for split, lines in splits.items()]
    for link in (link for link in LINKS if by_critic(link) == name):
        held_out = [split for split in splits if split != "train"]
        curves += [curve(f"{s}, rigorous", "rigorous", splits[s], x, under("terms", link)) for s in held_out]
    return chart(name, curves)


def _all(splits: Splits) -> list[MetricsLine]:
    return [line for lines in splits.values() for line in lines]
