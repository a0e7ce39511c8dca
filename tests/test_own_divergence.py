"""A run whose f is a function of the user's: reading it imports nothing, going on with it takes the caller's word."""

import sys

import pytest

import termwise as tw
from termwise.errors import Refused

MODULE = "import pathlib\npathlib.Path({mark!r}).touch()\n\n\ndef own(r):\n    return (r - 1) ** 2 / (r + 1)\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of f_of_a_run:own, whose module has left no mark yet, and is none that this process has seen."""
    mark = tmp_path / "was run"
    (tmp_path / "f_of_a_run.py").write_text(MODULE.format(mark=str(mark)))
    sys.modules.pop("f_of_a_run", None)
    monkeypatch.chdir(tmp_path)
    made = tw.train(
        data="four-points", recipe="f-vae", divergence="f_of_a_run:own", hidden=[8], epochs=1, latent=2, out="run",
        progress=False,
    )  # fmt: skip
    assert mark.exists() and any("own_by_critic" in name for name in made.metrics()[0]["terms"])
    mark.unlink()
    sys.modules.pop("f_of_a_run", None)
    return mark


def test_reading_runs_nothing_and_going_on_takes_the_word(run):
    tw.load_run("run")
    tw.measure("run")
    tw.write_report(tw.load_run("run"))
    assert not run.exists()
    with pytest.raises(Refused, match=r"'f_of_a_run:own'.*trust=\['f_of_a_run'\], or --trust f_of_a_run"):
        tw.train(resume=True, out="run", epochs=2, progress=False)
    assert not run.exists()
    tw.train(resume=True, out="run", epochs=2, trust="f_of_a_run", progress=False)
    assert run.exists()


def test_who_names_it_again_has_said_the_word(run):
    tw.train(
        recipe="f-vae", divergence="f_of_a_run:own", hidden=[8], resume=True, out="run", epochs=2, progress=False
    )  # fmt: skip
    assert run.exists()


def test_what_is_no_f_is_refused_before_a_step(tmp_path, monkeypatch):
    (tmp_path / "no_f.py").write_text("def up(r):\n    return r\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match=r"needs f\(1\) = 0"):
        tw.train(data="four-points", recipe="f-vae", divergence="no_f:up", hidden=[8], out="run", progress=False)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
