"""What holds for every measure of quality in the table: a row there is tested here by that alone."""

import numpy as np
import pytest
import torch

import termwise as tw
from termwise.account.reading import Reading
from termwise.account.readings import READINGS
from termwise.measuring.quality import QUALITY_MEASURES, FeatureClouds, QualityMeasure, sample_quality


@pytest.fixture(params=QUALITY_MEASURES)
def measure(request):
    return QUALITY_MEASURES[request.param]


def cloud(count, seed, shift=0.0):
    return shift + torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def readings(measure, samples, real):
    return {one.name: one for one in measure.readings(FeatureClouds(samples, real, "features by hand", 5))}


def test_every_number_has_an_error_and_says_how_it_was_had(measure):
    for name, reading in readings(measure, cloud(300, 1), cloud(250, 2)).items():
        assert reading.name == name and name in READINGS and reading.unit == READINGS[name].unit
        assert np.isfinite(reading.value) and reading.stderr > 0
        assert reading.interval[0] <= reading.value <= reading.interval[1]
        assert "features by hand" in reading.estimator and reading.bias
        assert reading.n in (250, 300)  # the overlap takes as many of either


def test_turning_all_features_alike_changes_nothing(measure):
    samples, real = cloud(200, 1, 0.5), cloud(200, 2)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)).Q
    before, after = readings(measure, samples, real), readings(measure, samples @ turn, real @ turn)
    for name in before:
        assert after[name].value == pytest.approx(before[name].value, rel=1e-6, abs=1e-8), name
        assert after[name].stderr == pytest.approx(before[name].stderr, rel=1e-4, abs=1e-8), name


def test_samples_of_another_law_read_otherwise_than_real_examples_by_many_errors(measure):
    same, other = (readings(measure, cloud(400, 1, shift), cloud(400, 2)) for shift in (0.0, 10.0))
    for name in same:
        error = np.hypot(same[name].stderr, other[name].stderr)
        assert abs(other[name].value - same[name].value) > 10 * error, name


def test_one_row_from_outside_is_in_the_account_beside_what_real_examples_read(monkeypatch):
    monkeypatch.setattr(QUALITY_MEASURES, "_rows", dict(QUALITY_MEASURES._rows))

    def gap(clouds):
        value = float((clouds.samples.mean(0) - clouds.real.mean(0)).norm())
        return [Reading("mean_gap", value, None, None, None, None, "features", "means", "up", len(clouds.samples))]

    QUALITY_MEASURES.add(QualityMeasure("mean_gap", gap))
    samples, real = cloud(400, 1, 2.0).float(), cloud(400, 2).float()
    account = sample_quality(samples, tw.load_data(real), features=torch.nn.Identity())
    assert account["mean_gap"].value == pytest.approx(float((samples.mean(0) - real.mean(0)).norm()), rel=1e-5)
    assert account["mean_gap_of_real"].value < 0.5
