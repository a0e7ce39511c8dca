"""What the curves of a game say, in words: each sentence with its evidence, and what to do.

A critic is read over the last third of training: near 1/2 (the laws are alike, or it misses how they differ), near 1
(they hardly overlap, and their ratio is unknown), above 2 log 2 of cross-entropy (it lags), or swinging (the players
chase each other). A discriminator of examples is no ratio's critic: it is read for what its opponent can learn from it.
What the game claims is held against what is rigorous: the account's own terms, which need no critic.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from termwise.account import glossary
from termwise.account.readings import READINGS
from termwise.account.rounding import with_error
from termwise.report.account_json import AccountJson, ReadingJson, withheld
from termwise.report.curves import MetricsLine, by_further_player, by_split, finite, under
from termwise.report.game_charts import LINKS, Splits, by_critic, claimed, limits, objective
from termwise.terms.adversarial.critic_loss import separation

ALIKE, APART = 0.55, 0.95
"""Accuracies under and above which a critic is said to find its laws alike, or apart."""
LAGS = 2 * math.log(2) + 0.05
"""The cross-entropy, in nats, from which a critic does worse than one that tells nothing."""
SWINGS = {"accuracy": 0.05, "bound": 0.3}
"""The standard deviations about a straight line from which an accuracy, or a bound in nats, is said to swing."""
LOOKS = 5
"""The fewest values that a swing is told from."""
OFF = 0.1
"""The nats beyond what is rigorous from which a claim is said to be off."""
LOST = 0.3
"""The nats beyond which the critic is said to have lost, where the account is read first."""
CALM = (
    "Give the critic more moves (moves), lower the autoencoder's learning rate, average the weights "
    "(training.average), or let adaptive contrast spare the critic what a normal can say (avb-ac)"
)
ABLER = "Give the critic more moves, a higher learning rate or wider layers"
OVERLAP = (
    "Widen the posterior's last Gaussian layer, penalise the critic's gradient (gradient_penalty), take adaptive "
    "contrast (avb-ac), or bridge the laws in steps (Telescoping)"
)
INSTEAD = {
    "elbo": "adaptive contrast spares it what a normal can say (avb-ac), and waymarks bridge the laws in steps",
    "total_correlation": "beta-tcvae weighs it without one",
    "marginal_kl": "wae-mmd weighs how the laws differ without one",
}
"""What else does, by what a critic was to learn."""

FAIRER = "Let it sit rounds out (equilibrium = true), lower its learning rate, or take saturating = false"
FLAT = 0.1
"""The loss, in nats, under which a discriminator is sure of what is made."""
DECEIVING = ("gan_loss", "non_saturating_loss")
"""What a decoder plays against a discriminator by."""


def diagnose_game(metrics: Sequence[MetricsLine], account: AccountJson) -> list[str]:
    """The sentences on a game, critic by critic, and on what it claims; none where no critic played."""
    splits, others = by_split(metrics), by_further_player(metrics)
    broken = {player: name for player, lines in others.items() if (name := _broken(lines))}
    others = {player: lines for player, lines in others.items() if player not in broken}
    critics = {player: lines for player, lines in others.items() if _series(lines, "accuracy")}
    judges = {player: critics.pop(player) for player in list(critics) if _series(others[player], "gan_loss")}
    deceived = any(_weighs(line, DECEIVING) for player in others.keys() - judges for line in others[player])
    sentences = [
        f"The {player}'s {glossary.reading(name).title} is no finite number at the end of training, and could not be "
        "judged: it has diverged. Lower its learning rate, or penalise its gradient (gradient_penalty)."
        for player, name in broken.items()
    ]
    sentences += [sentence for player, lines in critics.items() for sentence in _critic(player, lines)]
    sentences += [sentence for player, lines in judges.items() for sentence in _discriminator(player, lines, deceived)]
    if critics:
        sentences += _swinging_bound(splits)
    if critics and not broken and not any(map(_astray, critics.values())):
        sentences += _claims(splits, account)
    return sentences


def _critic(player: str, lines: Sequence[MetricsLine]) -> Iterator[str]:
    """What a critic's accuracy and cross-entropy say of its reading, and what to do."""
    accuracy, entropy = _series(lines, "accuracy"), _series(lines, "cross_entropy")
    level, swing = float(np.mean(_last_third(accuracy))), _swing(accuracy)
    who = f"The {player}"
    apart = [line for line in lines if separation(line.get("terms") or {})]
    if apart:
        first, when = apart[0], "epoch" if "epoch" in apart[0] else "step"
        yield (
            f"{who} told its laws apart without fail in {len(apart)} of {len(lines)} epochs, first in {when} "
            f"{first.get(when)}: {separation(first['terms'])}"
        )
    if swing > SWINGS["accuracy"]:
        yield (
            f"{who}'s accuracy swings: ±{swing:.2f} around {level:.2f}, in the second half of training. It and the "
            f"autoencoder chase each other, for with the critic held fixed the best posterior is a point. {CALM}."
        )
    elif _astray(lines):
        yield (
            f"{who} does worse than one that tells nothing: a cross-entropy of {np.mean(_last_third(entropy)):.3g} "
            "nats, where that has 1.39. It steps too far, or lags behind the autoencoder, and what it says is no "
            "reading. Lower its learning rate; then lower the autoencoder's, or give it more moves."
        )
    elif level < ALIKE:
        yield (
            f"{who}'s accuracy is near 1/2: {level:.2f}. Either its laws are alike, as they are to become where the "
            "autoencoder is to close that gap, or it misses how they differ: see what the account says without it. "
            f"{ABLER} if it misses much."
        )
    elif level > APART and not apart:
        yield (
            f"{who}'s accuracy is near 1: {level:.2f}. Its laws hardly overlap, and it learns their ratio only where "
            f"they do. {OVERLAP}."
        )
    elif not apart:
        yield f"{who}'s accuracy is {level:.2f}, and steady: its laws differ and overlap, as a ratio needs."


def _discriminator(player: str, lines: Sequence[MetricsLine], deceived: bool) -> Iterator[str]:
    """What a discriminator's accuracy says; and what of it the decoder feels, where it tries to deceive it."""
    accuracy, who = _series(lines, "accuracy"), f"The {player}"
    level, swing = float(np.mean(_last_third(accuracy))), _swing(accuracy)
    if not deceived:
        yield f"{who} judges {level:.2f} of examples rightly. Nobody plays against it: it is there for its features."
    elif swing > SWINGS["accuracy"]:
        yield (
            f"{who}'s accuracy swings: ±{swing:.2f} around {level:.2f}, in the second half of training. It and the "
            "decoder chase each other, and where training stops is chance. Lower both learning rates, or let who runs "
            "away sit rounds out (equilibrium = true)."
        )
    elif level > APART:
        yield (
            f"{who} tells made from real almost without fail: an accuracy of {level:.2f}. There −L_GAN is flat, and "
            f"the decoder learns little from it. {FAIRER}."
        )
    elif flat := {name: loss for name, loss in _losses_on_made(lines).items() if loss < FLAT}:
        named = " and ".join(f"{glossary.reading(name).title} is {loss:.2g} nats" for name, loss in flat.items())
        yield (
            f"{who} is deceived by some of what is made, and by some not at all: its {named}. There −L_GAN is flat, "
            f"and the decoder learns little of it. {FAIRER}; or, where reconstructions deceive it, let it see samples "
            "alone (reconstructions = false)."
        )
    elif level < ALIKE:
        yield (
            f"{who} hardly tells made from real: an accuracy of {level:.2f}. Either they are alike, or it is too weak "
            "to see how they differ; `termwise quality` says which. Where it is weak, give it a higher learning rate "
            "or wider layers."
        )
    else:
        yield f"{who}'s accuracy is {level:.2f}, and steady: it sees a difference, from which the decoder can learn."


def _losses_on_made(lines: Sequence[MetricsLine]) -> dict[str, float]:
    series = {name: _series(lines, name) for name in ("loss_on_reconstruction", "loss_on_generated")}
    return {name: float(np.mean(_last_third(values))) for name, values in series.items() if values}


def _weighs(line: MetricsLine, names: Sequence[str]) -> bool:
    return any((line.get("weights") or {}).get(name) for name in names)


def _astray(lines: Sequence[MetricsLine]) -> bool:
    entropy = _series(lines, "cross_entropy")
    return bool(entropy) and float(np.mean(_last_third(entropy))) > LAGS


def _swinging_bound(splits: Splits) -> Iterator[str]:
    split = _held_out(splits)
    bounds = _series(splits[split], "elbo") or [value for value in _claimed_elbos(splits) if value is not None]
    if (swing := _swing(bounds)) > SWINGS["bound"]:
        yield (
            f"The ELBO on {split} swings by ±{swing:.2f} nats from look to look, in the second half of training: where "
            f"it stops is chance. {CALM}."
        )


def diagnose_claims(metrics: Sequence[MetricsLine], account: AccountJson) -> list[str]:
    """What an account is to say of a game whose critics lost: a sentence on each claim that it does not bear out.

    Args:
        metrics: The lines of metrics.jsonl.
        account: The account at the end.

    Example:
        >>> terms = {"distortion": 80.0, "rate": 5.0, "total_correlation_kl_by_critic": 0.02}
        >>> lines = [{"split": "train", "terms": terms, "weights": dict.fromkeys(terms, 1.0)}]
        >>> tc = {"value": 5.69, "stderr": 0.1, "n": 360}
        >>> print(*diagnose_claims(lines, {"readings": {"total_correlation": tc}}))
        The critic lost: it ends at 0.02 nats of total correlation on train, where the account has 5.69 ± 0.10...
    """
    splits = by_split(metrics)
    if not splits:
        return []
    split, sentences = _held_out(splits), []
    for name, claim in _claimed(splits).items():
        reading = _account_of(name, account)
        if claim is None or finite(reading.get("value")) is None:
            continue
        low, high = limits(reading)
        if low - LOST <= claim <= high + LOST:
            continue
        title, has = glossary.reading(name).title, with_error(reading["value"], reading.get("stderr"))
        sentences.append(
            f"The critic lost: it ends at {claim:.2f} nats of {title} on {split}, where the account has "
            f"{has}{_surely(name, account)}. What was weighed in training is the critic's number, not this one. "
            f"{ABLER}; {INSTEAD.get(name, INSTEAD['elbo'])}."
        )
    return sentences


def _account_of(name: str, account: AccountJson) -> ReadingJson:
    """The reading that a claim is held against: of a link the population's, where in sight, which critics learn of."""
    of_population = _population_of(name, account)
    interval = of_population.get("interval")
    if interval is not None and of_population.get("stderr") is not None:
        return {**of_population, "lower": interval[0], "upper": interval[1]}
    return account.get("readings", {}).get(name, {})


def _population_of(name: str, account: AccountJson) -> ReadingJson:
    row = next((row.name for row in READINGS.values() if row.population_of == name), "")
    return account.get("readings", {}).get(row, {})


def _surely(name: str, account: AccountJson) -> str:
    """What is sure of the population's value of a link, where that of the points may be their own number."""
    of_population = _population_of(name, account)
    low, high = of_population.get("lower"), of_population.get("upper")
    if low is None or high is None:
        return ""
    n = of_population.get("n", 0)
    return f" ({n:,} points; of the population it lies between {low:.2f} and {high:.2f})"


def _claimed(splits: Splits) -> dict[str, float | None]:
    """What the game ends at by its critics: the ELBO, which says all that its links would, or else each link."""
    last, weighed = splits[_held_out(splits)][-1].get("terms") or {}, objective(splits)
    if (elbo := _claimed_elbos(splits)[-1]) is not None:
        return {"elbo": elbo}
    return {link: finite(last.get(by_critic(link))) for link in LINKS if by_critic(link) in weighed}


def _claims(splits: Splits, account: AccountJson) -> Iterator[str]:
    split = _held_out(splits)
    for name, claim in _claimed(splits).items():
        reading = _account_of(name, account)
        if claim is not None and name in withheld(account):
            yield (
                f"By its critic the game ends at {claim:.2f} nats of {glossary.reading(name).title} on {split}. That "
                "could not be judged: the account's own is withheld."
            )
        if claim is not None and finite(reading.get("value")) is not None:
            yield _compared(name, claim, split, reading)


def _held_out(splits: Splits) -> str:
    """The held-out split, where there is one."""
    return next((name for name in splits if name != "train"), "train")


def _claimed_elbos(splits: Splits) -> list[float | None]:
    weighed = objective(splits)
    return [claimed(line.get("terms") or {}, weighed) for line in splits[_held_out(splits)]]


def _compared(name: str, claim: float, split: str, reading: ReadingJson) -> str:
    """A claim beside the account's reading of the same."""
    low, high = limits(reading)
    sides = (("at least", reading.get("lower")), ("at most", reading.get("upper")))
    ends = [f"{side} {end:.2f}" for side, end in sides if end is not None]
    account = ", ".join([with_error(reading["value"], reading.get("stderr")), *ends])
    title = glossary.reading(name).title
    ends_at = (
        f"By its critic the game ends at {claim:.2f} nats of {title} on {split}; without one the account has {account}."
    )
    if low - OFF <= claim <= high + OFF:
        return f"{ends_at} The claim holds."
    if claim > high if name == "elbo" else claim < low:  # a high ELBO flatters, and a low divergence
        return f"{ends_at} The claim flatters: the critic misses what the account sees. Report the account's. {ABLER}."
    return f"{ends_at} The critic makes out more than there is; the account's is the one to report."


JUDGED = ("accuracy", "cross_entropy", "gan_loss", "loss_on_reconstruction", "loss_on_generated")
"""What a critic or a discriminator is judged by."""


def _broken(lines: Sequence[MetricsLine]) -> str | None:
    """What of that is there, and no finite number, at any look of the last third; None where all is sound."""
    for line in _last_third(lines):
        terms = line.get("terms") or {}
        for name in JUDGED:
            if name in terms and finite(terms[name]) is None:
                return name
    return None


def _series(lines: Sequence[MetricsLine], name: str) -> list[float]:
    values = [finite(under("terms", name)(line)) for line in lines]
    return [value for value in values if value is not None]


def _last_third(values: Sequence[Any]) -> Sequence[Any]:
    return values[-max(1, len(values) // 3) :]


def _swing(values: Sequence[float]) -> float:
    """The standard deviation of the second half about its straight line; 0 where that is too short to tell."""
    half = np.asarray(values[len(values) // 2 :])
    if len(half) < LOOKS:
        return 0.0
    steps = np.arange(len(half))
    return float(np.std(half - np.polyval(np.polyfit(steps, half, 1), steps), ddof=2))
