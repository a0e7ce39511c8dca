"""Sums, differences and multiples of readings, with their errors.

Of two readings of the same examples, with a value for each, the error of a + b is that of the pairs,

    sd(a_i + b_i) / sqrt(N),

in which what is easy or hard in an example is counted once. Two readings of other examples are independent: the halves
of their intervals add in squares, each side by itself. Readings of the same examples without values for each are
neither, and have no sum. Where either is a bound, so is the sum: its ends are the sums of the ends.
"""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from numbers import Real
from typing import Any

from torch import Tensor

from termwise.account.interval import reach_95
from termwise.account.reading import Ends, Reading, Sample
from termwise.errors import Refused

OF_THE_LIKELIHOOD = (
    *("distortion", "elbo", "elbo_upper_nwj", "elbo_upper_dv"),
    *("log_likelihood", "log_likelihood_jackknife", "iwae"),
)
"""The readings that log p(x|z) itself is in, and not a ratio of two of them."""

NO_ORDER = "neither is better for being higher"


def scaled(reading: Reading, factor: float) -> Reading:
    """A multiple of a reading; NotImplemented of what is no number."""
    if not isinstance(factor, Real):
        return NotImplemented
    factor = float(factor)
    interval = _scaled_ends(reading.interval, factor)
    lower, upper = _scaled_ends(reading.bounds or (reading.lower, reading.upper), factor) or (None, None)
    sample = reading.sample
    if sample is not None and sample.values is not None:
        sample = replace(sample, values=factor * sample.values)
    return replace(
        reading,
        name=f"-{_named(reading)}" if factor == -1 else f"{factor:.6g} {_named(reading)}",
        value=factor * reading.value,
        stderr=None if reading.stderr is None else abs(factor) * reading.stderr,
        interval=None if interval is None else list(interval),
        lower=lower,
        upper=upper,
        sample=sample,
    )


def added(first: Reading, other: "Reading | float", sign: int) -> Reading:
    """A reading plus, or less where `sign` is -1, another one or a number; NotImplemented of what is neither.

    Raises:
        Refused: They have no sum, or the error of their sum is not known.
    """
    if isinstance(other, Real):
        return _moved(first, sign * float(other))
    if not isinstance(other, Reading):
        return NotImplemented
    name = f"{first.name} {'+' if sign > 0 else '-'} {_named(other)}"
    if reason := of_other_units(first, other):
        raise Refused(f"{name} has no value: {reason}.")
    second = other if sign > 0 else scaled(other, -1)
    value = first.value + second.value
    total = replace(first, name=name, value=value, n=min(first.n, second.n), bias=_joined(first.bias, second.bias))
    if first.bounds or second.bounds:
        return _bound(total, first, second)
    pairs, _ = paired(first, second)
    if pairs is not None:
        return _by_pairs(total, first, second, pairs[0] + pairs[1])
    if first.stderr is None or second.stderr is None:
        no_error: dict[str, Any] = {"stderr": None, "interval": None, "lower": None, "upper": None}
        return replace(total, **no_error, sample=_of_both(first, second), estimator="one of them has no error")
    origins = _origins(first), _origins(second)
    if origins[0] & origins[1]:
        raise Refused(
            f"The error of {name} is not known: both are of the same examples, and there are no values by example to "
            f"pair. float({first.name}) and float({other.name}) are the values without errors."
        )
    return _independent(total, first, second, known=bool(origins[0] and origins[1]))


def of_other_units(first: Reading, second: Reading) -> str:
    """Why two values can be neither added nor subtracted, if so; as the ELBO of x given s and that of x cannot."""
    if first.unit != second.unit:
        return f"{first.unit} and {second.unit} have no difference"
    names, data = {first.name, second.name}, [{} if one.sample is None else one.sample.data for one in (first, second)]
    if apart := _of_other_things(names, *data):
        return apart
    kinds = [one.get("likelihood") for one in data]
    if names <= set(OF_THE_LIKELIHOOD) and all(kinds) and kinds[0] != kinds[1]:
        return f"log p(x|z) is of {kinds[0]} in one and of {kinds[1]} in the other, in nats that are not the same"
    return ""


def _of_other_things(names: Set[str], first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Why readings of these names are of other things in one account than in the other, as `data` has it, if so."""
    if names <= set(OF_THE_LIKELIHOOD) | {"code_use"}:
        subjects = _subject(first), _subject(second)
        if subjects[0] != subjects[1]:
            return f"log p is of {subjects[0]} in one and of {subjects[1]} in the other: {NO_ORDER}"
        counts = first.get("entries"), second.get("entries")
        if all(counts) and counts[0] != counts[1]:
            return f"x has {counts[0]:,} entries in one and {counts[1]:,} in the other: {NO_ORDER}"
    for of, keys in (("target", ("target",)), ("prediction", ("target", "observes")), ("side", ("side",))):
        one, other = (next((data[key] for key in keys if key in data), None) for data in (first, second))
        if all(of in name for name in names) and one != other:
            return f"it is of {_listed(one)} in one and of {_listed(other)} in the other"
    return ""


def _subject(data: Mapping[str, Any]) -> str:
    """What log p is of, as an account's `data` says it: "x", or "x given labels", or a target."""
    given = data.get("given")
    return f"{data.get('target', 'x')}{f' given {_listed(given)}' if given else ''}"


def _listed(names: Any) -> str:
    return ", ".join(names) if isinstance(names, list) else str(names or "nothing")


def paired(first: Reading, second: Reading) -> tuple[tuple[Tensor, Tensor] | None, str]:
    """The values by example of both readings where they are of the same examples; else why there are none."""
    one, other = ({} if reading.sample is None else reading.sample.data for reading in (first, second))
    if not one.get("fingerprint") or not other.get("fingerprint"):
        return None, "not paired, for it is not known which examples the accounts are of"
    if one["fingerprint"] != other["fingerprint"]:
        what = [f"{about.get('n', '?')} of {about.get('name', '?')}" for about in (one, other)]
        return None, f"not paired, for the accounts are of other examples: {' and '.join(what)}"
    values = [None if reading.sample is None else reading.sample.values for reading in (first, second)]
    if values[0] is None or values[1] is None or len(values[0]) != len(values[1]):
        return None, "not paired, for there are no values by example"
    return (values[0], values[1]), ""


def ends_of(reading: Reading) -> Ends:
    """From and to where a value lies: by its bounds, or an estimate by its interval."""
    if reading.bounds:
        return reading.bounds
    return (reading.interval[0], reading.interval[1]) if reading.interval else (reading.value, reading.value)


def between(first: Ends, second: Ends) -> Ends | None:
    """From and to where the second less the first lies; None where both ends are open."""
    (low, high), (least, most) = first, second
    lower = None if least is None or high is None else least - high
    upper = None if most is None or low is None else most - low
    return None if lower is None and upper is None else (lower, upper)


def _moved(reading: Reading, by: float) -> Reading:
    """A reading and a number."""
    if by == 0:
        return reading
    lower, upper = (None if end is None else end + by for end in reading.bounds or (reading.lower, reading.upper))
    sample = reading.sample
    if sample is not None and sample.values is not None:
        sample = replace(sample, values=sample.values + by)
    return replace(
        reading,
        name=f"{reading.name} {'+' if by > 0 else '-'} {abs(by):.6g}",
        value=reading.value + by,
        interval=None if reading.interval is None else [end + by for end in reading.interval],
        lower=lower,
        upper=upper,
        sample=sample,
    )


def _bound(total: Reading, first: Reading, second: Reading) -> Reading:
    """The sum, where it is only known to lie between ends."""
    low, high = ends_of(scaled(first, -1))
    ends = between((low, high), ends_of(second))
    if ends is None:
        raise Refused(f"{total.name} has no value: both are bounds from one side, which say nothing of it.")
    value = total.value
    value = value if ends[0] is None else max(value, ends[0])
    value = value if ends[1] is None else min(value, ends[1])
    return replace(
        total, value=value, stderr=None, interval=None, lower=ends[0], upper=ends[1], sample=None, estimator="of bounds"
    )


def _by_pairs(total: Reading, first: Reading, second: Reading, values: Tensor) -> Reading:
    """The sum, with the error of its values by example, shape (N,)."""
    many = len(values) > 1
    below, above = reach_95(values) if many else (0.0, 0.0)
    data = {} if first.sample is None else first.sample.data
    return replace(
        total,
        stderr=float(values.double().std()) / math.sqrt(len(values)) if many else None,
        interval=[total.value - below, total.value + above] if many else None,
        **_rigorous(first, second),
        sample=Sample(values, data),
        estimator="paired by example",
    )


def _independent(total: Reading, first: Reading, second: Reading, known: bool) -> Reading:
    """The sum of two that are independent: halves of intervals, and errors, add in squares."""
    interval = None
    if first.interval and second.interval:
        below, above = (math.hypot(first.value - first.interval[k], second.value - second.interval[k]) for k in (0, 1))
        interval = [total.value - below, total.value + above]
    return replace(
        total,
        stderr=math.hypot(first.stderr or 0.0, second.stderr or 0.0),
        interval=interval,
        **_rigorous(first, second),
        sample=_of_both(first, second),
        estimator="of other examples each, so independent" if known else "errors taken as independent",
    )


def _rigorous(first: Reading, second: Reading) -> dict[str, Any]:
    """The bounds of a sum of two estimates that both have theirs."""
    if first.lower is None or first.upper is None or second.lower is None or second.upper is None:
        return {"lower": None, "upper": None}
    return {"lower": first.lower + second.lower, "upper": first.upper + second.upper}


def _of_both(first: Reading, second: Reading) -> Sample:
    """Where a sum comes from whose examples are those of both."""
    return Sample(None, {"fingerprints": _origins(first) | _origins(second)})


def _origins(reading: Reading) -> frozenset[str]:
    """The fingerprints of the data that a reading is of; none where they are not known."""
    data = {} if reading.sample is None else reading.sample.data
    alone = data.get("fingerprint")
    return frozenset(data.get("fingerprints", ())) | ({alone} if alone else set())


def _scaled_ends(ends: Sequence[float | None] | None, factor: float) -> Ends | None:
    """Both ends times a number, the lower one first."""
    if ends is None:
        return None
    low, high = (None if end is None else factor * end for end in ends)
    return (low, high) if factor >= 0 else (high, low)


def _named(reading: Reading) -> str:
    """A reading's name, as a part of another's."""
    return f"({reading.name})" if " " in reading.name else reading.name


def _joined(first: str, second: str) -> str:
    """What is said of the bias of either."""
    return "; ".join(dict.fromkeys(text for text in (first, second) if text))
