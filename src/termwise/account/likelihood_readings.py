"""The rows of readings of log p(x), of what the ELBO lacks of it, and of how both were estimated."""

from functools import partial

from termwise.account.reading_row import ReadingRow

_at_least_0 = partial(ReadingRow, least=0.0)

OF_LIKELIHOOD = (
    ReadingRow(
        "log_likelihood", "log-likelihood", "log p(x)", "what the model gives the data, codes summed out", "elbo"
    ),
    _at_least_0(
        "inference_gap",
        "inference gap",
        "log p(x) − ELBO",
        "what the posterior's form and fit cost",
        "marginal",
        sum_of={"log_likelihood": 1, "elbo": -1},
    ),
    ReadingRow(
        "log_likelihood_jackknife",
        "log-likelihood, jackknifed",
        "log p(x)",
        "less the bound's first-order bias",
        "elbo",
    ),
    ReadingRow("iwae", "IWAE", "E log mean p(x, z)/q(z|x)", "the importance-weighted bound on log p(x)", "elbo"),
    _at_least_0(
        "approximation_gap", "approximation gap", "log p(x) − ELBO(q*)", "what the posterior's form costs", "marginal"
    ),
    _at_least_0(
        "amortisation_gap", "amortisation gap", "ELBO(q*) − ELBO(q)", "what one encoder for all x costs", "marginal"
    ),
    ReadingRow(
        "effective_sample_size",
        "effective samples",
        "(∑ w)² / ∑ w²",
        "how many samples carry log p(x)",
        unit="samples",
        least=1.0,
    ),
    ReadingRow("bdmc_lower", "BDMC, from below", "", "log p(x) of simulated data, annealed forwards"),
    ReadingRow("bdmc_upper", "BDMC, from above", "", "log p(x) of simulated data, annealed backwards"),
    _at_least_0(
        "bdmc_gap", "BDMC gap", "", "how far apart the two bounds lie", sum_of={"bdmc_upper": 1, "bdmc_lower": -1}
    ),
)
"""log p(x), the gaps, and BDMC's bounds."""
