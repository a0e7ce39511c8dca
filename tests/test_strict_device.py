"""Everything runs where the data is: on a device that refuses what a GPU refuses, and counts what the CPU waits for."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from helpers.strict_jobs import jobs

FAST = ("train vib",)
"""A training with its account, and of a target; the slow tests have every other recipe, part and measurement."""


@cache
def ran(*names: str) -> dict[str, dict]:
    """What jobs came to, in a process of their own."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "helpers.strict_jobs", *names],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {one["job"]: one for one in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("job", FAST)
def test_no_two_devices_meet(job):
    assert ran(*FAST)[job]["fault"] is None


@pytest.mark.slow
@pytest.mark.parametrize("job", sorted(jobs().keys() - set(FAST)))
def test_no_two_devices_meet_wherever_else(job):
    fault = ran(*sorted(jobs().keys() - set(FAST)))[job]["fault"]
    assert fault is None, fault
