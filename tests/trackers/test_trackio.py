"""Trackio's runs, read back from its own store; in a process apart, as TRACKIO_DIR is read when it is imported."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("trackio") is None:
    pytest.skip("trackio is not installed", allow_module_level=True)

SCRIPT = """
import json, sys
from helpers.tracked import curve, tracked
tracked("run", "trackio")
run = tracked("run", None, 3, resume=True)
from trackio.sqlite_storage import SQLiteStorage
records = SQLiteStorage.get_run_records("termwise")
logs = SQLiteStorage.get_logs("termwise", "run", run_id=records[0]["id"])
config = SQLiteStorage.get_run_config("termwise", "run")
curves = {f"{split}/{name}": curve(run, split, name) for split in ("train", "test") for name in ("distortion", "rate")}
rate, diagnosis = run.account["rate"], list(run.account.diagnosis)
told = {"records": len(records), "logs": logs, "config": config, "curves": curves}
told |= {"rate": [rate.value, rate.stderr, rate.unit], "diagnosis": diagnosis}
json.dump(told, open("told.json", "w"), default=str)
"""


def test_a_run_has_curves_configuration_readings_and_figures_and_goes_on(tmp_path):
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio"), "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, check=True, timeout=300)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["records"] == 1
    for key, expected in told["curves"].items():
        logged = [[line["step"], line[key]] for line in told["logs"] if key in line]
        assert logged == [[step, pytest.approx(value)] for step, value in expected]
    assert told["config"]["model.latent"] == 2
    last = {key: value for line in told["logs"] for key, value in line.items()}
    rows = last["account/readings"]["_value"]
    (row,) = (one for one in rows if one["reading"] == "rate")
    assert [row["value"], row["stderr"], row["unit"]] == [*map(pytest.approx, told["rate"][:2]), told["rate"][2]]
    assert last["account/diagnosis"]["_value"] == "\\n\\n".join(told["diagnosis"])
    assert {"figures/reconstructions", "figures/samples", "figures/traversals"} <= set(last)
