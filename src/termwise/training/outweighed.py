"""Which weight of an objective is at fault: too great where the code died, too small where it is unlike the prior.

A term that outweighs all others is least where codes say nothing; and one that is to bring the codes to the prior, in
the rate's place, is outweighed itself where they stay away.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from termwise.account import glossary
from termwise.account.reading import Reading
from termwise.account.rounding import with_error
from termwise.errors import TermwiseError
from termwise.measuring.elbo.faults import COLLAPSED_WHOLE
from termwise.objectives.configured import ObjectiveSpec
from termwise.objectives.objective import Objective
from termwise.terms.link import Distortion, Link

HEAVY = 1.0
"""The weight beyond which a term, other than the distortion, can be at fault."""
MUCH = 20.0
"""The weight from which on a tenth of it is tried first, and not half."""

UNLIKE = 0.1
"""The marginal MMD^2 from which codes are unlike the prior: that of normal codes 0.3 aside in every dimension."""


def diagnose_weight(spec: ObjectiveSpec, objective: Objective, rate: float) -> list[str]:
    """The sentence on the heaviest term of an objective under which a code died; none where it lives.

    Args:
        spec: The objective as it is configured, which knows what its options are called.
        objective: The first player's, over the run.
        rate: What the account has, nats.

    Example:
        >>> spec = ObjectiveSpec(recipe="info-vae", **{"lambda": 5000.0})
        >>> print(*diagnose_weight(spec, spec.build().players[0].objective, rate=0.02))
        lambda = 5000 outweighs the distortion: marginal MMD² counts 4999 times, and the code says nothing (a rate ...
    """
    weights = {
        part.term.name: abs(part.weighs(part.ends()))
        for part in objective.parts
        if not isinstance(part.term, Distortion)
    }
    if rate >= COLLAPSED_WHOLE or not weights:
        return []
    heaviest = max(weights, key=lambda name: weights[name])
    if weights[heaviest] <= HEAVY:
        return []
    title, weight = glossary.reading(heaviest).title, f"{weights[heaviest]:.4g}"
    by = 10 if weights[heaviest] >= MUCH else 2
    option = _option_of(heaviest, spec)
    named = f"The weight {weight} of {title}" if option is None else f"{option[0]} = {option[1]:g}"
    return [
        f"{named} outweighs the distortion: {title} counts {weight} times, and the code says nothing (a rate of "
        f"{rate:.3f} nats), since that is where it is least. Divide it by {by}, or warm it up, as with "
        f'{{ schedule = "warm-up", value = {weights[heaviest] / by:.3g}, share = 0.5 }}.'
    ]


def diagnose_prior(spec: ObjectiveSpec, objective: Objective, mmd2: Reading) -> list[str]:
    """The sentence on a term that is to bring the codes to the prior, where they are unlike it; none where it does.

    Args:
        spec: The objective as it is configured, which knows what its options are called.
        objective: The first player's, over the run.
        mmd2: The account's `marginal_mmd2`.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> mmd2 = reading_without_error("marginal_mmd2", 0.194, estimator="kernel", bias="none", n=114)
        >>> spec = ObjectiveSpec(recipe="aae", **{"lambda": 1.0})
        >>> print(*diagnose_prior(spec, spec.build().players[0].objective, mmd2))
        The codes are unlike the prior, to which lambda = 1 was to bring them: their marginal MMD² is 0.194, and ...
    """
    if not mmd2.value - 2 * (mmd2.stderr or 0.0) > UNLIKE:
        return []
    for part in objective.parts:
        term = part.term
        if isinstance(term, Link) and (term.left.name, term.right.name) == ("aggregate", "prior"):
            weight, option = part.weighs(part.ends()), _option_of(term.name, spec)
            named = f"the weight {weight:.4g}" if option is None else f"{option[0]} = {option[1]:g}"
            critic = ", or give the critic more moves or a higher learning rate" if "critic" in term.name else ""
            return [
                f"The codes are unlike the prior, to which {named} was to bring them: their marginal MMD² "
                f"is {with_error(mmd2.value, mmd2.stderr)}, and that of normal codes 0.3 aside in every dimension "
                f"{UNLIKE}; samples decode codes that were never seen. Multiply it by 10{critic}, or train longer."
            ]
    return []


def _option_of(term: str, spec: ObjectiveSpec) -> tuple[str, float] | None:
    """The option of the recipe that weighs a term, and its value: the one by which the weight changes; None of none."""
    own = _weight_of(term, spec, {})
    for name, value in spec.options.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and value and _weight_of(term, spec, {name: 0.5 * value}) not in (own, None):
            return name, float(value)
    return None


def _weight_of(term: str, spec: ObjectiveSpec, changed: Mapping[str, Any]) -> float | None:
    """What a term weighs at the start, under a recipe with other options; None where it cannot be so."""
    if spec.recipe is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            game = ObjectiveSpec.model_validate({"recipe": spec.recipe, **spec.options, **changed}).build().over(1)
    except (TermwiseError, ValueError):
        return None
    return next((part.weighs(0) for part in game.players[0].objective.parts if part.term.name == term), None)
