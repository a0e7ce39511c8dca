"""The benchmark of a GPU runs in small where there is none: on the CPU, and where two devices never meet."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [[str(ROOT / "benchmarks" / "gpu.py"), "--device", "cpu"], ["-m", "helpers.strict_benchmark"]],
    ids=["cpu", "strict"],
)
def test_every_section_gives_lines_or_says_that_its_time_was_over(tmp_path, command):
    out = tmp_path / "gpu.json"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    options = ["--data", "digits", "--seconds", "200", "--examples", "300", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, *command, *options],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sections = json.loads(out.read_text())["sections"]
    assert list(sections) == ["terms", "training", "aggregate", "adversarial", "mig", "vae-gan"]
    assert {one["ended"] for one in sections.values()} <= {"done", "stopped: its time was over"}
    assert all(sections[name]["lines"] for name in ("training", "aggregate"))
    for line in sections["terms"]["lines"]:
        assert line["readings"] > 10 and line["off"] < 1e-3, line  # float32's networks, of nats of some tens
