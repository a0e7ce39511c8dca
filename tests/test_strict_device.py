"""Everything runs where the data is: on a device that refuses what a GPU refuses, and counts what the CPU waits for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.strict_jobs import jobs

KINDS = sorted({name.partition(" ")[0] for name in jobs()})


def faults(*names: str) -> dict[str, str]:
    """What went wrong in jobs that ran in a process of their own, by job."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "helpers.strict_jobs", *names],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ran = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["job"] for one in ran] == list(names)
    return {one["job"]: one["fault"] for one in ran if one["fault"] is not None}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_two_devices_meet(kind):
    """In every recipe's training, every part's account, and every measurement."""
    assert faults(*(name for name in jobs() if name.partition(" ")[0] == kind)) == {}
