"""MLflow's runs in a local store, read back by MLflow's own client."""

import pytest

import termwise as tw
from helpers.tracked import curve, images, tracked

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def runs_of(client):
    return client.search_runs([client.get_experiment_by_name("termwise").experiment_id])


def test_a_run_has_curves_configuration_readings_figures_and_the_report_and_goes_on(tmp_path, client):
    tracked(tmp_path / "run", "mlflow")
    run = tw.train(resume=True, data=images(), epochs=3, out=tmp_path / "run", progress=False)
    (told,) = runs_of(client)
    assert (told.info.run_name, told.info.status) == ("run", "FINISHED")
    for split in ("train", "test"):
        for name in ("distortion", "rate"):
            history = client.get_metric_history(told.info.run_id, f"{split}/{name}")
            assert [(one.step, one.value) for one in history] == curve(run, split, name)
    metrics = told.data.metrics
    assert metrics["account/rate"] == run.account["rate"].value
    assert metrics["account_stderr/rate"] == run.account["rate"].stderr
    assert told.data.params["model.latent"] == "2" and told.data.params["training.epochs"] == "2"
    assert told.data.tags["training.epochs"] == "3"  # which had grown
    assert run.account.diagnosis[0] in told.data.tags["mlflow.note.content"]
    files = {one.path for one in client.list_artifacts(told.info.run_id)}
    assert files == {"account.json", "figures", "report.html"}
    assert len(client.list_artifacts(told.info.run_id, "figures")) == 3


def test_a_run_whose_run_is_gone_is_told_anew_and_an_error_is_a_failed_run(tmp_path, client):
    tracked(tmp_path / "run", "mlflow", 1)
    (first,) = runs_of(client)
    client.delete_run(first.info.run_id)

    class Fails(tw.training.Silent):
        def evaluated(self, epoch, split, terms):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        tracked(tmp_path / "run", "mlflow", 3, resume=True, callbacks=[Fails()])
    (second,) = runs_of(client)
    assert second.info.run_id != first.info.run_id and second.info.status == "FAILED"
    assert len(client.get_metric_history(second.info.run_id, "train/rate")) == 1
