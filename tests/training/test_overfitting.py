"""A gap between training and held-out terms is said, with the best epoch; and of an ordinary training nothing is."""

import math

import numpy as np
import pytest
import torch

import termwise as tw
from termwise.training.overfitting import diagnose_overfitting


def lines(train, held_out, *, rate=3.0, player=None, split="test"):
    """Lines of metrics.jsonl, with an audit between, as a training writes them."""
    who = {} if player is None else {"player": player}
    found = []
    for epoch, (one, other) in enumerate(zip(train, held_out, strict=True), 1):
        for where, nats in (("train", one), (split, other)):
            terms = {"distortion": nats - (rate or 0.0)} | ({} if rate is None else {"rate": rate})
            found.append({"epoch": epoch, "step": 9 * epoch, "split": where, "terms": terms, **who})
        found.append({"epoch": epoch, "step": 9 * epoch, "split": "audit", "terms": {}})
    return found


EPOCHS = np.arange(1, 31)
FALLING = 20 + 80 * np.exp(-EPOCHS / 4)
RISING = np.where(EPOCHS < 12, FALLING, FALLING[10] + 0.8 * (EPOCHS - 11))


def noisy(values, size=0.2, seed=0):
    return values + size * np.random.default_rng(seed).standard_normal(len(values))


def test_held_out_terms_that_rise_are_said_with_the_epoch_where_they_were_best():
    (sentence,) = diagnose_overfitting(lines(noisy(FALLING - 1), noisy(RISING, seed=1)), "test", 0.5)
    best = 1 + int(np.argmin(noisy(RISING, seed=1)))
    assert sentence.startswith(
        f"The model overfits: at the end its ELBO is {-noisy(FALLING - 1)[-1]:.2f} nats on train"
    )
    assert f"best in epoch {best}, {-noisy(RISING, seed=1).min():.2f}." in sentence
    (sentence,) = diagnose_overfitting(lines(FALLING, RISING, split="validation"), "validation", None)
    assert "on validation" in sentence and "epoch 11" in sentence


def test_a_gap_that_the_error_does_not_explain_is_said_though_nothing_rises():
    train, other = FALLING - 20 + 20 * np.exp(-EPOCHS / 10), FALLING
    assert "overfits" in diagnose_overfitting(lines(train, other), "test", 1.0)[0]
    assert not diagnose_overfitting(lines(train, other), "test", 6.0)  # so few were held out that chance explains it
    assert not diagnose_overfitting(lines(train, other), "test", None)


@pytest.mark.parametrize("seed", range(10))
def test_of_an_ordinary_training_nothing_is_said(seed):
    for gap in (-1.0, 0.0, 2.0):
        curves = lines(noisy(FALLING, seed=seed), noisy(FALLING + gap, seed=seed + 100))
        assert not diagnose_overfitting(curves, "test", 0.5)
    wild = lines(noisy(FALLING, 5.0, seed), noisy(FALLING, 5.0, seed + 100))
    assert not diagnose_overfitting(wild, "test", 0.5)


@pytest.mark.parametrize("seed", range(10))
def test_held_out_terms_that_wander_smoothly_beside_a_noisy_training_loss_are_none(seed):
    """A held-out loss is of the same noise at every look, so it drifts; a training loss of few examples jumps."""
    drift = np.cumsum(0.02 * np.random.default_rng(seed).standard_normal(200))
    drift = np.convolve(drift, np.ones(9) / 9, mode="same")
    falling = 2 + 3 * np.exp(-np.arange(200) / 15)
    curves = lines(noisy(falling, 0.4, seed), falling + drift, rate=1.0)
    assert not diagnose_overfitting(curves, "test", 0.2)
    better = lines(noisy(falling, 0.4, seed) + 1, falling + drift, rate=1.0)  # as where dropout is for training alone
    assert not diagnose_overfitting(better, "test", 0.2)


def test_terms_that_rise_on_training_data_too_are_the_objective_s_doing():
    assert not diagnose_overfitting(lines(RISING - 0.5, RISING), "test", 0.5)


def test_weights_that_early_stopping_has_gone_back_to_are_those_that_are_judged():
    train = np.minimum(FALLING, RISING)
    waited = len(EPOCHS) - 11
    assert diagnose_overfitting(lines(train, RISING), "test", 0.5)
    assert not diagnose_overfitting(lines(train, RISING), "test", 0.5, waited)


def test_without_a_rate_the_distortion_is_looked_at_and_a_critic_s_lines_are_not():
    curves = lines(FALLING, RISING, rate=None, player="autoencoder") + lines(RISING, FALLING, player="critic")
    (sentence,) = diagnose_overfitting(curves, "test", 0.5)
    assert "its distortion is 20" in sentence and "epoch 11" in sentence


def test_what_is_no_number_is_not_judged():
    for broken in (math.nan, math.inf):
        (sentence,) = diagnose_overfitting(lines(FALLING, [*FALLING[:-1], broken]), "test", 0.5)
        assert "could not be judged" in sentence and "overfits" in sentence
    held_out = RISING.copy()
    held_out[3] = math.nan  # a look that failed on the way is passed over
    assert "epoch 11" in diagnose_overfitting(lines(FALLING, held_out), "test", 0.5)[0]


def test_too_few_looks_say_nothing():
    assert not diagnose_overfitting(lines([9, 8, 7], [9, 12, 30]), "test", 0.1)
    assert not diagnose_overfitting([], "test", 0.1)
    assert not diagnose_overfitting([{"epoch": 1, "split": "train", "terms": {}}], "test", 0.1)


def trained(x, folder, epochs, **options):
    data = tw.load_data(x, test=0.5)
    return tw.train(data=data, likelihood="normal:0.3", epochs=epochs, out=folder, progress=False, **options)


def test_a_model_that_learns_noise_by_heart_is_told_so_and_one_that_has_data_enough_is_not(tmp_path):
    noise = torch.randn(48, 12, generator=torch.Generator().manual_seed(0))
    by_heart = trained(noise, tmp_path / "heart", 25, latent=8, batch_size=6, learning_rate=1e-2)
    said = [one for one in by_heart.account.diagnosis if "overfits" in one]
    assert len(said) == 1 and "best in epoch" in said[0]
    assert (
        said[0] in by_heart.folder.report_file.read_text()
        and "- The model overfits" in (by_heart.folder.model_folder / "README.md").read_text()
    )
    world = tw.worlds.LinearGaussian.random(0, latent=2)
    enough = trained(world.data(1500), tmp_path / "enough", 5, latent=2)
    assert not any("overfits" in one for one in enough.account.diagnosis)
