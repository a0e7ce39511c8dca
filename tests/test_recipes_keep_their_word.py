"""What recipes promise, at their defaults, on digits: looked for in the account, beside the vae's. Minutes each."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

import termwise as tw
from termwise.terms.adversarial.critic_loss import PerfectSeparation

pytestmark = pytest.mark.slow


@cache
def run_of(recipe: str, posterior: str = "diagonal-normal") -> tw.Run:
    settings = {"training": {"audit": False, "evaluate_every": 60}}
    return tw.train(
        settings, data="digits", recipe=recipe, posterior=posterior, likelihood="normal:optimal", latent=6, epochs=60,
        out=Path(mkdtemp()) / "run", progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("recipe", ["info-vae", "wae-mmd"])
def test_the_mmd_is_lower_than_the_vae_s_and_the_code_alive(recipe):
    vae, own = (run_of(name).account for name in ("vae", recipe))
    (theirs, ours) = (account["marginal_mmd2"] for account in (vae, own))
    assert ours.value < theirs.value - 2 * (ours.stderr**2 + theirs.stderr**2) ** 0.5
    assert own["rate"].value > 0.5 and own["active_units"].value == 6


@pytest.mark.parametrize("recipe", ["aae", "f-vae"])
def test_a_critic_too_brings_the_codes_to_the_prior(recipe):
    vae, own = (run_of(name).account for name in ("vae", recipe))
    theirs, ours = (account["marginal_mmd2"] for account in (vae, own))
    assert ours.value < theirs.value - 2 * (ours.stderr**2 + theirs.stderr**2) ** 0.5
    assert own["rate"].value > 0.5 and not any("unlike the prior" in sentence for sentence in own.diagnosis)


def test_a_critic_of_little_weight_does_not_and_the_diagnosis_says_so():
    """As the recipe was once: a lambda of 1, the GAN's loss that saturates, and a critic that moves once a round."""
    settings = {"training": {"audit": False, "evaluate_every": 60}}
    run = tw.train(
        settings, data="digits", recipe="aae", lambda_=1.0, saturating=True, hidden=(64,), moves=1,
        critic_learning_rate=1e-4, likelihood="normal:optimal", latent=6, epochs=60, out=Path(mkdtemp()) / "run",
        progress=False,
    )  # fmt: skip
    assert run.account["marginal_mmd2"].value > 2 * run_of("vae").account["marginal_mmd2"].value
    assert run.account.diagnosis[0].startswith("The codes are unlike the prior, to which lambda = 1 was")


def test_capacity_ends_at_its_c():
    last = [line for line in run_of("capacity").metrics() if line["split"] == "train"][-1]
    assert last["terms"]["rate"] == pytest.approx(25.0, abs=1.0)  # epochs of 11 batches are 0.6 apart


def test_factor_vae_lowers_total_correlation_and_its_critic_knows_it_or_is_said_to_have_lost():
    run, vae = run_of("factor-vae"), run_of("vae").account
    assert run.account["total_correlation"].value < 0.5 * vae["total_correlation"].value
    terms = [line for line in run.metrics() if line["split"] == "test"][-1]["terms"]
    low, high = run.account["population_total_correlation"].interval
    held = low - 0.3 <= terms["total_correlation_kl_by_critic"] <= high + 0.3
    assert held != any("The critic lost" in sentence for sentence in run.account.diagnosis)


@pytest.mark.parametrize(
    ("recipe", "share"), [("hfvae", 0.5), ("hsic-vae", 0.9), ("dip-vae-i", 1.0), ("dip-vae-ii", 1.0)]
)
def test_penalties_of_dependence_lower_the_total_correlation(recipe, share):
    vae, own = (run_of(name).account for name in ("vae", recipe))
    theirs, ours = (account["total_correlation"] for account in (vae, own))
    assert ours.value < share * theirs.value - 2 * (ours.stderr**2 + theirs.stderr**2) ** 0.5
    assert own["active_units"].value == 6


def test_avb_by_way_of_a_normal_has_the_vae_s_elbo():
    """The account's value is a lower bound, which more noises bring near the ELBO."""
    run, vae = run_of("avb-ac", "noise-input+normal"), run_of("vae").account
    own = tw.measure(run.model, run.data, split="test", noises=2048)
    paired = own.per_example["elbo"] - vae.per_example["elbo"]
    assert paired.mean() > -2 * paired.std() / len(paired) ** 0.5
    assert not any("The critic lost" in sentence for sentence in run.account.diagnosis)


def test_avb_alone_says_that_its_critic_lost():
    with pytest.warns(PerfectSeparation, match="tells 99"):
        alone = run_of("avb", "noise-input+normal").account
    assert any("The critic lost" in sentence for sentence in alone.diagnosis)
