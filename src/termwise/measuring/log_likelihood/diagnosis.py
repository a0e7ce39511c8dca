"""What to beware of in an estimate of log p(x), in words: each sentence with its evidence and a remedy."""

from collections.abc import Iterator

from torch import Tensor

from termwise.measuring.log_likelihood.result import Procedure, Values, certified, not_arrived

COLLAPSED = 5.0
"""Effective samples under which importance weights have collapsed; or half of all, where that is fewer."""
OFTEN = 0.05
"""The share of examples with collapsed weights from which it is worth a sentence."""
SELDOM_ACCEPTED = 0.4
"""The acceptance of HMC's moves under which something is wrong with the densities or their gradients."""


def diagnose(values: Values, procedure: Procedure) -> Iterator[str]:
    """What to beware of in an estimate of log p(x), worst first: a sentence each.

    Args:
        values: By example and name of reading; of chains their acceptance, too.
        procedure: How they were estimated.
    """
    if broken := {name: int((~value.isfinite()).sum()) for name, value in values.items() if not _finite(value)}:
        some = ", ".join(f"{name} of {count}" for name, count in broken.items())
        yield (
            f"It could not be judged how good these estimates are: no finite number came out of {some} of "
            f"{len(next(iter(values.values())))} examples. Look at what the decoder gives there."
        )
        return
    certificate = procedure.certificate
    if certificate is not None and not certificate.reached:
        yield (
            f"log p(x) is not certified: {certified(certificate)}, at {certificate.temperatures} temperatures. Allow "
            "more temperatures, chains or simulated examples (the error bar counts twice)."
        )
    if short := not_arrived(values):
        gain = float(values["search_lacks"].mean())
        yield (
            f"The search for the best normal posterior has not arrived in {short[0]} of {short[1]} examples: another "
            f"step would gain {gain:.2g} nats or so, on average. The approximation gap is too large by what is lacking "
            "and the amortisation gap too small: each is no more than a bound. The inference gap, their sum, needs no "
            "search."
        )
    if procedure.temperatures is not None:
        yield from _of_chains(values, procedure)
    elif procedure.by_weights:
        yield from _of_collapse(
            values["effective_sample_size"], procedure.samples, "codes", 'method="ais", or more samples'
        )
    if procedure.grey:
        yield (
            "The data is grey and the likelihood Bernoulli: this is no log-likelihood, but the log of an unnormalised "
            "density"
            + (", and BDMC's data, simulated as 0 and 1, certifies another regime." if certificate else ".")
            + " Binarise the data, or choose a normal or categorical likelihood."
        )


def _finite(value: Tensor) -> bool:
    return bool(value.isfinite().all())


def _of_chains(values: Values, procedure: Procedure) -> Iterator[str]:
    accepted = float(values["acceptance"].mean())
    if procedure.temperatures != 1 and accepted < SELDOM_ACCEPTED:
        yield (
            f"HMC's moves were accepted {accepted:.0%} of the time, where 65% was aimed at: the densities are rough, "
            "or their gradients in z are broken. Is decode() differentiable in z?"
        )
    loose = float((values["log_likelihood_jackknife"] - values["log_likelihood"]).mean())
    if loose > procedure.tolerance:
        yield (
            f"On the data itself the chains of an example disagree, and the bound is loose by about {loose:.2f} nats; "
            "a certificate on simulated data does not carry over. Ask for more temperatures or chains."
        )
    if "iwae" in values:
        above = values["iwae"] - values["log_likelihood"]
        error = float(above.std()) / len(above) ** 0.5 if len(above) > 1 else 0.0
        if float(above.mean()) - 4 * error > procedure.tolerance:
            yield (
                f"IWAE lies {float(above.mean()):.2f} nats above AIS, and both are lower bounds: AIS is short of "
                "temperatures. Ask for more."
            )
    yield from _of_collapse(values["effective_sample_size"], procedure.chains, "chains", "more temperatures")


def _of_collapse(sizes: Tensor, count: int, what: str, remedy: str) -> Iterator[str]:
    threshold = min(COLLAPSED, 0.5 * count) if what == "codes" else 0.25 * count
    collapsed = int((sizes < threshold).sum())
    if collapsed > OFTEN * len(sizes):
        yield (
            f"Importance weights collapse: in {collapsed} of {len(sizes)} examples fewer than {threshold:g} of "
            f"{count} {what} carry the estimate (median {float(sizes.median()):.1f}), so that it is a loose lower "
            f"bound and its error bar too small. Ask for {remedy}."
        )
