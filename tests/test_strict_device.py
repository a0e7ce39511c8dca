"""Everything runs where the data is: on a device that refuses what a GPU refuses, and counts what the CPU waits for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.strict_jobs import jobs

KINDS = sorted({name.partition(" ")[0] for name in jobs()})


def lines_of(module: str, *arguments: str) -> list[dict[str, Any]]:
    """What a helper prints in a process of its own."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", f"helpers.{module}", *arguments],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def faults(*names: str) -> dict[str, str]:
    """What went wrong in jobs that ran in a process of their own, by job."""
    ran = lines_of("strict_jobs", *names)
    assert [one["job"] for one in ran] == list(names)
    return {one["job"]: one["fault"] for one in ran if one["fault"] is not None}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_two_devices_meet(kind):
    """In every recipe's training, every part's account, and every measurement."""
    assert faults(*(name for name in jobs() if name.partition(" ")[0] == kind)) == {}


@pytest.mark.slow
def test_what_is_not_finite_is_found_before_it_moves_anything():
    """Though it is looked at behind the backward pass, what is said of it is what is said on the CPU."""
    for one in lines_of("strict_broken"):
        on_cpu, on_device = one["ends"]
        assert on_device == on_cpu
        assert (on_device["moved"], on_device["checkpoint"]) == (False, 3)
        assert "at step 3" in on_device["said"] or "by step 3" in on_device["said"]
