"""What an account says of what stands beside x: what the code knows of it, whether the decoder uses it, how a target is
foretold; and why nothing can be said.
"""

import math
from collections.abc import Iterator, Sequence

from termwise.account.account import Account
from termwise.account.judging import listed
from termwise.account.rounding import with_error

CARRIED = 0.02
"""Nats of what stands beside x: a dimension that tells less carries none of it."""
MUCH = 0.1
"""Of the entropy of what stands beside x: so much of it is worth a remedy."""
MOST_CARRIERS = 4
"""So many dimensions are named for carrying it."""
UNUSED = 0.05
"""Of the entropy of what stands beside x: a decoder that gains less from it does not use it."""
FEW = 4
"""So many examples to a group, on the whole, are so few that I(z; s) is what a code tells of its own."""


def foretold(account: Account) -> Iterator[str]:
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
        which = f"Its code tells {mi.value:.2f} nats of which example it is of, and"
        if told > 0:
            yield f"{which} at least {told:.2f} of {target}: a greater beta leaves out more of the rest."
        else:
            yield f"{which} the decoder reads nothing of {target} off it: train for longer, or lower beta."


def beside(account: Account) -> Iterator[str]:
    """What the code knows of what stands beside x, where anything does, and whether the decoder uses it."""
    yield from _observed(account)
    yield from _known(account)
    yield from _unused(account)


def _observed(account: Account) -> Iterator[str]:
    """How well a block says what it observes, where that is known."""
    name, right = account.data.get("observes"), account.overall.get("prediction_accuracy")
    if name is None or right is None:
        return
    nats = account["prediction_cross_entropy"].value
    yield (
        f"Where {name} is known, of {right.n:,} examples, the block that observes it says it rightly of "
        f"{with_error(right.value, right.stderr)}, at {nats:.3f} nats each."
    )


def _known(account: Account) -> Iterator[str]:
    """What the code knows of it; or why that cannot be said."""
    if reason := account.withheld.get("side_information"):
        another = "Measure it of another variable, side=..., or on examples of which some differ in it and some agree."
        todo = "" if "side=" in reason else f" {another}"
        yield f"What the code knows of what stands beside x cannot be said: {reason}.{todo}"
    if "side_information" not in account or "side_entropy" not in account:
        return
    names, target, given = account.data.get("side", []), account.data.get("target"), account.data.get("given", [])
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
    much = [name for value, entropy, name in each if value > MUCH * entropy and name != target]
    told = "" if set(much) <= set(given) else " What the decoder is told the code need not know (recipe cvae);"
    remedy = f"{told} {'vfae' if told else 'The recipe vfae'} draws it out." if much else ""
    yield f"The code knows {listed(parts, 'and')}.{_carriers(account)}{remedy}"
    size = account["side_information"].n / math.exp(account["side_entropy"].value)
    if size < FEW:
        yield (
            f"What stands beside x, {', '.join(names)}, is another for nearly every example: its groups are of "
            f"{size:.1f} on the whole, and I(z; s) is what a code tells of so few. Make them coarser."
        )


def _unused(account: Account) -> Iterator[str]:
    """That the decoder ignores some of what it is told beside the code."""
    given, read = account.data.get("given", []), account.data.get("side", [])
    for name in given:
        use = _of_variable(account, "side_use", name, given)
        knows, entropy = (_of_variable(account, f"side_{one}", name, read) for one in ("information", "entropy"))
        most = 1.0 if entropy is None else entropy[0]
        if use is None or not math.isfinite(use[0]) or use[0] + 2 * use[1] >= UNUSED * most:
            continue
        why = f"It may tell nothing of x beside the code: leave {name} out, or narrow the code."
        if knows is not None and knows[0] > MUCH * most:
            why = f"The code tells {knows[0]:.2f} of its {most:.2f} nats: the recipe vfae draws them out of the code."
        yield (
            f"The decoder ignores {name}: an example is worth only {with_error(*use)} nats more under its own value "
            f"than under another's. {why}"
        )


def _of_variable(account: Account, name: str, variable: str, variables: Sequence[str]) -> tuple[float, float] | None:
    """A reading of one of the variables that it is of, and its error; None where there is none."""
    if variable not in variables:
        return None
    if len(variables) > 1:
        each, place = account.by_dimension.get(f"{name}_by_variable"), variables.index(variable)
        return None if each is None else (each.value[place], each.stderr[place] if each.stderr else 0.0)
    one = account.overall.get(name)
    return None if one is None else (one.value, one.stderr or 0.0)


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
