"""What a game's curves are said to say: each sentence where its evidence is there, and not else."""

import pytest

from helpers.played_games import CRITIC, account, avb
from termwise.report.game_diagnosis import diagnose_claims, diagnose_game

STEADY = [3.0] * 12


def said(metrics, taken=None):
    return " ".join(diagnose_game(metrics, taken or {}))


def test_nothing_is_said_where_no_critic_played(metrics, account):
    assert diagnose_game(metrics, account) == [] and diagnose_game([], {}) == []


@pytest.mark.parametrize(
    ("accuracy", "entropy", "evidence", "advice"),
    [
        ([0.51] * 12, [1.38] * 12, "near 1/2: 0.51", "more moves"),
        ([0.97] * 12, [0.1] * 12, "near 1: 0.97", "adaptive contrast"),
        ([0.7, 0.9] * 6, [1.0] * 12, "swings: ±0.1", "training.average"),
        ([0.45] * 12, [3.0] * 12, "3 nats, where that has 1.39", "Lower its learning rate"),
        ([0.75] * 12, [1.0] * 12, "0.75, and steady", "as a ratio needs"),
        ([0.7] * 9 + [0.999] * 3, [0.01] * 12, "in 3 of 12 epochs, first in epoch 10", "Telescoping"),
    ],
)
def test_each_way_in_which_a_critic_does_is_told_from_the_others(accuracy, entropy, evidence, advice):
    sentences = [s for s in diagnose_game(avb(STEADY, accuracy, entropy), {}) if CRITIC in s]
    assert any(evidence in sentence and advice in sentence for sentence in sentences)
    kinds = ("near 1/2", "near 1:", "swings", "tells nothing", "and steady", "without fail")
    found = [kind for kind in kinds if kind in " ".join(sentences)]
    assert len(found) == (2 if "without fail" in found and "swings" in found else 1)


def test_what_rises_straight_does_not_swing_and_what_is_short_cannot_be_told_to():
    rising = [0.5 + 0.03 * i for i in range(12)]
    assert "swings" not in said(avb(STEADY, rising))
    assert "swings" not in said(avb([3.0] * 8, [0.7, 0.9] * 4))


def test_a_bound_that_swings_is_said_to():
    assert "ELBO on test swings by ±1.1" in said(avb([3.0, 5.0] * 6))
    assert "swings" not in said(avb([3.0, 3.1] * 6))
    rigorous = {"elbo": [-12.0, -16.0] * 6}
    assert "swings by ±2.3" in said(avb(STEADY, more=rigorous))  # what is rigorous goes before what is claimed


def test_what_a_critic_gone_astray_claims_is_not_held_against_anything():
    told = said(avb(STEADY, [0.5] * 12, [9e6] * 12), account(-15.0, -15.5, -14.0))
    assert "9e+06 nats" in told and "account" not in told


@pytest.mark.parametrize(
    ("elbo", "verdict"),
    [
        ((-13.2, -13.4, -12.95), "The claim holds."),
        ((-15.0, -15.5, -14.0), "The claim flatters"),
        ((-11.0, -11.5, -10.5), "more than there is"),
    ],
)
def test_a_claimed_elbo_is_held_against_the_accounts_bounds(elbo, verdict):
    told = said(avb(STEADY), account(*elbo))
    assert f"-13.00 nats of ELBO on test; without one the account has {elbo[0]:.2f} ± 0.10" in told
    assert f"at least {elbo[1]:.2f}, at most {elbo[2]:.2f}" in told
    assert [v for v in ("The claim holds.", "The claim flatters", "more than there is") if v in told] == [verdict]


@pytest.mark.parametrize(
    ("exact", "verdict"), [(2.0, "The claim flatters"), (0.4, "more than there is"), (1.1, "The claim holds.")]
)
def test_a_divergence_flatters_where_it_is_low(exact, verdict):
    lines = avb(STEADY)
    for line in lines:
        if "rate_kl_by_critic" in line["terms"]:
            line["terms"] |= {"rate": 2.0, "total_correlation_kl_by_critic": 1.0}
            del line["terms"]["rate_kl_by_critic"]
            line["weights"] = {"distortion": 1.0, "rate": 1.0, "total_correlation_kl_by_critic": 35.0}
    told = said(lines, account(-12.0, total_correlation=exact))
    assert "1.00 nats of total correlation on test" in told and verdict in told
    assert "nats of ELBO" not in told


def weighing(tc: float) -> list[dict]:
    """The lines of a game whose critic of total correlation ends at `tc`."""
    lines = avb(STEADY)
    for line in lines:
        if "rate_kl_by_critic" in line["terms"]:
            line["terms"] |= {"rate": 2.0, "total_correlation_kl_by_critic": tc}
            del line["terms"]["rate_kl_by_critic"]
            line["weights"] = {"distortion": 1.0, "rate": 1.0, "total_correlation_kl_by_critic": 35.0}
    return lines


@pytest.mark.parametrize(("exact", "lost"), [(1.0, False), (1.25, False), (0.75, False), (5.69, True), (0.02, True)])
def test_an_account_says_of_a_critic_that_lost_what_it_claims_and_what_there_is(exact, lost):
    told = " ".join(diagnose_claims(weighing(1.0), account(-12.0, total_correlation=exact)))
    assert ("The critic lost: it ends at 1.00 nats of total correlation on test" in told) == lost
    assert (f"where the account has {exact:.2f}" in told) == lost
    assert ("beta-tcvae" in told) == lost


def test_an_account_says_what_of_a_population_is_sure_beside_what_points_have():
    content = account(-12.0, total_correlation=5.69)
    bracket = {"lower": 0.0, "upper": 5.7, "n": 360}
    content["readings"]["population_total_correlation"] = {"value": 2.0, "interval": [0.0, 5.7], **bracket}
    (told,) = diagnose_claims(weighing(0.02), content)
    assert "the account has 5.69" in told
    assert "(360 points; of the population it lies between 0.00 and 5.70)" in told


@pytest.mark.parametrize(("claim", "lost"), [(0.07, False), (0.8, False), (1.0, True), (-0.3, True)])
def test_a_claim_is_held_against_the_population_where_that_is_in_sight(claim, lost):
    """A critic learns of codes of all x; the total correlation of few points is mostly their number."""
    content = account(-12.0, total_correlation=1.05)
    content["readings"]["population_total_correlation"] = {
        "value": 0.3, "stderr": 0.11, "interval": [0.1, 0.53], "lower": -0.2, "upper": 1.3, "n": 360,
    }  # fmt: skip
    told = diagnose_claims(weighing(claim), content)
    assert bool(told) == lost
    assert all("where the account has 0.30 ± 0.11" in sentence for sentence in told)


@pytest.mark.parametrize(("claim", "lost"), [(-19.1, True), (-25.0, False), (-30.0, True)])
def test_an_elbo_that_a_critic_claims_is_held_against_its_bounds(claim, lost):
    lines = avb(STEADY)
    for line in lines:
        if "rate_kl_by_critic" in line["terms"]:
            line["terms"] |= {"distortion": -claim - 1.0, "rate_kl_by_critic": 1.0}
    content = {"readings": {"elbo": {"value": -25.5, "stderr": 0.1, "lower": -26.0, "upper": -24.0, "n": 360}}}
    told = " ".join(diagnose_claims(lines, content))
    assert (f"The critic lost: it ends at {claim:.2f} nats of ELBO" in told) == lost
    assert ("avb-ac" in told) == lost
    assert diagnose_claims(lines, {}) == diagnose_claims([], content) == []


def vae_gan(accuracy: list[float], *, deceiving: str | None = "gan_loss", on_samples: float = 0.4) -> list[dict]:
    """Lines of three players: encoder, decoder, discriminator."""
    lines = []
    for i, level in enumerate(accuracy):
        at = {"epoch": i + 1, "step": 10 * (i + 1), "split": "train", "loss": 1.0, "learning_rate": 3e-4}
        seen = {"gan_loss": 1.5, "loss_on_data": 0.5, "loss_on_reconstruction": 0.6, "loss_on_generated": on_samples}
        seen["accuracy"] = level
        decoding = {"feature_distortion": 0.1} | ({deceiving: 1.0} if deceiving else {})
        lines += [
            at | {"player": "encoder", "terms": {"rate": 2.0}, "weights": {"rate": 1.0}},
            at | {"player": "decoder", "terms": dict.fromkeys(decoding, 1.0), "weights": decoding},
            at | {"player": "discriminator", "terms": seen, "weights": {"gan_loss": 1.0, "accuracy": 0.0}},
        ]
    return lines


@pytest.mark.parametrize(
    ("accuracy", "evidence", "advice"),
    [
        ([0.99] * 12, "an accuracy of 0.99", "equilibrium = true"),
        ([0.52] * 12, "an accuracy of 0.52", "termwise quality"),
        ([0.7, 0.9] * 6, "swings: ±0.12 around 0.80", "Lower both learning rates"),
        ([0.75] * 12, "0.75, and steady", "can learn"),
    ],
)
@pytest.mark.parametrize("deceiving", ["gan_loss", "non_saturating_loss"])
def test_a_discriminator_is_read_for_what_the_decoder_can_learn_from_it(accuracy, evidence, advice, deceiving):
    (sentence,) = diagnose_game(vae_gan(accuracy, deceiving=deceiving), account(-5.0))
    assert evidence in sentence and advice in sentence and "ratio" not in sentence


def test_a_discriminator_that_is_sure_of_samples_alone_is_said_to_be():
    (sentence,) = diagnose_game(vae_gan([0.7] * 12, on_samples=0.02), {})
    assert "its loss on samples is 0.02 nats" in sentence and "reconstructions = false" in sentence
    (sentence,) = diagnose_game(vae_gan([0.7] * 12), {})
    assert "steady" in sentence


def test_a_discriminator_that_nobody_deceives_is_there_for_its_features():
    (sentence,) = diagnose_game(vae_gan([0.99] * 12, deceiving=None), {})
    assert "0.99" in sentence and "for its features" in sentence
