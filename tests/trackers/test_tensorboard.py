"""TensorBoard's event files, read back by TensorBoard's own reader."""

import pytest

import termwise as tw
from helpers.tracked import curve, images, tracked
from termwise.account.rounding import with_error

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def events(folder):
    of = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "scalars": 0})
    of.Reload()
    return of


def points(folder, tag):
    return [(one.step, pytest.approx(one.value, rel=1e-6)) for one in events(folder).Scalars(tag)]


def test_a_run_and_one_that_goes_on_beyond_its_end_are_one_curve(tmp_path):
    tracked(tmp_path / "run", "tensorboard")
    run = tw.train(resume=True, data=images(), epochs=3, out=tmp_path / "run", progress=False)
    folder = run.folder.tensorboard_folder
    for split in ("train", "test"):
        for name in ("distortion", "rate", "total_correlation"):
            assert curve(run, split, name) == points(folder / split, f"curves/{name}")
    assert points(folder, "schedule/epoch") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    account = events(folder / "account")
    assert {tag: account.Scalars(tag)[0].value for tag in account.Tags()["scalars"]} == {
        f"curves/{name}": pytest.approx(one.value, rel=1e-6) for name, one in run.account.overall.items()
    }


def test_the_configuration_the_readings_and_the_figures_are_there(tmp_path):
    run = tracked(tmp_path / "run", "tensorboard", 1)
    of = events(run.folder.tensorboard_folder)
    text = {
        tag: of.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode()
        for tag in ("account", "configuration")
    }
    assert "model.latent = 2" in text["configuration"]
    rate = run.account["rate"]
    assert f"| rate | {with_error(rate.value, rate.stderr)} | nats |" in text["account"]
    assert run.account.diagnosis[0] in text["account"]
    shapes = {tag: (of.Images(tag)[0].width, of.Images(tag)[0].height) for tag in of.Tags()["images"]}
    assert set(shapes) == {"figures/reconstructions", "figures/samples", "figures/traversals"}
    assert all(width >= 48 and height >= 48 for width, height in shapes.values())


def test_a_step_that_was_made_twice_is_shown_once(tmp_path):
    """As after a process that died between a tracker's line and the next checkpoint."""
    run = tracked(tmp_path / "run", "tensorboard", 2)
    saved = run.folder.tracking_file.read_text()
    run.folder.tracking_file.write_text(saved.replace('"lines": 6', '"lines": 3').replace('"step": 2', '"step": 1'))
    longer = tracked(tmp_path / "run", "tensorboard", 2, resume=True)
    assert longer.metrics() == run.metrics()
    assert curve(run, "train", "rate") == points(run.folder.tensorboard_folder / "train", "curves/rate")


def test_a_run_that_begins_anew_leaves_no_curve_of_the_old(tmp_path):
    tracked(tmp_path / "run", "tensorboard", 3)
    run = tracked(tmp_path / "run", "tensorboard", 1, overwrite=True)
    assert curve(run, "test", "rate") == points(run.folder.tensorboard_folder / "test", "curves/rate")


def test_nothing_is_written_through_a_link(tmp_path):
    run = tracked(tmp_path / "run", None, 1)
    (tmp_path / "elsewhere").mkdir()
    run.folder.tensorboard_folder.symlink_to(tmp_path / "elsewhere")
    tracked(tmp_path / "run", "tensorboard", 1, resume=True)
    assert list((tmp_path / "elsewhere").iterdir()) == []
