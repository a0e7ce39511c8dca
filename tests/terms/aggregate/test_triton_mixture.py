"""Kernels that Triton compiles for a GPU, where there is none: by its interpreter, and by its compiler alone."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from termwise.models.codes import Codes
from termwise.terms.aggregate import mixture, triton_mixture
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights

WITH_TRITON = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs triton")
OFF = {"float32": 1e-4, "float64": 1e-12}
"""A distance is rounded thrice, so its square is off by 7 roundings of itself: 2e-4 nats of 450 in float32, at 30 sigma
and relative to it by less; sums of 5 such, by a little more."""


def lines_of(command: str, **environment: str) -> list[dict]:
    """What the cases print, in a process of their own, for the interpreter is chosen when Triton is imported."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "helpers.triton_cases", command],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@WITH_TRITON
def test_interpreted_they_give_what_every_component_by_itself_gives():
    """Narrow and wide, diagonal and full, own weights and each one's, codes far away, tiles that are not full."""
    lines = lines_of("interpret", TRITON_INTERPRET="1")
    assert len(lines) == 2 * 3 * 2 * 5
    for one in lines:
        assert one["same"], one["case"]
        assert one["value"] < OFF[one["dtype"]] and one["gradient"] < OFF[one["dtype"]], one


@WITH_TRITON
def test_they_compile_for_gpus_that_are_not_here(tmp_path):
    lines = lines_of("compile", TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0")
    assert len(lines) == 2 * 3 * 2 * 2
    assert all(one["bytes"] > 0 for one in lines)


def test_on_the_cpu_and_of_too_many_dimensions_there_is_no_answer():
    weights = LogWeights.uniform(4)
    for ask in (triton_mixture.joint_by_triton, triton_mixture.marginals_by_triton):
        assert ask(Codes.at(torch.zeros(3, 2)), Gaussians(torch.zeros(4, 2), torch.ones(4, 2)), weights, True) is None
    assert not triton_mixture.fits(Gaussians(torch.zeros(1, 300), torch.ones(1, 300)))


def test_a_kernel_that_does_not_compile_is_no_answer_either():
    def fails(*arguments):
        raise RuntimeError("no compiler")

    components = Gaussians(torch.zeros(4, 2), torch.ones(4, 2))
    assert triton_mixture._tried(fails, Codes.at(torch.zeros(3, 2)), components, LogWeights.uniform(4), True) is None


def test_log_densities_ask_a_kernel_first(monkeypatch):
    components, z = Gaussians(torch.zeros(4, 2), torch.ones(4, 2)), torch.zeros(3, 2, requires_grad=True)
    asked = torch.full((3,), 7.0).double(), torch.full((3, 2), 5.0)
    monkeypatch.setattr(mixture, "joint_by_triton", lambda *arguments: asked)
    monkeypatch.setattr(mixture, "marginals_by_triton", lambda *arguments: (asked[1].double(), asked[1]))
    value = mixture.log_density(z, components, LogWeights.uniform(4))
    assert value.tolist() == [7.0] * 3 and torch.autograd.grad(value.sum(), z)[0].eq(5).all()
    by_dimension = mixture.marginal_log_density(z, components, LogWeights.uniform(4))
    assert by_dimension.eq(5).all() and torch.autograd.grad(by_dimension.sum(), z)[0].eq(5).all()
