"""What is damaged or was changed since is told, and where the last checkpoint is damaged the one before is taken."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

import termwise as tw
from helpers.killed_runs import differences
from helpers.short_runs import StopAt, Stopped, examples, trainer
from termwise.errors import BadData, Refused
from termwise.training import RunFolder
from termwise.training.checkpoint import DamagedCheckpoint, TrainerState

SETTINGS = {"training": {"audit": False, "checkpoint_steps": 2, "batch_size": 16}}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A finished run of a file of data."""
    place = tmp_path_factory.mktemp("damage")
    np.save(place / "data.npy", examples().tensor().numpy())
    tw.train(SETTINGS, data=place / "data.npy", latent=2, epochs=2, out=place / "run", progress=False)
    return place


@pytest.fixture
def folder(source, tmp_path):
    shutil.copytree(source / "run", tmp_path / "run")
    return tmp_path / "run"


def flip(file, at):
    """Change one bit."""
    content = bytearray(file.read_bytes())
    content[at % len(content)] ^= 1 << (at % 8)
    file.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["model/model.safetensors", "model/config.json", "account.json", "account.npz", "config.toml"]
)
@pytest.mark.parametrize("at", [0.1, *(pytest.param(at, marks=pytest.mark.slow) for at in (0.3, 0.5, 0.7)), 0.9, 0.99])
def test_one_bit_is_told_when_a_run_is_loaded(folder, name, at):
    tw.load_run(folder)
    flip(folder / name, int(at * (folder / name).stat().st_size))
    with pytest.raises(tw.TermwiseError):
        tw.load_run(folder)


@pytest.mark.parametrize("at", [pytest.param(at, marks=pytest.mark.slow if at % 3 else ()) for at in range(0, 100, 7)])
def test_one_bit_in_the_last_checkpoint_is_told_and_the_one_before_takes_its_place(folder, source, at):
    last = folder / "checkpoints" / "last.pt"
    flip(last, at * last.stat().st_size // 100)
    with pytest.raises(BadData, match=r"last\.pt is no checkpoint that can be read"):
        TrainerState.load(last)
    with pytest.warns(DamagedCheckpoint, match=r"last\.pt is no checkpoint.*Going on from the one before, of step 14"):
        tw.train(resume=True, out=folder, progress=False)
    assert differences(folder, source / "run") == []


def test_where_both_are_damaged_nothing_is_touched(folder):
    for name in ("last.pt", "previous.pt"):
        flip(folder / "checkpoints" / name, 1000)
    held = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with pytest.raises(BadData, match=r"last\.pt is no checkpoint"):
        tw.train(resume=True, out=folder, progress=False)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == held


def test_other_data_are_told_when_a_run_is_loaded_measured_reported_and_resumed(folder, source, monkeypatch):
    held = (source / "data.npy").read_bytes()
    x = np.load(source / "data.npy")
    x[3, 2] = 1 - x[3, 2]
    np.save(source / "data.npy", x)
    try:
        for reads in (tw.load_run, tw.measure, lambda run: tw.train(resume=True, out=run, progress=False, epochs=3)):
            with pytest.raises(BadData, match=r"not those that .*trained on.*fingerprint"):
                reads(folder)
        assert tw.measure(folder, source / "data.npy")["rate"].n > 0
    finally:
        (source / "data.npy").write_bytes(held)


def test_a_folder_without_checksums_is_read_as_before(folder):
    """As releases before wrote it."""
    (folder / "checksums.json").unlink()
    entries = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    del entries["data"]
    torch.save(entries, folder / "checkpoints" / "last.pt")
    (folder / "checkpoints" / "previous.pt").unlink()
    assert tw.load_run(folder).account["rate"].n > 0
    assert tw.train(resume=True, epochs=3, out=folder, progress=False).config.training.epochs == 3


def test_a_changed_model_is_told_in_one_message_when_a_run_goes_on(tmp_path):
    one = trainer(tmp_path / "run", watcher=StopAt(2))
    one.start()
    with pytest.raises(Stopped):
        one.run()
    other = trainer(tmp_path / "run", model=tw.VAE.build((6,), 2, options={"hidden": [9]}))
    with pytest.raises(BadData, match=r"of another model or game.*Its code was changed") as told:
        other.resume()
    assert "\n" not in str(told.value)


def test_there_is_one_writer_and_the_other_is_told(folder, call):
    with RunFolder(folder).locked():
        for command in (
            ["report", folder],
            ["train", "--resume", "--out", folder],
            ["train", "--overwrite", "--out", folder, "--data", "four-points"],
            ["quality", folder],
        ):
            status, out, err = call(*command)
            assert (status, out) == (2, "")
            assert "Another process writes into" in err
        assert tw.measure(folder)["rate"].n > 0  # reading is free
    assert call("report", folder)[0] == 0


def test_a_lock_goes_with_its_process(folder):
    code = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / ".lock")], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    with pytest.raises(Refused, match="Another process writes into"):
        tw.train(resume=True, out=folder, progress=False)
    other.kill()
    other.communicate()
    tw.train(resume=True, out=folder, progress=False)
