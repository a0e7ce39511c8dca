"""A sweep trains every setting with every seed, once, and goes on wherever it was cut short."""

import json
import multiprocessing
import os
import signal
import time

import pytest

import termwise as tw
from helpers.killed_runs import differences
from helpers.swept import claim_and_wait
from termwise.errors import BadData, Refused
from termwise.sweeps import SweepFolder, load_sweep, sweep_config_from
from termwise.sweeps.plan import Plan

BASE = {
    "data": {"source": "four-points"},
    "model": {"latent": 2, "options": {"hidden": [4]}},
    "objective": {"recipe": "beta-vae"},
    "training": {"epochs": 2},
}
GRID = {"objective.beta": [1, 4]}


def swept(out, **more):
    return tw.sweep(**{"base": BASE, "grid": GRID, "seeds": 2, "out": out, "progress": False} | more)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return swept(tmp_path_factory.mktemp("sweep") / "beta")


def test_a_run_is_the_one_that_train_gives(done, tmp_path):
    config = {**BASE, "objective": {"recipe": "beta-vae", "beta": 4}, "training": {"epochs": 2, "seed": 1}}
    tw.train(config, out=tmp_path / "alone", progress=False)
    assert differences(tmp_path / "alone", done.folder / "runs" / "beta=4,seed=1") == []


def test_means_and_differences_are_over_seeds(done):
    runs = {(run.setting["objective.beta"], run.seed): run.readings["rate"].value for run in done.runs}
    assert len(runs) == 4 and done.states == {"finished": 4}
    first, second = done.of("rate")
    assert first.value == pytest.approx((runs[1, 0] + runs[1, 1]) / 2)
    assert second.stderr == pytest.approx(abs(runs[4, 0] - runs[4, 1]) / 2)
    pairs = done.difference("rate", {"beta": 1}, {"objective.beta": 4})
    assert pairs.value == pytest.approx(second.value - first.value) and pairs.n == 2
    assert done.best("rate", highest=False).setting == {"objective.beta": 4 if second.value < first.value else 1}
    with pytest.raises(Refused, match="the sweep does not say"):
        done.best("rate")
    with pytest.raises(Refused, match=r"There are: beta=1; beta=4"):
        done.at({"beta": 3}, "rate")


def test_the_folder_says_it_all_again(done):
    again = load_sweep(done.folder)
    assert again.to_json() == done.to_json() == json.loads((done.folder / "results.json").read_text())
    record = json.loads((done.folder / "sweep.json").read_text())
    assert record["keys"] == ["objective.beta"]
    assert {(row["folder"], row["state"], row["starts"]) for row in record["runs"]} == {
        (f"runs/beta={beta},seed={seed}", "finished", 1) for beta in (1, 4) for seed in (0, 1)
    }
    assert all((done.folder / row["folder"] / "account.json").exists() for row in record["runs"])
    columns = done.to_dict(["elbo"])
    assert list(columns) == ["objective.beta", "n", "elbo", "elbo_stderr"] and columns["n"] == [2, 2]
    assert len((done.folder / "results.csv").read_text().splitlines()) == 3
    assert done.to_frame(["elbo"]).shape == (2, 4)
    assert "4 finished" in repr(done) and "beta=4" in repr(done)
    assert str(done.of("elbo")[1].over_seeds) in done._repr_html_() and "index.html" in done._repr_html_()


def test_what_has_ended_is_left_alone_and_more_is_added(done, tmp_path):
    out = tmp_path / "grown"
    swept(out)
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}
    grown = swept(out, grid={"objective.beta": [1, 4, 9]}, seeds=3)
    after = {path: path.stat().st_mtime_ns for path in before}
    assert before == after and grown.states == {"finished": 9}


def test_a_run_that_was_cut_short_goes_on(tmp_path, monkeypatch):
    """In the middle of the second run something that is no failure of the run ends the sweep."""
    out, calls = tmp_path / "cut", []

    def cut_short(trainer):
        calls.append(trainer)
        if len(calls) == 3:  # the second run's second epoch is not saved
            raise KeyboardInterrupt
        return save(trainer)

    save = tw.training.Trainer._run_epoch
    monkeypatch.setattr(tw.training.Trainer, "_run_epoch", cut_short)
    with pytest.raises(KeyboardInterrupt):
        swept(out, grid={"objective.beta": [4]})
    assert load_sweep(out).states == {"finished": 1, "running": 1}
    monkeypatch.undo()
    assert swept(out, grid={"objective.beta": [4]}).states == {"finished": 2}
    rows = SweepFolder(out).record().runs
    assert [row.starts for row in rows] == [1, 2]


def test_failures_are_kept_apart_and_not_tried_again_unless_asked(tmp_path):
    out = tmp_path / "failing"
    grid = {"data.source": ["four-points", str(tmp_path / "no.npy")]}
    found = swept(out, grid=grid, seeds=1)
    assert found.states == {"finished": 1, "failed": 1}
    (failed,) = (run for run in found.runs if run.state == "failed")
    assert "no.npy" in failed.reason and len(found.of("elbo")) == 1
    assert [row.starts for row in SweepFolder(out).record().runs] == [1, 1]
    swept(out, grid=grid, seeds=1)
    assert [row.starts for row in SweepFolder(out).record().runs] == [1, 1]
    swept(out, grid=grid, seeds=1, retry_failed=True)
    assert [row.starts for row in SweepFolder(out).record().runs] == [1, 2]


def test_an_error_of_the_code_is_a_failure_with_its_trace(tmp_path, monkeypatch):
    def broken(trainer):
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr(tw.training.Trainer, "run", broken)
    found = swept(tmp_path / "broken", grid=None, seeds=1)
    assert found.runs[0].reason == "ZeroDivisionError: a slip" and found.readings == []
    assert "in broken" in (tmp_path / "broken" / "logs" / "seed=0.txt").read_text()


def test_a_claim_is_free_once_its_process_is_gone(tmp_path):
    """Also where it was killed; while it lives another has the next run."""
    folder = SweepFolder(tmp_path / "claimed")
    folder.begin(sweep_config_from({"base": BASE, "sweep": {"grid": GRID}}))
    ready, holder = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=claim_and_wait, args=(folder.path, holder))
    process.start()
    assert ready.recv() == "beta=1,seed=0"
    run, claim = Plan(folder).next()
    assert run.name == "beta=4,seed=0"
    assert Plan(folder).next() is None and not Plan(folder).anything_open()
    folder.change(run.name, lambda row: run.row())
    with pytest.raises(Refused, match=r"Another process carries out runs/beta=4,seed=0"):
        folder.clear()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    deadline = time.monotonic() + 20
    while (found := Plan(folder).next()) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found[0].name == "beta=1,seed=0"
    claim.release()
    found[1].release()


def test_a_folder_that_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(BadData, match=r"no sweep's folder"):
        load_sweep(tmp_path)
    with pytest.raises(Refused, match="workers=1"):
        swept(tmp_path / "x", data=[[0.0], [1.0]], workers=2)


def test_overwriting_begins_anew(tmp_path):
    out = tmp_path / "anew"
    swept(out, seeds=1)
    with pytest.raises(Refused, match="holds another sweep: its base is another"):
        swept(out, base={**BASE, "training": {"epochs": 1}}, seeds=1)
    found = swept(out, base={**BASE, "training": {"epochs": 1}}, seeds=1, overwrite=True)
    assert found.states == {"finished": 2}
    assert {row.starts for row in SweepFolder(out).record().runs} == {1}


def test_the_command_prints_a_table_and_json(tmp_path, call):
    file, out = tmp_path / "sweep.toml", tmp_path / "sweep"
    config = sweep_config_from({"base": BASE, "sweep": {"grid": GRID}})
    folder = SweepFolder(tmp_path / "for-the-file")
    folder.begin(config)
    file.write_text(folder.config_file.read_text())
    status, printed, said = call("sweep", file, "--out", out)
    assert status == 0 and "ELBO" in printed.upper() and "2 of 2" in said, said
    status, printed, said = call("sweep", file, "--out", out, "--json")
    assert status == 0 and json.loads(printed)["settings"][0]["settings"] == {"objective.beta": 1}
    assert said == ""
    status, _, said = call("sweep", tmp_path / "none.toml", "--out", out)
    assert status == 2 and "There is no configuration at" in said
