import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.errors import BadData, Refused
from termwise.measuring.quality import FeatureClouds, frechet_distance, kernel_distance, overlap, sample_quality
from termwise.measuring.quality.measures import measure_clouds
from termwise.worlds import LinearGaussian

NAMES = (
    "frechet_distance", "frechet_distance_extrapolated", "kernel_distance", "precision", "recall", "density",
    "coverage",
)  # fmt: skip
PIXELS = nn.Flatten()


def clouds(count, seed, scale=1.0):
    return scale * torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))


def gaussian_frechet(mean, covariance, other_mean, other_covariance):
    root = scipy.linalg.sqrtm((covariance @ other_covariance).numpy()).real
    gap = (mean - other_mean).square().sum()
    return float(gap + covariance.trace() + other_covariance.trace()) - 2 * float(np.trace(root))


def test_readings_are_the_measures_of_all_samples_and_all_real_examples():
    samples, real = clouds(300, 1, 1.5), clouds(300, 2)
    account = sample_quality(samples, tw.load_data(real), features=PIXELS)
    assert account["frechet_distance"].value == pytest.approx(frechet_distance(samples, real), rel=1e-9)
    assert account["kernel_distance"].value == pytest.approx(kernel_distance(samples, real).value, rel=1e-9)
    for name, value in overlap(samples, real).means.items():
        assert account[name].value == pytest.approx(value, rel=1e-9)
    assert set(account) == {name + suffix for name in NAMES for suffix in ("", "_of_real")}
    assert "features by Flatten" in account["kernel_distance"].estimator


def test_errors_of_the_overlap_are_those_of_many_draws():
    """Over 60 draws, whose standard deviation is itself known to a tenth."""
    draws = [
        {
            reading.name: reading
            for reading in measure_clouds(FeatureClouds(clouds(400, i, 1.3), clouds(400, 1000 + i), "x", 3))
        }
        for i in range(60)
    ]
    for name in ("precision", "recall", "density", "coverage"):
        sd = np.std([draw[name].value for draw in draws], ddof=1)
        typical = np.mean([draw[name].stderr for draw in draws])
        assert 0.65 < typical / sd < 1.5, f"{name}: {typical:.4f} is said, {sd:.4f} is true"


@pytest.mark.parametrize("noise", [False, True])
def test_a_models_samples_have_the_distance_that_its_law_has(noise):
    """x ~ N(b, W W' + s^2 I), or its mean, N(b, W W'), against the world's N(m, C)."""
    world = LinearGaussian.random(1, latent=3, dimension=5)
    data = tw.load_data(world.data(4000))
    reading = sample_quality(world, data, features=PIXELS, noise=noise, count=3000)["frechet_distance_extrapolated"]
    made = world.decoder @ world.decoder.T + noise * world.sigma**2 * torch.eye(5, dtype=torch.float64)
    truth = gaussian_frechet(world.decoder_offset, made, world.mean, world.covariance)
    assert abs(reading.value - truth) < 4 * reading.stderr < 0.2 * truth
    assert reading.n == 3000


def test_a_perfect_model_reads_as_real_data_do():
    root = torch.randn(6, 6, dtype=torch.float64)
    # One dimension short of all and the smallest eigenvalue as noise: probabilistic PCA is then the law itself.
    mean, covariance = torch.ones(6, dtype=torch.float64), root @ root.T + torch.eye(6, dtype=torch.float64)
    model = LinearGaussian.probabilistic_pca(mean, covariance, latent=5)
    x = mean + torch.randn(2000, 6, dtype=torch.float64) @ torch.linalg.cholesky(covariance).T
    account = sample_quality(model, tw.load_data(x), features=PIXELS, noise=True)
    for name in ("frechet_distance_extrapolated", "kernel_distance"):
        for reading in (account[name], account[f"{name}_of_real"]):
            assert abs(reading.value) < 4 * reading.stderr
    for name in ("precision", "recall"):
        here, real = account[name], account[f"{name}_of_real"]
        assert abs(here.value - real.value) < 4 * np.hypot(here.stderr, real.stderr)
    assert account.diagnosis == ()


def test_a_dropped_mode_is_told_in_words():
    real = clouds(800, 1) + 20 * torch.arange(800)[:, None].remainder(2)
    said = sample_quality(clouds(800, 2), tw.load_data(real), features=PIXELS).diagnosis
    assert len(said) == 1 and "some real examples are like nothing that is made" in said[0]


def test_the_order_of_samples_and_examples_does_not_matter_to_errors():
    samples, real = clouds(1000, 1), clouds(1000, 2, 1.2)
    shuffled = sample_quality(samples, tw.load_data(real), features=PIXELS)
    ordered = sample_quality(
        samples[samples[:, 0].argsort()], tw.load_data(real[real[:, 1].argsort()]), features=PIXELS
    )
    for name in NAMES:
        assert 0.4 < ordered[name].stderr / shuffled[name].stderr < 2.5, name


def test_reconstructions_of_one_half_are_judged_by_the_other():
    world = LinearGaussian.random(1, latent=3, dimension=5)
    data = tw.load_data(world.data(4000))
    account = sample_quality(world, data, features=PIXELS, reconstructions=True, noise=True)
    transfer = world.decoder @ world.encoder
    noise = world.decoder @ world.posterior_covariance @ world.decoder.T
    made = transfer @ world.covariance @ transfer.T + noise + world.sigma**2 * torch.eye(5, dtype=torch.float64)
    mean = transfer @ world.mean + world.decoder @ world.offset + world.decoder_offset
    truth = gaussian_frechet(mean, made, world.mean, world.covariance)
    reading = account["frechet_distance_extrapolated"]
    assert reading.n == 2000
    assert abs(reading.value - truth) < 4 * reading.stderr < 0.2 * truth


class Copies:
    """A model whose reconstructions are the examples themselves, handed on as the context."""

    def infer(self, x):
        return Independent(Normal(torch.zeros(len(x), 1), 1.0), 1), x

    def generate(self, z, context):
        return Independent(Normal(context, 1.0), 1)

    def prior_law(self):
        return Independent(Normal(torch.zeros(1), 1.0), 1)


def test_a_model_that_copies_reads_as_one_half_of_the_real_data_does_beside_the_other():
    account = sample_quality(Copies(), tw.load_data(clouds(600, 1)), features=PIXELS, reconstructions=True)
    for name in NAMES:
        assert account[name].value == pytest.approx(account[f"{name}_of_real"].value, abs=1e-9), name
    assert 0.5 < account["precision"].value < 1


def striped(count, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    x = 0.2 * torch.rand(count, 1, 8, 8, generator=generator)
    x[labels == 1, :, ::2] += 0.7
    x[labels == 0, :, :, ::2] += 0.7
    return Dataset("stripes", InMemory(x), Annotations(labels=labels))


def test_features_are_learned_where_none_are_given_and_blur_costs_precision():
    data, train = striped(400, 1), striped(400, 2)
    x = striped(400, 3).tensor()
    sharp = sample_quality(x, data, train=train, steps=60)
    blurred = sample_quality(nn.functional.avg_pool2d(x, 3, 1, 1), data, train=train, steps=60)
    assert "the labels of stripes (right on 1.000 of 80 held-out" in sharp["precision"].estimator
    assert sharp["classifier_accuracy"].value == 1
    assert blurred["precision"].value < 0.2 < 0.6 < sharp["precision"].value
    assert blurred["sharpness"].value < 0.5 * sharp["sharpness"].value
    assert sharp["sharpness"].value == pytest.approx(sharp["sharpness_of_real"].value, rel=0.1)


def test_half_of_the_data_teaches_the_features_where_nothing_else_does():
    account = sample_quality(striped(400, 3).tensor(), striped(800, 1), steps=30)
    assert account.data["n"] == 400
    assert "Half of stripes taught the features" in account.diagnosis[0]


def test_the_same_seed_gives_the_same_account_and_leaves_the_random_state_alone():
    world = LinearGaussian.random(1)
    data = tw.load_data(world.data(400))
    before = torch.random.get_rng_state()
    one, same, other = (sample_quality(world, data, features=PIXELS, seed=seed).to_json() for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert one == same != other


def test_a_network_of_features_is_left_in_the_mode_that_it_was_in():
    network = nn.Sequential(nn.Linear(2, 4), nn.Dropout())
    one, same = (sample_quality(clouds(300, 1), tw.load_data(clouds(300, 2)), features=network) for _ in range(2))
    assert network.training and one["precision"].value == same["precision"].value


@pytest.mark.parametrize(
    ("samples", "options", "error", "message"),
    [
        (torch.zeros(300, 3), {}, BadData, r"shape \(M, 2\), as the data are, got \(300, 3\)"),
        (torch.full((300, 2), torch.nan), {}, BadData, "samples hold numbers that are not finite"),
        (clouds(99, 1), {}, BadData, "need 100 samples and as many real examples, got 99 and 500"),
        (clouds(300, 1), {"features": lambda x: x.sum()}, Refused, r"Features must be \(B, F\).*got shape \(\)"),
        (clouds(300, 1), {"features": lambda x: x / 0}, BadData, "Some features are not finite"),
        (clouds(300, 1), {"reconstructions": True}, Refused, "judged as it is"),
        (clouds(300, 1), {"features": None}, BadData, "features of your own"),
        (LinearGaussian.random(0, dimension=2), {"count": 0}, Refused, "count = 0 cannot be"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_one_message(samples, options, error, message):
    with pytest.raises(error, match=message):
        sample_quality(samples, tw.load_data(clouds(500, 2)), **{"features": PIXELS, **options})


def test_too_few_real_examples_are_refused_before_anything_is_learned():
    def never(x):
        raise AssertionError

    with pytest.raises(BadData, match="halves of the real data, 100 examples or more each; got 150 in all"):
        sample_quality(clouds(300, 1), tw.load_data(clouds(150, 2)), features=never)
    with pytest.raises(BadData, match=r"at 2 neighbours.*40 examples or more each; got 75 in all"):
        sample_quality(clouds(300, 1), tw.load_data(clouds(150, 2)), neighbours=2)
