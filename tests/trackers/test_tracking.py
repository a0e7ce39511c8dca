"""What trackers are told of a training, of one that goes on, and what comes of one that fails."""

import json
import subprocess
import sys

import pytest

import termwise as tw
from helpers.tracked import Recorder, curve, images, tracked
from termwise.cli import main
from termwise.errors import BadData, Refused
from termwise.registry import UnknownRow
from termwise.trackers.tracking import TrackerFailed
from termwise.training import Silent

ROW = tw.Row("recorder", Recorder, "what was told")


@pytest.fixture(autouse=True)
def recorder(monkeypatch):
    monkeypatch.setattr(tw.TRACKERS, "_rows", {**tw.TRACKERS._rows, "recorder": ROW})
    monkeypatch.setattr(Recorder, "told", [])
    monkeypatch.setattr(Recorder, "fails_in", None)
    monkeypatch.setattr(Recorder, "gone", False)


def test_a_tracker_is_told_the_lines_the_account_and_the_figures_of_a_run(tmp_path):
    run = tracked(tmp_path / "run", "recorder")
    assert Recorder.calls() == ["begin", "point", "point", "readings", "figures", "end"]
    points = [said for what, said in Recorder.told if what == "point"]
    for split in ("train", "test"):
        for name in ("distortion", "rate", "total_correlation"):
            assert [(one.step, one.flat[f"{split}/{name}"]) for one in points] == curve(run, split, name)
    assert [one.flat["schedule/epoch"] for one in points] == [1.0, 2.0]
    assert points[0].flat["schedule/weight_of_rate"] == 1.0 and points[0].flat["schedule/learning_rate"] == 1e-3
    account, step = Recorder.told[3][1]
    assert dict(account) == dict(run.account) and step == points[-1].step
    figures = Recorder.told[4][1][0]
    assert list(figures) == ["reconstructions", "samples", "traversals"]
    assert all(png.startswith(b"\x89PNG") for png in figures.values())
    assert Recorder.told[0][1] == ("run", None, 0) and Recorder.told[-1][1] is None


def test_the_audit_and_a_critics_numbers_have_groups_of_their_own(tmp_path):
    tracked(tmp_path / "tc", "recorder", 1, recipe="beta-tcvae")
    (point,) = (said for what, said in Recorder.told if what == "point")
    (audit,) = (line for line in tw.load_run(tmp_path / "tc", data=images()).metrics() if line["split"] == "audit")
    assert point.groups["training_minus_full"]["total_correlation"] == audit["terms"]["total_correlation"]["difference"]
    Recorder.told.clear()
    run = tracked(tmp_path / "factor", "recorder", 1, recipe="factor-vae")
    (point,) = (said for what, said in Recorder.told if what == "point")
    critic = next(line for line in run.metrics() if line.get("player", "autoencoder") != "autoencoder")
    assert point.groups[critic["player"]]["loss"] == critic["loss"]
    assert point.groups["train"]["loss"] == run.metrics()[0]["loss"] != critic["loss"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_that_goes_on_goes_on_in_the_trackers_run_and_begins_anew_where_that_is_gone(tmp_path, gone):
    run = tracked(tmp_path / "run", ["recorder"])
    known = json.loads((tmp_path / "run" / "tracking.json").read_text())["recorder"]["run"]
    step = run.metrics()[-1]["step"]
    Recorder.told.clear()
    Recorder.gone = gone
    longer = tw.train(resume=True, data=images(), epochs=4, out=tmp_path / "run", progress=False)
    assert Recorder.told[0] == ("begin", ("run", known, step))
    steps = [line["step"] for line in longer.metrics() if line["split"] == "train"]
    assert Recorder.steps() == (steps if gone else steps[2:])
    assert "readings" in Recorder.calls()


def test_a_run_that_has_ended_is_told_to_a_tracker_that_is_named_late_and_once(tmp_path):
    run = tracked(tmp_path / "run", None)
    assert Recorder.told == [] and not (tmp_path / "run" / "tracking.json").exists()
    late = tracked(tmp_path / "run", "recorder", resume=True)
    assert dict(late.account) == dict(run.account)
    assert Recorder.calls() == ["begin", "point", "point", "readings", "figures", "end"]
    Recorder.told.clear()
    tracked(tmp_path / "run", None, resume=True)  # which goes on with its own trackers
    assert Recorder.calls() == ["begin", "end"]


def test_a_run_that_begins_anew_begins_anew_in_its_trackers(tmp_path):
    tracked(tmp_path / "run", "recorder")
    Recorder.told.clear()
    tracked(tmp_path / "run", "recorder", 1, overwrite=True)
    assert Recorder.told[0][1] == ("run", None, 0)
    tracked(tmp_path / "run", None, 1, overwrite=True)
    assert not (tmp_path / "run" / "tracking.json").exists()


SLOW = [pytest.param(one, marks=pytest.mark.slow) for one in ("readings", "end")]


@pytest.mark.parametrize("fails_in", ["begin", "point", "figures", *SLOW])
def test_a_tracker_that_fails_costs_one_warning_and_no_training(tmp_path, fails_in):
    plain = tracked(tmp_path / "plain", None)
    Recorder.fails_in = fails_in
    with pytest.warns(TrackerFailed) as warned:
        run = tracked(tmp_path / "run", "recorder")
    said = [str(one.message) for one in warned if one.category is TrackerFailed]
    assert len(said) == 1 and "ConnectionError: 'the server is away'" in said[0] and "--track recorder" in said[0]
    assert dict(run.account) == dict(plain.account)
    Recorder.fails_in = None
    Recorder.told.clear()
    tracked(tmp_path / "run", "recorder", resume=True)  # what it was not told, it is told now
    missed = {"begin": 2, "point": 2}.get(fails_in, 0)
    assert Recorder.calls().count("point") == missed
    assert ("readings" in Recorder.calls()) == (fails_in != "end")


def test_one_trackers_failure_is_not_anothers(tmp_path, monkeypatch):
    class Broken(Recorder):
        def point(self, point):
            raise OSError("the disk is full")

    monkeypatch.setitem(tw.TRACKERS._rows, "broken", tw.Row("broken", Broken, "fails"))
    with pytest.warns(TrackerFailed, match="the disk is full"):
        tracked(tmp_path / "run", ["broken", "recorder"])
    assert len(Recorder.steps()) == 2


class Interrupted(Silent):
    def evaluated(self, epoch, split, terms):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_training_that_is_interrupted_is_closed_and_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        tracked(tmp_path / "run", "recorder", 3, callbacks=[Interrupted()])
    what, error = Recorder.told[-1]
    assert what == "end" and isinstance(error, KeyboardInterrupt)
    run = tracked(tmp_path / "run", "recorder", 3, resume=True)
    assert Recorder.steps() == [line["step"] for line in run.metrics() if line["split"] == "train"]


def test_what_cannot_be_is_refused_before_anything_is_begun(tmp_path):
    with pytest.raises(UnknownRow, match=r"Unknown tracker 'recordr'\. Did you mean 'recorder'\?"):
        tracked(tmp_path / "run", "recordr")
    assert not (tmp_path / "run").exists()
    run = tracked(tmp_path / "run", "recorder", 1)
    (run.folder.tracking_file).write_text('{"recorder": {"run": 3}}')
    with pytest.raises(BadData, match=r"tracking.json.*Remove it"):
        tracked(tmp_path / "run", "recorder", 2, resume=True)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_a_package_that_is_absent_is_named_with_what_installs_it(name, tmp_path, monkeypatch):
    monkeypatch.setattr("termwise.trackers.tracker.find_spec", lambda package: None)
    with pytest.raises(Refused, match=rf"pip install 'termwise\[{name}\]'"):
        tracked(tmp_path / "run", name)
    assert not (tmp_path / "run").exists()


def test_the_configuration_and_the_command_say_who_tracks(tmp_path, monkeypatch, capsys):
    run = tracked(tmp_path / "run", ["recorder", "recorder"], 1)
    assert run.config.training.trackers == ["recorder"]
    again = tw.train(run.folder.config_file and run.folder.config(), data=images(), out=tmp_path / "b", progress=False)
    assert again.config.training.trackers == ["recorder"]
    Recorder.told.clear()
    command = ["train", "--data=four-points", "--recipe=vae", "--epochs=1", "--latent=2", "--track=recorder"]
    monkeypatch.setattr(sys, "argv", ["termwise", *command, f"--out={tmp_path / 'command'}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0 and Recorder.calls()[0] == "begin"
    assert 'track = [\n    "recorder",\n]' in (tmp_path / "command" / "config.toml").read_text()


def test_a_plain_training_loads_no_tracker_and_no_callbacks_package():
    """Of transformers it cannot be said: lightning-fabric loads torchmetrics where it is, and that transformers."""
    code = "import sys, tempfile, termwise as tw; tw.train(data='four-points', recipe='vae', epochs=1, progress=False, "
    code += "out=tempfile.mkdtemp()); print({'tensorboard', 'wandb', 'mlflow', 'trackio', 'lightning', 'pythae'} & "
    code += "{*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
