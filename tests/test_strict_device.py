"""Everything runs where the data is: on a device that refuses what a GPU refuses, and counts what the CPU waits for."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import termwise as tw
from helpers.strict_jobs import jobs

ASIDE = {
    "terms/summed_distortion.py": {"m2": 1},
    "models/data_pass.py": {"mi-floor": 1, "joint-vae": 1, "beta-tcvae": 1, "hfvae": 1},
    "terms/aggregate": {"mi-floor": 8, "joint-vae": 5, "beta-tcvae": 8, "hfvae": 10},
}
"""What a step may read beside whether it is finite, so often, by recipe.

Of categories that are summed out, those that have a probability are decoded: how many says how large a batch is. A bank
reads which examples are the stalest, for they lie with the data, on the CPU; whether a product in float64 would cancel;
whether its lattice has room; and, every few steps, how far a map of what it holds is off.
"""

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
@pytest.mark.parametrize("family", range(4))
def test_a_step_waits_for_nothing_but_whether_it_is_finite(family):
    """Whatever the recipe, with a clipped gradient and averaged weights: a read a move, behind its backward pass."""
    recipes = list(tw.RECIPES)[family::4]
    for one in lines_of("strict_steps", *recipes):
        for step in one["steps"]:
            read = Counter[str]()
            for name, count in step["functions"].items():
                file = name.partition(" ")[0]
                read["terms/aggregate" if file.startswith("terms/aggregate/") else file] += count
            assert read.pop("training/late_look.py") == one["moves"]
            assert all(count <= ASIDE.get(file, {}).get(one["recipe"], 0) for file, count in read.items()), step[
                "lines"
            ]


@pytest.mark.slow
def test_what_is_not_finite_is_found_before_it_moves_anything():
    """Though it is looked at behind the backward pass, what is said of it is what is said on the CPU."""
    for one in lines_of("strict_broken"):
        on_cpu, on_device = one["ends"]
        assert on_device == on_cpu
        assert (on_device["moved"], on_device["checkpoint"]) == (False, 3)
        assert "at step 3" in on_device["said"] or "by step 3" in on_device["said"]


@pytest.mark.slow
def test_a_step_needs_no_float64():
    """As there is none on Apple's GPUs; a bank, and the full aggregate of an evaluation, still ask for it."""
    recipes = [name for name in tw.RECIPES if name not in ASIDE["models/data_pass.py"]]
    made = {one["recipe"]: one["made"] for one in lines_of("strict_steps", "--without-float64", *recipes)}
    assert made == dict.fromkeys(recipes, 2)  # an epoch's
