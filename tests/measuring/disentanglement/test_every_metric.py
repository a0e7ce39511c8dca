"""What holds for every metric of the table: a row there is tested here by that alone."""

import numpy as np
import pytest
import torch

import termwise as tw
from helpers.factor_codes import grid, perfect, random
from termwise.account.readings import READINGS
from termwise.data import Dataset
from termwise.data.annotations import Annotations
from termwise.data.examples import InMemory
from termwise.errors import Refused, UnknownName
from termwise.measuring.disentanglement import METRICS, Encodings, Metric, Scale, Score, disentanglement
from termwise.terms.aggregate.mixture import Gaussians

REPEATS = 4
SIGMA = 0.05


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name == "dci" else ()) for name in METRICS])
def metric(request):
    return METRICS[request.param]


def encodings(mean, factors, seed=0):
    """Posteriors N(mean, SIGMA^2) in units of a dimension's spread, and a code from each."""
    mean = (mean - mean.mean(0)) / np.where(mean.std(0) > 0, mean.std(0), 1)
    own = torch.tensor(mean)
    noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    normals = Gaussians(own, torch.full_like(own, SIGMA))
    return Encodings(mean, np.full(mean.shape, SIGMA**2), own + SIGMA * noise, normals, "", factors)


def knowing(copies=75):
    """A code of one dimension a factor. Of two values each: one that lies between two others no line can tell."""
    factors = grid(2, 2, 2, copies=copies)
    return encodings(perfect(factors), factors)


def ignorant(copies=150, seed=0):
    """A code that has nothing to do with the factors."""
    factors = grid(2, 3, copies=copies)
    return encodings(random(factors, 3, seed), factors)


def scalars(metric, some, seed=0):
    readings = metric.readings(some, REPEATS, seed)
    return {name: reading for name, reading in readings.items() if not isinstance(reading.value, list)}


def test_a_perfect_code_scores_the_best_there_is(metric):
    some = knowing()
    for name, reading in scalars(metric, some).items():
        assert abs(reading.value - metric.scales[name].best(some.factors)) < 4 * reading.stderr + 0.01, name


def test_a_code_that_tells_nothing_scores_chance(metric):
    # Where the best of three dimensions, or the larger of two differences, is taken among ones that are all at
    # chance, the score is above it by the errors of its parts: of 225 examples here, one half of which is scored.
    some = ignorant()
    for name, reading in scalars(metric, some).items():
        if metric.scales[name].chance is not None:
            chance = metric.scales[name].chance(some.factors)
            assert abs(reading.value - chance) < 4 * reading.stderr + 112**-0.5, name
            assert reading.unit == "nats" or reading.value < metric.scales[name].best(some.factors) - 0.1, name


def test_the_order_of_dimensions_and_examples_says_nothing(metric):
    factors = grid(2, 3, copies=50)
    codes = perfect(factors)[:, [0, 1, 1]] + 0.5 * perfect(factors).std(0)[[0, 1, 1]] * random(factors, 3)
    one = encodings(codes, factors)
    rows, columns = np.random.default_rng(1).permutation(len(one)), [2, 0, 1]
    other = Encodings(
        one.mean[rows][:, columns],
        one.variance[rows][:, columns],
        one.z[rows][:, columns],
        Gaussians(one.normals.mean[rows][:, columns], one.normals.spread[rows][:, columns]),
        "",
        factors.rows(rows),
    )
    before, after = scalars(metric, one), scalars(metric, other)
    assert before.keys() == after.keys()
    for name in before:
        # Both are of the same examples, cut and resampled in another way: less apart than two estimates of others.
        error = 4 * np.hypot(before[name].stderr, after[name].stderr) + 1e-9
        assert abs(before[name].value - after[name].value) < error, name
        if "bootstrap" in metric.error:
            assert before[name].value == pytest.approx(after[name].value, abs=1e-9), name


def test_every_number_has_an_error_and_says_how_it_was_had(metric):
    some = knowing(copies=10)
    readings = metric.readings(some, 2, seed=0)
    assert {name.removesuffix("_by_factor") for name in readings} == set(metric.scales)
    for name, reading in readings.items():
        assert np.isfinite(reading.value).all() and np.isfinite(reading.stderr).all(), name
        assert np.shape(reading.value) == np.shape(reading.stderr)
        assert reading.name == name and reading.n == len(some)
        assert reading.unit == READINGS[name.removesuffix("_by_factor")].unit
        assert "{" not in reading.estimator and reading.bias == metric.bias
        if not isinstance(reading.value, list):
            assert reading.interval[0] <= reading.value <= reading.interval[1], name
            assert reading.stderr < 0.1, name


def test_a_seed_gives_the_same_readings_again(metric):
    some = ignorant(copies=20)
    first = metric.readings(some, 2, seed=3)
    assert metric.readings(some, 2, seed=3) == first
    assert metric.readings(some, 2, seed=4) != first


def test_a_metric_without_factors_is_refused_unless_it_needs_none(metric):
    some = knowing(copies=10)
    bare = Encodings(some.mean, some.variance, some.z, some.normals, "", None)
    if metric.needs_factors:
        with pytest.raises(Refused, match="compares codes with factors"):
            metric.readings(bare, 2, seed=0)
    else:
        assert set(metric.readings(bare, 2, seed=0)) == set(metric.scales)


def test_its_name_is_known_and_a_near_one_is_corrected(metric):
    with pytest.raises(UnknownName, match=f"Did you mean '{metric.name}'"):
        disentanglement(tw.adapt(encode=lambda x: (x, x)), tw.load_data(torch.zeros(4, 2)), metrics=[f"{metric.name}z"])


def test_one_row_from_outside_makes_a_metric_known(monkeypatch):
    rows = dict(METRICS._rows)
    monkeypatch.setattr(METRICS, "_rows", rows)

    def correlation(codes, factors, seed):
        between = np.corrcoef(codes.T, factors.index.T)[: codes.shape[1], codes.shape[1] :]
        return {"correlation": Score(float(np.abs(between).max(axis=0).mean()))}

    METRICS.add(Metric.on_parts("correlation", correlation, estimator="Pearson's", bias="sees lines only"))
    factors = grid(2, 3, copies=20)
    x = torch.tensor(factors.index, dtype=torch.float32)
    data = Dataset("toy", InMemory(x), Annotations(factors=torch.tensor(factors.index), factor_names=("a", "b")))
    model = tw.adapt(encode=lambda x: (x, torch.full_like(x, -4.0)))
    reading = disentanglement(model, data, metrics=["correlation"])["correlation"]
    assert reading.value == pytest.approx(1) and reading.unit == "score"
    assert reading.estimator.startswith("posterior means; Pearson's; mean of 5 disjoint parts of 24 examples")
    with pytest.raises(UnknownName, match="correlation"):
        disentanglement(model, data, metrics=["corelation"])


def test_a_number_whose_resamples_are_not_finite_says_that_it_has_no_error():
    row = Metric.by_bootstrap(
        "endless", lambda some: {"endless": lambda weights: Score(np.inf)}, estimator="none", bias="none"
    )
    reading = row.readings(knowing(copies=2), 2, seed=0)["endless"]
    assert reading.stderr is None and reading.interval is None
    assert reading.estimator.endswith("200 resamples, which is not finite")


def test_the_scale_is_from_nought_to_one_unless_a_row_says_otherwise():
    factors = grid(2, 3)
    assert (Scale().best(factors), Scale().chance(factors)) == (1, 0)
    row = Metric.on_parts("x", lambda codes, factors, seed: {}, estimator="", bias="")
    assert list(row.scales) == ["x"]
