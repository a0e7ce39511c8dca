"""What an account says in plain words: each sentence with its evidence, and what to try."""

import math
from collections.abc import Iterator, Mapping

from termwise.measuring.account import Reading

COLLAPSED = 0.05  # nats: a dimension under it carries nothing
COLLAPSED_WHOLE = 0.5  # nats of rate, over all dimensions
SATURATED = math.log(10)  # nats below log N: a code's own component is then about a tenth of q(z)


def diagnose(readings: Mapping[str, Reading], unmeasured: str | None = None) -> tuple[str, ...]:
    """The sentences that these readings support, worst first.

    Args:
        readings: By name.
        unmeasured: Why q(z) could not be measured, if it could not.
    """
    found = [*_collapse(readings), *_saturation(readings), *_holes(readings), *_entanglement(readings)]
    found += _grey(readings)
    if unmeasured is not None:
        found.append(f"The terms of q(z) were not measured. {unmeasured}")
    return tuple(found) or (
        "No fault shows in these terms: no dimension is collapsed, q(z) is near the prior, and its dimensions are "
        "near independence.",
    )


def _value(readings: Mapping[str, Reading], name: str) -> float:
    value = readings[name].value
    assert isinstance(value, float)
    return value


def _collapse(readings: Mapping[str, Reading]) -> Iterator[str]:
    rate = _value(readings, "rate")
    if rate < COLLAPSED_WHOLE:
        yield (
            f"The posterior has collapsed whole: the rate is {rate:.3f} nats, so the code says next to nothing about x "
            "and the decoder ignores it. Warm the weight of the rate up, lower it, or ask for mutual information with "
            "the mi-floor recipe."
        )
        return
    by_dimension = readings["rate_by_dimension"].value if "rate_by_dimension" in readings else None
    all_of_them = by_dimension if isinstance(by_dimension, list) else []
    collapsed = [j for j, nats in enumerate(all_of_them) if nats < COLLAPSED]
    others = len(all_of_them) - len(collapsed)
    if collapsed and others:
        yield (
            f"{len(collapsed)} of {len(all_of_them)} dimensions {'is' if len(collapsed) == 1 else 'are'} collapsed "
            f"(rate under {COLLAPSED} nats): {', '.join(map(str, collapsed))}. The other {others} carry the rate of "
            f"{rate:.2f} nats; fewer latent dimensions would do, or a lower weight on the rate would wake them."
        )


def saturated(readings: Mapping[str, Reading]) -> bool:
    """Whether the mutual information is so near log N that it measures the number of points as well as the model."""
    if "index_code_mi" not in readings:
        return False
    reading = readings["index_code_mi"]
    return _value(readings, "index_code_mi") > math.log(reading.n) - SATURATED


def _saturation(readings: Mapping[str, Reading]) -> Iterator[str]:
    if not saturated(readings):
        return
    n, nats = readings["index_code_mi"].n, _value(readings, "index_code_mi")
    yield (
        f"Index-code MI is near its ceiling: {nats:.2f} of at most log N = {math.log(n):.2f} nats, with a rate of "
        f"{_value(readings, 'rate'):.2f}. Every code's own example makes up about {math.exp(nats) / n:.0%} of q(z), so "
        f"MI, marginal KL and total correlation measure these {n:,} points as much as the model; measure on more."
    )


def _holes(readings: Mapping[str, Reading]) -> Iterator[str]:
    if "marginal_kl" not in readings or saturated(readings):
        return
    marginal, rate = _value(readings, "marginal_kl"), _value(readings, "rate")
    if marginal > 1 and marginal > 0.2 * rate:
        yield (
            f"q(z) is far from the prior: marginal KL is {marginal:.2f} of the rate's {rate:.2f} nats. Samples from "
            "the prior fall where no example's code is. Weigh marginal KL up (beta-tcvae, info-vae), or learn the "
            "prior."
        )


def _entanglement(readings: Mapping[str, Reading]) -> Iterator[str]:
    if "total_correlation" not in readings or saturated(readings):
        return
    tc = _value(readings, "total_correlation")
    if tc > 0.5 and tc > 0.1 * _value(readings, "rate"):
        yield (
            f"The code is entangled: its dimensions share {tc:.2f} nats (total correlation). Weigh total correlation "
            "up (beta-tcvae) if they should mean things apart."
        )


def _grey(readings: Mapping[str, Reading]) -> Iterator[str]:
    if "distortion" in readings and "cross-entropy" in readings["distortion"].bias:
        yield (
            "The data is grey and the likelihood Bernoulli: distortion and ELBO are cross-entropies, fit to compare "
            "with their like, but no log-likelihood. Binarise the data, or choose a normal or categorical likelihood."
        )
