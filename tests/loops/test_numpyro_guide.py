"""The NumPyro guide of the examples: its account is what `measure` reads of the same posteriors and likelihood."""

import importlib.util
from math import hypot
from pathlib import Path

import numpy as np
import pytest
import torch

import termwise as tw

pytest.importorskip("numpyro")

import jax
from numpyro.infer import Trace_ELBO

SCRIPT = Path(__file__).parents[2] / "examples" / "loops" / "numpyro_guide.py"


def test_its_account_is_that_of_measure_and_its_elbo_numpyros():
    spec = importlib.util.spec_from_file_location("numpyro_guide", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    params, held_out, account = script.main(steps=100)
    own = {name: torch.from_numpy(np.array(value)) for name, value in params.items()}

    def encode(x):
        mean, log_sigma = (torch.tanh(x @ own["encoder_up"]) @ own["encoder_out"]).chunk(2, dim=1)
        return mean, 2 * log_sigma

    def decode(z):
        return torch.tanh(z @ own["decoder_up"]) @ own["decoder_out"]

    same = tw.measure(tw.adapt(encode, decode, "bernoulli-logits"), held_out)
    assert set(same) == set(account)
    assert account["rate"].value == pytest.approx(same["rate"].value, rel=1e-4)
    assert account["rate"].stderr == pytest.approx(same["rate"].stderr, rel=1e-3)
    for name in ("distortion", "elbo", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
        assert abs(account[name].value - same[name].value) < 4 * hypot(account[name].stderr, same[name].stderr), name
    loss = jax.jit(lambda key: Trace_ELBO().loss(key, params, script.model, script.guide, held_out))
    theirs = -np.array([loss(jax.random.PRNGKey(seed)) for seed in range(20)]) / len(held_out)
    spread = theirs.std()  # of one set of codes, as the account has one
    assert abs(account["elbo"].value - theirs.mean()) < 4 * spread * (1 + 1 / 20) ** 0.5


def test_at_most_five_lines_of_it_are_termwises():
    lines = SCRIPT.read_text().splitlines()
    marked = [line for line in lines if line.endswith("# termwise")]
    assert 0 < len(marked) <= 5
    assert not any("tw." in line for line in lines if line not in marked)
