"""A critic's readings, the critic exact: a linear-Gaussian world knows the log ratio, and the KL that is bounded."""

import math
import warnings

import pytest
import torch
from torch import nn

from termwise.data import load_data
from termwise.errors import Refused
from termwise.measuring.critic_bounds.ratio import ratio_readings
from termwise.terms import ClosedForm, Critic, DensityRatio, Link
from termwise.terms.adversarial.critic_loss import PerfectSeparation
from termwise.worlds import LinearGaussian

N = 4000


class Exact(nn.Module):
    """log q(z|x)/p(z), and off it by a constant where asked."""

    def __init__(self, world, off=0.0):
        super().__init__()
        self.world, self.off = world, off

    def forward(self, x, z):
        return self.world.infer(x)[0].log_prob(z) - self.world.prior_law().log_prob(z) + self.off


def read(off=0.0, information=0.7, **options):
    world = LinearGaussian.random(3, latent=2, mutual_information=information)
    data = load_data(world.data(N, seed=1), test=0.0)
    critic = Critic(body=Exact(world, off))
    critic.given_x = True
    link = Link("posterior", "prior", DensityRatio("kl", critic))
    return ratio_readings(link, world, data, **options), world.truth()["rate"]


def test_an_exact_critics_readings_are_the_rate_and_only_nwj_is_called_a_bound():
    readings, truth = read(samples=4, divergences=("jeffreys", "total-variation"))
    for name in ("rate_kl_by_critic", "rate_nwj", "rate_dv"):
        reading = readings[name]
        assert abs(reading.value - truth) < 4 * reading.stderr
        assert reading.n == N and reading.unit == "nats"
    assert readings["rate_nwj"].lower == pytest.approx(readings["rate_nwj"].value)
    assert all(reading.lower is None for name, reading in readings.items() if name != "rate_nwj")
    assert all(reading.upper is None for reading in readings.values())
    assert "ABOVE" in readings["rate_nwj"].bias and "NEITHER" in readings["rate_kl_by_critic"].bias
    assert {"rate_jeffreys_by_critic", "rate_total_variation_by_critic", "accuracy"} < set(readings)
    assert readings["rate_jeffreys_by_critic"].value > readings["rate_kl_by_critic"].value


def test_a_critic_that_is_off_by_a_constant_moves_the_plug_in_and_lowers_nwj_and_leaves_dv():
    exact, truth = read()
    off, _ = read(off=0.4)
    assert off["rate_kl_by_critic"].value == pytest.approx(exact["rate_kl_by_critic"].value + 0.4, abs=1e-5)
    assert off["rate_dv"].value == pytest.approx(exact["rate_dv"].value, abs=1e-5)
    lost = math.exp(0.4) - 1 - 0.4
    assert off["rate_nwj"].value == pytest.approx(truth - lost, abs=4 * off["rate_nwj"].stderr)


def test_a_seed_decides_the_readings_and_the_random_state_is_left():
    state = torch.get_rng_state()
    first, second, third = (read(seed=seed)[0]["rate_nwj"].value for seed in (1, 1, 2))
    assert first == second != third
    assert torch.equal(torch.get_rng_state(), state)


def test_laws_that_do_not_overlap_are_warned_of_with_the_logits():
    with pytest.warns(PerfectSeparation, match=r"rate_kl_by_critic: .*100\.00%.*mean logits are \d+\.\d and -\d+"):
        read(information=12.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read()


def test_what_cannot_be_read_is_refused():
    world = LinearGaussian.random(3, latent=2)
    data = load_data(world.data(10), test=0.0)
    with pytest.raises(Refused, match="under DensityRatio; rate is under 'closed-form'"):
        ratio_readings(Link("posterior", "prior", ClosedForm()), world, data)
    with pytest.raises(Refused, match="Unknown divergence 'pearsen'"):
        read(divergences=("pearsen",))
