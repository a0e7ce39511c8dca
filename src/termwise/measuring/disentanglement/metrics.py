"""The one table of disentanglement metrics: how each is estimated, with its error, and what is known of its bias."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from termwise.account import glossary
from termwise.account.reading import Reading
from termwise.errors import Refused
from termwise.measuring.disentanglement.beta_vae import PAIRS, VOTES, beta_vae_score
from termwise.measuring.disentanglement.codes import Encoded
from termwise.measuring.disentanglement.dci import TREES, dci
from termwise.measuring.disentanglement.explicitness import explicitness
from termwise.measuring.disentanglement.factor_vae import BATCH, MAJORITY, factor_vae_score
from termwise.measuring.disentanglement.factors import Factors
from termwise.measuring.disentanglement.gaussian_tc import gaussian_tc
from termwise.measuring.disentanglement.information import BINS, binned_information, mixture_information
from termwise.measuring.disentanglement.irs import QUANTILE, irs
from termwise.measuring.disentanglement.mig import mig
from termwise.measuring.disentanglement.modularity import modularity
from termwise.measuring.disentanglement.sap import sap
from termwise.measuring.disentanglement.score import RESAMPLES, Estimate, Score, bootstrapped, over_parts
from termwise.measuring.elbo.measure import ACTIVE_VARIANCE


@dataclass(frozen=True)
class Metric:
    """One row.

    Attributes:
        estimates: Takes the encoded examples, the number of repeats and a seed; gives estimates by reading name.
        estimator: How, in words.
        error: What the standard error is of, in words; {repeats} and {part} are filled in.
        bias: In which way it is off.
        needs_factors: Whether factors must be known.
    """

    estimates: Callable[[Encoded, int, int], Mapping[str, Estimate]]
    estimator: str
    error: str
    bias: str
    needs_factors: bool = True

    def readings(self, seen: Encoded, repeats: int, seed: int) -> dict[str, Reading]:
        """The readings by name, with the factors' own where the score is a mean over them."""
        error = self.error.format(repeats=repeats, part=f"{len(seen) // repeats:,}")
        about = {"bias": self.bias, "n": len(seen)}
        readings = {}
        for name, estimate in self.estimates(seen, repeats, seed).items():
            said = f"{self.estimator}; {error}"
            readings[name] = _reading(name, estimate, said, about)
            if estimate.score.by_factor and seen.factors is not None:
                said = f"{said}; in the order {', '.join(seen.factors.names)}"
                readings[f"{name}_by_factor"] = _by_factor(f"{name}_by_factor", estimate, said, about)
        return readings


def _reading(name: str, estimate: Estimate, estimator: str, about: Mapping[str, Any]) -> Reading:
    value, stderr = estimate.score.value, estimate.stderr.value
    known = bool(np.isfinite(stderr))
    interval = [value - estimate.reach * stderr, value + estimate.reach * stderr] if known else None
    unit, error = glossary.reading(name).unit, stderr if known else None
    return Reading(name, value, error, interval, None, None, unit, estimator, **about)


def _by_factor(name: str, estimate: Estimate, estimator: str, about: Mapping[str, Any]) -> Reading:
    values, stderrs = list(estimate.score.by_factor), list(estimate.stderr.by_factor)
    return Reading(name, values, stderrs, None, None, None, glossary.reading(name).unit, estimator, **about)


def _known(seen: Encoded) -> Factors:
    assert seen.factors is not None  # the caller asks for factors where a metric needs them
    return seen.factors


def _fitted(scores: Callable[[np.ndarray, Factors, int], Mapping[str, Score]], estimator: str, bias: str) -> Metric:
    """A metric of the posterior means that is taken on disjoint parts."""
    return Metric(
        lambda seen, repeats, seed: over_parts(scores, seen.mean, _known(seen), repeats, seed),
        f"posterior means; {estimator}",
        "mean of {repeats} disjoint parts of {part} examples, each with its own seed, and its standard error",
        bias,
    )


_BOOTSTRAP = f"standard error by a bootstrap over examples, {RESAMPLES} resamples"
_HALF = "one half fits, the other is scored"


def _mig(seen: Encoded, repeats: int, seed: int) -> dict[str, Estimate]:
    if seen.components is None:
        raise Refused(seen.refusal)
    information = mixture_information(seen.z, seen.components, _known(seen))
    return {"mig": bootstrapped(lambda weights: mig(information, weights), len(seen), seed)}


def _mig_binned(seen: Encoded, repeats: int, seed: int) -> dict[str, Estimate]:
    information = binned_information(seen.mean, _known(seen))
    return {"mig_binned": bootstrapped(lambda weights: mig(information, weights), len(seen), seed)}


def _modularity(seen: Encoded, repeats: int, seed: int) -> dict[str, Estimate]:
    active = seen.mean[:, seen.mean.var(axis=0) > ACTIVE_VARIANCE]
    if active.shape[1] < 2:
        raise Refused(f"Modularity compares active dimensions, two or more; {active.shape[1]} is active.")
    information = binned_information(active, _known(seen))
    return {"modularity": bootstrapped(lambda weights: modularity(information, weights), len(seen), seed)}


def _gaussian_tc(seen: Encoded, repeats: int, seed: int) -> dict[str, Estimate]:
    def estimate(within: np.ndarray | None) -> Estimate:
        return bootstrapped(lambda weights: gaussian_tc(seen.mean, within, weights), len(seen), seed)

    return {"gaussian_tc_of_means": estimate(None), "gaussian_tc_of_aggregate": estimate(seen.within)}


METRICS: dict[str, Metric] = {
    "mig": Metric(
        _mig,
        "sampled codes, exact mixture of normal posteriors by value of the factor (Chen et al., 2018)",
        _BOOTSTRAP,
        "each code's own posterior counts in its mixture, so information is biased up where few share a value",
    ),
    "mig_binned": Metric(
        _mig_binned,
        f"posterior means in {BINS} equal bins a dimension (Chen et al., 2018; binned as by Locatello et al., 2019)",
        _BOOTSTRAP,
        "ignores the posteriors' spread and sees bins, so it depends on their number",
    ),
    "modularity": Metric(
        _modularity,
        f"posterior means in {BINS} equal bins, dimensions of variance above {ACTIVE_VARIANCE} "
        "(Ridgeway and Mozer, 2018)",
        _BOOTSTRAP,
        "a dimension that says nothing scores at random, not 0; doesn't ask whether a factor is in one dimension",
    ),
    "explicitness": _fitted(
        lambda codes, factors, seed: {"explicitness": explicitness(codes, factors, seed=seed)},
        f"2 AUC - 1 of logistic regression, a value against the rest, {_HALF} (Ridgeway and Mozer, 2018)",
        "linear: the middle values of a factor that lies along a line are not explicit",
    ),
    "beta_vae": _fitted(
        lambda codes, factors, seed: {"beta_vae_score": beta_vae_score(codes, factors, seed=seed)},
        f"logistic regression, {VOTES:,} votes of {PAIRS} pairs from either half, {_HALF} (Higgins et al., 2017)",
        "chance is 1 over the number of factors; 1 also where one factor is left out of the code",
    ),
    "factor_vae": _fitted(
        lambda codes, factors, seed: {"factor_vae_score": factor_vae_score(codes, factors, seed=seed)},
        f"majority vote, {MAJORITY:,} votes of {BATCH} examples from either half, {_HALF}, "
        f"dimensions of variance above {ACTIVE_VARIANCE} (Kim and Mnih, 2018)",
        "chance is 1 over the number of factors",
    ),
    "dci": _fitted(
        lambda codes, factors, seed: {f"dci_{name}": score for name, score in dci(codes, factors, seed=seed).items()},
        f"{TREES} bagged trees a factor, their leaves cross-validated, {_HALF} (Eastwood and Williams, 2018)",
        "depends on the learner and its examples; informativeness is an accuracy, so its chance is the commonest value",
    ),
    "sap": _fitted(
        lambda codes, factors, seed: {"sap": sap(codes, factors, seed=seed)},
        f"balanced accuracy of thresholds on one dimension, {_HALF} (Kumar et al., 2018)",
        "at most 1 less chance, a factor's 1 over its number of values; every factor is taken as without order",
    ),
    "irs": _fitted(
        lambda codes, factors, seed: {"irs": irs(codes, factors)},
        f"{QUANTILE:.0%} quantile for the sup (Suter et al., 2019)",
        "biased up where few examples share a value; high for a dimension that hardly moves but for one factor",
    ),
    "gaussian_tc": Metric(
        _gaussian_tc,
        "total correlation of the normal law with the covariance (Locatello et al., 2019)",
        _BOOTSTRAP,
        "sees linear dependence only; biased up by about D (D - 1) / 4N",
        needs_factors=False,
    ),
}
