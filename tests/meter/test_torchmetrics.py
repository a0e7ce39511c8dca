"""A meter among the metrics of torchmetrics."""

import sys

import pytest
import torch

import termwise as tw


def test_without_torchmetrics_one_message_says_what_to_install(monkeypatch):
    from termwise.meter import torchmetric

    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    torchmetric._metric_class.cache_clear()
    with pytest.raises(tw.errors.Refused, match="pip install torchmetrics"):
        tw.Meter(dataset_size=50).as_metric()


def test_a_collection_reads_updates_resets_moves_and_saves_it():
    torchmetrics = pytest.importorskip("torchmetrics")
    mean, log_variance = torch.randn(300, 2), torch.full((300, 2), -2.0)
    metric = tw.Meter(dataset_size=300).as_metric()
    together = torchmetrics.MetricCollection({"terms": metric, "again": tw.Meter(dataset_size=300).as_metric()})
    for part in torch.arange(300).split(128):
        together.update(posterior=(mean[part], log_variance[part]), index=part, more=1)
    readings = together.compute()
    exact = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    rates = [value for name, value in readings.items() if name.endswith("rate")]
    assert rates and all(abs(rate - exact) < 1e-5 for rate in rates)
    assert metric.account.data["n"] == 300
    restored = tw.Meter(dataset_size=300).as_metric()
    restored.load_state_dict(metric.state_dict())
    assert restored.meter.compute()["rate"].value == pytest.approx(float(exact), abs=1e-5)
    alone = metric.to("cpu")((mean[:50], log_variance[:50]), index=torch.arange(50))
    assert abs(alone["rate"] - 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)[:50].sum(1).mean()) < 1e-5
    assert metric.compute()["rate"] == pytest.approx(float(exact), abs=1e-5)  # the 50 count once
    together.reset()
    assert len(together["terms"].meter) == 0
