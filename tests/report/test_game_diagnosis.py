"""What a game's curves are said to say: each sentence where its evidence is there, and not else."""

import pytest

from helpers.played_games import CRITIC, account, avb
from termwise.report.game_diagnosis import diagnose_game

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
