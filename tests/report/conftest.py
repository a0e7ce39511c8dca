"""A run's plain data, made up, with the shapes that a run folder holds."""

import math

import numpy as np
import pytest

from termwise.report.pictures import Pictures


def reading(value, stderr, unit="nats", estimator="Monte Carlo", bias="unbiased"):
    interval = None if stderr is None or isinstance(value, list) else [value - 1.96 * stderr, value + 1.96 * stderr]
    bounds = {"lower": None, "upper": None}
    return {
        "value": value, "stderr": stderr, "interval": interval, "unit": unit, "estimator": estimator, "bias": bias,
        "n": 360,
    } | bounds  # fmt: skip


@pytest.fixture
def account():
    return {
        "readings": {
            "distortion": reading(23.4131, 0.187),
            "rate": reading(10.2104, 0.0712, estimator="closed form", bias="exact"),
            "elbo": reading(-33.6235, 0.199),
            "index_code_mi": reading(5.6312, 0.0213, estimator="full aggregate of 360 points"),
            "total_correlation": reading(3.214, 0.012),
            "dimension_wise_kl": reading(1.3652, 0.0204),
            "active_units": reading(2.0, None, unit="units"),
            "aggregate_mmd": reading(0.001234, 0.00031, unit="MMD^2", estimator="kernel"),
            "rate_by_dimension": reading([0.5, 6.25, 3.46], [0.012, 0.031, 0.025]),
            "dimension_wise_kl_by_dimension": reading([0.1, 0.9, 0.3652], [0.01, 0.011, 0.012]),
        },
        "withheld": {"marginal_kl": "it reads -3.2 ± 0.1 nats, where 0 is the least that there can be"},
        "diagnosis": ["2 of 3 dimensions are active.", "The index-code MI is within 0.26 nats of log N."],
    }


@pytest.fixture
def config():
    return {
        "data": {"source": "digits"},
        "model": {"latent": 3, "hidden": [64, 64]},
        "objective": {"recipe": "beta-tcvae", "beta": 6.0},
        "training": {"epochs": 4, "seed": 7},
    }


@pytest.fixture
def links(account):
    stops = ["posterior", "aggregate", "marginals", "prior"]
    names = ["index_code_mi", "total_correlation", "dimension_wise_kl"]
    taken = account["readings"]
    return [
        {"name": n, "from": a, "to": b, "value": taken[n]["value"], "stderr": taken[n]["stderr"], "unit": "nats"}
        for n, a, b in zip(names, stops[:-1], stops[1:], strict=True)
    ]


@pytest.fixture
def metrics():
    lines = []
    for epoch in range(1, 5):
        at = {"epoch": epoch, "step": 20 * epoch}
        weights = {"distortion": 1.0, "total_correlation": float(epoch)}
        terms = {"distortion": 30.0 - epoch, "total_correlation": math.nan if epoch == 2 else 0.5 * epoch}
        lines.append(at | {"split": "train", "loss": 31.0, "terms": terms, "weights": weights, "learning_rate": 1e-3})
        lines.append(at | {"split": "test", "terms": {"distortion": 31.5 - epoch, "marginal_kl": 2.0}})
        audited = {"estimate": 1.0, "full": 1.5, "difference": -0.5, "stderr": 0.125}
        lines.append(at | {"split": "audit", "terms": {"index_code_mi": audited}})
    return lines


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    x = rng.random((5, 1, 8, 8))
    return Pictures(x, 0.5 * x, rng.random((20, 1, 8, 8)), rng.random((3, 7, 1, 8, 8)), [0, 1, 2])
