"""The one table of disentanglement metrics: a row makes a metric known to `disentanglement`, its errors and the tests.

What a row measures has a file of its own beside this one; another package brings a row by an entry point of the group
"termwise.metrics", and a script by `METRICS.add`.
"""

import numpy as np

from termwise.errors import Refused
from termwise.measuring.disentanglement.beta_vae import PAIRS, VOTES, beta_vae_score
from termwise.measuring.disentanglement.dci import TREES, dci
from termwise.measuring.disentanglement.encodings import Encodings
from termwise.measuring.disentanglement.explicitness import explicitness
from termwise.measuring.disentanglement.factor_vae import BATCH, MAJORITY, factor_vae_score
from termwise.measuring.disentanglement.factors import Factors
from termwise.measuring.disentanglement.gaussian_tc import gaussian_tc
from termwise.measuring.disentanglement.information import BINS, Information, binned_information, mixture_information
from termwise.measuring.disentanglement.irs import QUANTILE, irs
from termwise.measuring.disentanglement.metric import Metric, Scale
from termwise.measuring.disentanglement.mig import mig
from termwise.measuring.disentanglement.modularity import modularity
from termwise.measuring.disentanglement.sap import sap
from termwise.measuring.disentanglement.score import Score, ScoreOfWeights
from termwise.measuring.elbo.active_units import ACTIVE_VARIANCE
from termwise.registry import Registry

_HALVES = "one half fits, the other is scored"
_VOTE = Scale(chance=lambda factors: 1 / factors.count)
_INDEPENDENT = Scale(best=lambda factors: 0.0)


def _active_information(encodings: Encodings) -> Information:
    """Binned information of the dimensions in use."""
    active = encodings.mean[:, encodings.mean.var(axis=0) > ACTIVE_VARIANCE]
    if active.shape[1] < 2:
        raise Refused(f"Modularity compares active dimensions, two or more; {active.shape[1]} is active.")
    return binned_information(active, encodings.required_factors())


def _mig(encodings: Encodings) -> dict[str, ScoreOfWeights]:
    information = mixture_information(encodings.z, encodings.required_normals(), encodings.required_factors())
    return {"mig": lambda weights: mig(information, weights)}


def _mig_binned(encodings: Encodings) -> dict[str, ScoreOfWeights]:
    information = binned_information(encodings.mean, encodings.required_factors())
    return {"mig_binned": lambda weights: mig(information, weights)}


def _modularity(encodings: Encodings) -> dict[str, ScoreOfWeights]:
    information = _active_information(encodings)
    return {"modularity": lambda weights: modularity(information, weights)}


def _gaussian_tc(encodings: Encodings) -> dict[str, ScoreOfWeights]:
    mean, variance = encodings.mean, encodings.variance
    return {
        "gaussian_tc_of_means": lambda weights: gaussian_tc(mean, None, weights),
        "gaussian_tc_of_aggregate": lambda weights: gaussian_tc(mean, variance, weights),
    }


def _dci(codes: np.ndarray, factors: Factors, seed: int) -> dict[str, Score]:
    return {f"dci_{name}": score for name, score in dci(codes, factors, seed=seed).items()}


def _commonest(factors: Factors) -> float:
    """How often always giving the commonest value of a factor is right, averaged over the factors."""
    return float(np.mean([np.bincount(v).max() / len(v) for v in factors.index.T]))


METRICS: Registry[Metric] = Registry(
    "disentanglement metric",
    "termwise.metrics",
    [
        Metric.by_bootstrap(
            "mig",
            _mig,
            estimator="sampled codes, exact mixture of normal posteriors by value of the factor (Chen et al., 2018)",
            bias="each code's own posterior counts in its mixture, so information is biased up where few share a value",
        ),
        Metric.by_bootstrap(
            "mig_binned",
            _mig_binned,
            estimator=f"posterior means in {BINS} equal bins a dimension (Chen et al., 2018; binned as by Locatello et "
            "al., 2019)",
            bias="ignores the posteriors' spread and sees bins, so it depends on their number",
        ),
        Metric.by_bootstrap(
            "modularity",
            _modularity,
            estimator=f"posterior means in {BINS} equal bins, dimensions of variance above {ACTIVE_VARIANCE} "
            "(Ridgeway and Mozer, 2018)",
            bias="a dimension that says nothing scores at random, not 0; doesn't ask whether a factor is in one "
            "dimension",
            scales={"modularity": Scale(chance=None)},
        ),
        Metric.on_parts(
            "explicitness",
            lambda codes, factors, seed: {"explicitness": explicitness(codes, factors, seed=seed)},
            estimator=f"2 AUC - 1 of logistic regression, a value against the rest, {_HALVES} (Ridgeway and Mozer, "
            "2018)",
            bias="linear: the middle values of a factor that lies along a line are not explicit",
        ),
        Metric.on_parts(
            "beta_vae",
            lambda codes, factors, seed: {"beta_vae_score": beta_vae_score(codes, factors, seed=seed)},
            estimator=f"logistic regression, {VOTES:,} votes of {PAIRS} pairs from either half, {_HALVES} (Higgins et "
            "al., 2017)",
            bias="chance is 1 over the number of factors; 1 also where one factor is left out of the code",
            scales={"beta_vae_score": _VOTE},
        ),
        Metric.on_parts(
            "factor_vae",
            lambda codes, factors, seed: {"factor_vae_score": factor_vae_score(codes, factors, seed=seed)},
            estimator=f"majority vote, {MAJORITY:,} votes of {BATCH} examples from either half, {_HALVES}, "
            f"dimensions of variance above {ACTIVE_VARIANCE} (Kim and Mnih, 2018)",
            bias="chance is 1 over the number of factors",
            scales={"factor_vae_score": _VOTE},
        ),
        Metric.on_parts(
            "dci",
            _dci,
            estimator=f"{TREES} bagged trees a factor, their leaves cross-validated, {_HALVES} (Eastwood and Williams, "
            "2018)",
            bias="depends on the learner and its examples; informativeness is an accuracy, so its chance is the "
            "commonest value",
            scales={
                "dci_disentanglement": Scale(),
                "dci_completeness": Scale(),
                "dci_informativeness": Scale(chance=_commonest),
            },
        ),
        Metric.on_parts(
            "sap",
            lambda codes, factors, seed: {"sap": sap(codes, factors, seed=seed)},
            estimator=f"balanced accuracy of thresholds on one dimension, {_HALVES} (Kumar et al., 2018)",
            bias="at most 1 less chance, a factor's 1 over its number of values; every factor is taken as without "
            "order",
            scales={"sap": Scale(best=lambda factors: float(np.mean([1 - 1 / size for size in factors.sizes])))},
        ),
        Metric.on_parts(
            "irs",
            lambda codes, factors, seed: {"irs": irs(codes, factors)},
            estimator=f"{QUANTILE:.0%} quantile for the sup (Suter et al., 2019)",
            bias="biased up where few examples share a value; high for a dimension that hardly moves but for one "
            "factor",
        ),
        Metric.by_bootstrap(
            "gaussian_tc",
            _gaussian_tc,
            estimator="total correlation of the normal law with the covariance (Locatello et al., 2019)",
            bias="sees linear dependence only; biased up by about D (D - 1) / 4N",
            scales={"gaussian_tc_of_means": _INDEPENDENT, "gaussian_tc_of_aggregate": _INDEPENDENT},
            needs_factors=False,
        ),
    ],
)
"""The disentanglement metrics by name, in the order in which they are measured."""
