"""Weights & Biases, offline: its files read back in its own messages."""

import json
import struct

import pytest

from helpers.tracked import curve, tracked

wandb = pytest.importorskip("wandb")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))


BLOCK, HEADER = 32768, 7
"""The format of the file, LevelDB's log: blocks, in which each piece of a record has a head."""


def messages(content):
    """The records of a .wandb file: pieces of (checksum, length, kind), the last of a record of kind 1 or 4."""
    whole, at = b"", HEADER
    while at + HEADER <= len(content):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + HEADER])
        whole += content[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):
            yield whole
            whole = b""


def records(folder):
    """All that offline runs have written, in order, as Weights & Biases' own messages."""
    from wandb.proto import wandb_internal_pb2

    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        for message in messages(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(message)
            yield record


def test_an_offline_run_has_curves_configuration_readings_and_figures_and_goes_on_by_its_id(tmp_path):
    tracked(tmp_path / "run", "wandb")
    run = tracked(tmp_path / "run", None, 3, resume=True)
    every = list(records(tmp_path))
    history = [
        {(item.key or ".".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item}
        for record in every
        if record.HasField("history")
    ]
    for split in ("train", "test"):
        for name in ("distortion", "rate"):
            told = [(line["_step"], line[f"{split}/{name}"]) for line in history if f"{split}/{name}" in line]
            assert told == [(step, pytest.approx(value)) for step, value in curve(run, split, name)]
    assert [line["schedule/epoch"] for line in history if "schedule/epoch" in line] == [1, 2, 3]
    told = {key: value for line in history for key, value in line.items()}
    assert told["account/readings.ncols"] == 6 and told["account/readings.nrows"] == len(run.account.overall)
    for name in ("reconstructions", "samples", "traversals"):
        assert list(tmp_path.glob(f"wandb/offline-run-*/files/{told[f'figures/{name}.path']}"))
    runs = [record.run for record in every if record.HasField("run")]
    assert {(one.run_id, one.display_name, one.project) for one in runs} == {(runs[0].run_id, "run", "termwise")}
    config = {item.key: json.loads(item.value_json) for item in runs[0].config.update}
    assert config["model"]["latent"] == 2
    summary = {}
    for record in every:
        for item in record.summary.update:
            summary[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    assert summary["account/rate"] == pytest.approx(run.account["rate"].value)
    assert summary["account_stderr/rate"] == pytest.approx(run.account["rate"].stderr)
    assert summary["diagnosis"] == "\n".join(run.account.diagnosis)
