"""What was found: readings, values by example, the certificate, and what to beware of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from termwise.account.account import Account
from termwise.account.reading import Reading, reading_of
from termwise.measuring.log_likelihood.bdmc import Certificate

COLLAPSED = 5.0  # effective samples; or half of all, where that is fewer
OFTEN = 0.05  # of the examples
SELDOM_ACCEPTED = 0.4

BASES = {"posterior": "the posterior", "normal": "a normal with the posterior's moments", "prior": "the prior"}

Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class LogLikelihood(Account):
    """log p(x) of a model on data, and the gaps that it shows; its diagnosis is what to beware of.

    Attributes:
        certificate: BDMC's, where there is one.
        index: Which examples of the data these are, shape (N,).
    """

    certificate: Certificate | None = None
    index: Tensor | None = None


@dataclass(frozen=True)
class Made:
    """How values by example were made.

    Attributes:
        samples: Codes an example for the importance weights.
        chains: AIS chains an example.
        temperatures: Of AIS; None where there was none.
        base: Where its chains began.
        proposal: What the importance weights are of.
        certificate: BDMC's, or None.
        tolerance: What was asked of it, nats.
        grey: Whether a Bernoulli was asked for values between 0 and 1.
        given: Whether the decoder reads a context beside the code.
    """

    samples: int
    chains: int
    temperatures: int | None
    base: str
    proposal: str
    certificate: Certificate | None
    tolerance: float
    grey: bool
    given: bool


def readings_of(values: Values, made: Made) -> dict[str, Reading]:
    """Readings of log_likelihood, elbo, iwae and the gaps, by example; of BDMC's bounds; of effective samples."""
    codes = f"{made.samples} codes" + ("" if made.proposal == "posterior" else f" of {BASES[made.proposal]}")
    note = "; of an unnormalised density, as grey values have under a Bernoulli" if made.grey else ""
    note += "; given the context that the encoder hands to the decoder" if made.given else ""
    if made.temperatures is None:
        whole, short = f"IWAE, {codes}", "a lower bound in expectation"
        ess = codes
    else:
        whole = f"AIS, {made.chains} chains from {BASES[made.base]}, {made.temperatures} temperatures"
        short = f"a lower bound in expectation; {certified(made.certificate)}"
        ess = f"{made.chains} chains"
    rows = {
        "log_likelihood": (whole, short),
        "log_likelihood_jackknife": (f"{whole}; less its first-order bias", "small where weights do not collapse"),
        "iwae": (f"IWAE, {codes}", "a lower bound in expectation"),
        "elbo": (f"Monte Carlo, {codes}", "unbiased"),
        "inference_gap": (f"{whole}; less ELBO, {codes}", "a lower bound in expectation, as log p(x) is"),
        "approximation_gap": (
            f"{whole}; less the best normal's ELBO, {codes}",
            "down by what log p(x) lacks, up by what the search for the best normal lacks",
        ),
        "amortisation_gap": (f"ELBO of the best normal by Adam less ELBO, {codes}", "a lower bound in expectation"),
        "effective_sample_size": (ess, "up, where the samples have missed where the weight is"),
    }
    readings = {}
    for name, (estimator, bias) in rows.items():
        if name not in values or (name == "iwae" and made.temperatures is None):
            continue
        reading = reading_of(values[name], name, estimator=estimator, bias=bias)
        reading = replace(reading, bias=bias + note) if reading.unit == "nats" else reading
        bound = "a lower bound" in bias and not made.grey
        readings[name] = replace(reading, lower=float(values[name].mean())) if bound else reading
    return readings | (_of_simulated(made.certificate, whole) if made.certificate else {})


def certified(certificate: Certificate | None) -> str:
    """What BDMC says, in a clause."""
    if certificate is None:
        return "not certified, for no data was simulated"
    verdict = "under" if certificate.reached else "NOT shown to be under"
    return (
        f"BDMC's gap on {len(certificate.lower)} simulated examples is {certificate.gap:.3f} ± "
        f"{certificate.stderr:.3f} nats, {verdict} the {certificate.tolerance:g} asked"
    )


def _of_simulated(certificate: Certificate, estimator: str) -> dict[str, Reading]:
    estimator = f"{estimator}; data simulated from the model"
    lower = reading_of(certificate.lower, "bdmc_lower", estimator=estimator, bias="a lower bound in expectation")
    upper = reading_of(certificate.upper, "bdmc_upper", estimator=estimator, bias="an upper bound in expectation")
    gap = reading_of(
        certificate.upper - certificate.lower, "bdmc_gap", estimator=estimator, bias="the sum of both bounds' errors"
    )
    bounds = float(certificate.lower.mean()), float(certificate.upper.mean())
    return {
        "bdmc_lower": replace(lower, lower=bounds[0], upper=bounds[1]),
        "bdmc_upper": replace(upper, lower=bounds[0], upper=bounds[1]),
        "bdmc_gap": gap,
    }


def warnings_of(values: Values, made: Made) -> Iterator[str]:
    """What to beware of, worst first."""
    certificate = made.certificate
    if certificate is not None and not certificate.reached:
        yield (
            f"log p(x) is not certified: {certified(certificate)}, at {certificate.temperatures} temperatures. Allow "
            "more temperatures, chains or simulated examples (the error bar counts twice)."
        )
    if made.temperatures is not None:
        yield from _of_chains(values, made)
    else:
        yield from _of_collapse(values["effective_sample_size"], made.samples, "codes", 'method="ais", or more samples')
    if made.grey:
        yield (
            "The data is grey and the likelihood Bernoulli: this is no log-likelihood, but the log of an unnormalised "
            "density"
            + (", and BDMC's data, simulated as 0 and 1, certifies another regime." if certificate else ".")
            + " Binarise the data, or choose a normal or categorical likelihood."
        )


def _of_chains(values: Values, made: Made) -> Iterator[str]:
    accepted = float(values["acceptance"].mean())
    if made.temperatures != 1 and accepted < SELDOM_ACCEPTED:
        yield (
            f"HMC's moves were accepted {accepted:.0%} of the time, where 65% was aimed at: the densities are rough, "
            "or their gradients in z are broken. Is decode() differentiable in z?"
        )
    loose = float((values["log_likelihood_jackknife"] - values["log_likelihood"]).mean())
    if loose > made.tolerance:
        yield (
            f"On the data itself the chains of an example disagree, and the bound is loose by about {loose:.2f} nats; "
            "a certificate on simulated data does not carry over. Ask for more temperatures or chains."
        )
    if "iwae" in values:
        above = values["iwae"] - values["log_likelihood"]
        error = float(above.std()) / len(above) ** 0.5 if len(above) > 1 else 0.0
        if float(above.mean()) - 4 * error > made.tolerance:
            yield (
                f"IWAE lies {float(above.mean()):.2f} nats above AIS, and both are lower bounds: AIS is short of "
                "temperatures. Ask for more."
            )
    yield from _of_collapse(values["effective_sample_size"], made.chains, "chains", "more temperatures")


def _of_collapse(sizes: Tensor, count: int, what: str, remedy: str) -> Iterator[str]:
    threshold = min(COLLAPSED, 0.5 * count) if what == "codes" else 0.25 * count
    collapsed = int((sizes < threshold).sum())
    if collapsed > OFTEN * len(sizes):
        yield (
            f"Importance weights collapse: in {collapsed} of {len(sizes)} examples fewer than {threshold:g} of "
            f"{count} {what} carry the estimate (median {float(sizes.median()):.1f}), so that it is a loose lower "
            f"bound and its error bar too small. Ask for {remedy}."
        )
