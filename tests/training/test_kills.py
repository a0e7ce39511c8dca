"""A training that is killed, by the machine's own means, ends as if it had never been."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import termwise as tw
from helpers.killed_runs import after, differences, killed, unlike
from termwise.training import config_from, with_setting

SETTINGS = ["training.checkpoint_steps=3", "training.batch_size=32", "model.options.hidden=[16]"]


@pytest.mark.slow
def test_a_training_killed_within_an_epoch_and_at_its_end_leaves_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    source = str(tmp_path / "data.npy")
    np.save(source, np.random.default_rng(0).random((800, 12), dtype=np.float32))
    arguments = ["--data", source, "--recipe", "beta-tcvae", "--epochs", "2"]
    for setting in SETTINGS:
        arguments += ["--set", setting]

    checkpoint = broken / "checkpoints" / "last.pt"
    assert killed(arguments, broken, lambda: step(checkpoint) >= 6)
    assert step(checkpoint) % 20, "killed at the end of an epoch: this test means to do it in the middle"
    assert killed(arguments, broken, (broken / "account.json").exists)

    tables = {"data": {"source": source}, "objective": {"recipe": "beta-tcvae"}, "training": {"epochs": 2}}
    for setting in SETTINGS:
        tables = with_setting(tables, setting)
    tw.train(out=broken, resume=True, progress=False)
    tw.train(config_from(tables), out=whole, progress=False)
    assert differences(whole, broken) == []


def step(checkpoint) -> int:
    """Of the last checkpoint; 0 where there is none, as for the moment in which a new one takes its place."""
    try:
        return torch.load(checkpoint, weights_only=True)["step"]
    except FileNotFoundError:
        return 0


def test_differences_are_seen_in_bytes_tensors_and_names(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        torch.save({"x": torch.ones(2), "n": 1, "l": [1, 2]}, tmp_path / name / "last.pt")
        (tmp_path / name / "t").write_text("same")
    assert differences(tmp_path / "a", tmp_path / "b") == []
    (tmp_path / "a" / "t").write_text("other")
    (tmp_path / "b" / "more").touch()
    torch.save({"x": torch.ones(2) + 2**-23, "n": 1, "l": [1, 3]}, tmp_path / "a" / "last.pt")
    found = differences(tmp_path / "a", tmp_path / "b")
    assert found == ["last.pt: state.x", "last.pt: state.l.1", "more is in one folder only", "t: bytes"]
    assert list(unlike({"a": 1}, {"a": 1.0})) == ["state.a"]


def test_a_training_that_fails_is_not_taken_for_one_that_was_killed(tmp_path):
    with pytest.raises(RuntimeError, match="No such option"):
        killed(["--nonesuch"], tmp_path / "run", after(60))


@pytest.mark.slow
def test_a_dozen_kills_of_four_recipes_leave_the_same_bytes():
    """A short one of `benchmarks/kills.py`, which has two hundred."""
    script = Path(__file__).parents[2] / "benchmarks" / "kills.py"
    ended = subprocess.run([sys.executable, script, "--kills", "12"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
