"""The result of estimating log p(x): readings, values by example, and the certificate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from termwise.account.account import Account
from termwise.account.reading import Reading, reading_of
from termwise.measuring.log_likelihood.bdmc import Certificate
from termwise.measuring.log_likelihood.gaps import ENOUGH

BASES = {"posterior": "the posterior", "normal": "a normal with the posterior's moments", "prior": "the prior"}

Values = Mapping[str, Tensor]
"""Values by example, shape (N,), by the name of their reading."""


@dataclass(frozen=True, eq=False, repr=False)
class LogLikelihood(Account):
    """log p(x) of a model on data, and the gaps that it shows; its diagnosis is what to beware of.

    Attributes:
        certificate: BDMC's, where there is one.
        index: Which examples of the data these are, shape (N,).
    """

    certificate: Certificate | None = None
    index: Tensor | None = None


@dataclass(frozen=True)
class Procedure:
    """How values by example were estimated.

    Attributes:
        samples: Codes an example for the importance weights.
        chains: AIS chains an example.
        temperatures: Of AIS; None where there was none.
        base: Where its chains began.
        proposal: What the importance weights are of.
        certificate: BDMC's, or None.
        tolerance: What was asked of it, nats.
        grey: Whether a Bernoulli was asked for values between 0 and 1.
        given: What the model is given beside the code, in words; empty where nothing is.
        beside: What else x is given beside the code, in words.
        categories: Over how many values of categories was summed; None where nothing was.
    """

    samples: int
    chains: int
    temperatures: int | None
    base: str
    proposal: str
    certificate: Certificate | None
    tolerance: float
    grey: bool
    given: str
    beside: str = ""
    categories: int | None = None

    @property
    def by_sum(self) -> bool:
        """Whether log p(x) is the sum over all that a code can be."""
        return self.categories is not None and self.temperatures is None

    @property
    def by_weights(self) -> bool:
        """Whether log p(x) is by importance weights alone."""
        return self.categories is None and self.temperatures is None


def readings_of(values: Values, procedure: Procedure) -> dict[str, Reading]:
    """Readings of log_likelihood, elbo, iwae and the gaps, by example; of BDMC's bounds; of effective samples."""
    codes = f"{procedure.samples} codes" + (
        "" if procedure.proposal == "posterior" else f" of {BASES[procedure.proposal]}"
    )
    note = "; of an unnormalised density, as grey values have under a Bernoulli" if procedure.grey else ""
    note += f"; given {procedure.given}" if procedure.given else ""
    note += f"; of x given {procedure.beside}, which x tells" if procedure.beside else ""
    summed = "" if procedure.categories is None else f"sum over {procedure.categories} categories"
    if procedure.by_sum:
        whole, short = summed, "exact for every x"
        ess = codes
    elif procedure.by_weights:
        whole, short = f"IWAE, {codes}", "a lower bound in expectation"
        ess = codes
    else:
        whole = f"AIS, {procedure.chains} chains from {BASES[procedure.base]}, {procedure.temperatures} temperatures"
        whole += f", {summed}" if summed else ""
        short = f"a lower bound in expectation; {certified(procedure.certificate)}"
        ess = f"{procedure.chains} chains"
    off = _search_short(values)
    rows = {
        "log_likelihood": (whole, short),
        "log_likelihood_jackknife": (f"{whole}; less its first-order bias", "small where weights do not collapse"),
        "iwae": (f"IWAE, {codes}", "a lower bound in expectation"),
        "elbo": (f"Monte Carlo, {codes}", "unbiased"),
        "inference_gap": (
            f"{whole}; less ELBO, {codes}",
            "unbiased" if procedure.by_sum else "a lower bound in expectation, as log p(x) is",
        ),
        "approximation_gap": (
            f"{whole}; less the best normal's ELBO, {codes}",
            "down by what log p(x) lacks, up by what the search for the best normal lacks" + off,
        ),
        "amortisation_gap": (
            f"ELBO of the best normal by Adam less ELBO, {codes}",
            "a lower bound in expectation" + off,
        ),
        "effective_sample_size": (ess, "up, where the samples have missed where the weight is"),
    }
    readings = {}
    for name, (estimator, bias) in rows.items():
        if name not in values or (name == "iwae" and procedure.by_weights):
            continue
        reading = reading_of(values[name], name, estimator=estimator, bias=bias)
        reading = replace(reading, bias=bias + note) if reading.unit == "nats" else reading
        bound = "a lower bound" in bias and not procedure.grey
        readings[name] = replace(reading, lower=float(values[name].mean())) if bound else reading
    return readings | (_of_simulated(procedure.certificate, whole) if procedure.certificate else {})


def _search_short(values: Values) -> str:
    """A clause on the search for the best normal, where it has not arrived."""
    short = not_arrived(values)
    return "" if short is None else f"; it has not arrived in {short[0]} of {short[1]} examples"


def not_arrived(values: Values) -> tuple[int, int] | None:
    """In how many examples, of how many, the search for the best normal has not arrived; None where it has in all."""
    lacks = values.get("search_lacks")
    missing = 0 if lacks is None else int((~(lacks <= ENOUGH)).sum())
    return None if lacks is None or not missing else (missing, len(lacks))


def certified(certificate: Certificate | None) -> str:
    """What BDMC certifies, in a clause: how large its gap is, and whether that is small enough."""
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
