"""Of worlds and of models as they usually are nothing is withheld, nothing is left unjudged, and none is called ill."""

import math

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.models.blocks import Block
from termwise.models.posteriors.table import POSTERIORS
from termwise.worlds import LinearGaussian, bimodal_world, four_points, implicit_world, mixture_world, random_world

ALARMS = ("could not be judged", "most of the", "One entry of x", "no number", "overfits")


def checked(account):
    """The account, once it is seen to be whole."""
    assert not account.withheld
    assert not [one for one in account.diagnosis for alarm in ALARMS if alarm in one]
    return account


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("nats", [0.01, 1.0, 6.0])
def test_linear_gaussian_worlds(seed, nats):
    world = LinearGaussian.random(seed, latent=3, mutual_information=nats, diagonal=seed != 1)
    for count in (2, 5, 40, 600):
        checked(tw.measure(world, world.data(count, seed), seed=seed))


@pytest.mark.parametrize("make", [random_world, bimodal_world, mixture_world, implicit_world])
def test_worlds_on_a_grid(make):
    for count in (3, 30, 300):
        world = make(0)
        checked(tw.measure(world, world.data(count), noises=64))


def test_posteriors_that_are_the_prior_and_posteriors_that_are_points():
    for log_variance in (-60.0, -14.0, -2.0, 0.0):
        scale = math.exp(log_variance / 2)
        spread = math.sqrt(max(0.0, 1 - scale**2))
        model = tw.adapt(
            encode=lambda x, spread=spread, v=log_variance: (spread * x, torch.full_like(x, v)),
            decode=lambda z: z,
            likelihood="normal:1",
        )
        for count in (10, 200):
            account = checked(tw.measure(model, torch.randn(count, 4, generator=torch.Generator().manual_seed(count))))
            assert not any("far from the prior" in one for one in account.diagnosis if count == 200 and spread == 0)


def test_the_optimum_of_a_linear_world_shows_no_fault():
    world = LinearGaussian.random(3, latent=3, mutual_information=1.5)
    points = tw.adapt(encode=lambda x: (0.9 * x, torch.full_like(x, -1.6)))  # q(z) is all but the prior
    for seed in range(5):
        x = torch.randn(1000, 3, generator=torch.Generator().manual_seed(seed))
        (said,) = checked(tw.measure(points, x, seed=seed)).diagnosis
        assert said.startswith("No fault shows in these terms: no dimension is collapsed, q(z) is near the prior")
    checked(tw.measure(world, world.data(1000), samples=3))


BEFORE = [(posterior, likelihood) for posterior in POSTERIORS for likelihood in ("bernoulli", "normal:0.3")]
BEFORE = [BEFORE[place ^ (place // 2 % 2)] for place in range(len(BEFORE))]
"""Of each posterior one is no slow test: under one likelihood and the other by turns."""


@pytest.mark.parametrize(
    ("posterior", "likelihood"),
    [pytest.param(*of, marks=pytest.mark.slow if place % 2 else ()) for place, of in enumerate(BEFORE)],
)
def test_models_before_training(posterior, likelihood):
    x = (torch.rand(80, 9, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    prior = Block("code", 3, posterior).prior_name
    model = tw.VAE.build((9,), latent=3, posterior=posterior, likelihood=likelihood, prior=prior)
    checked(tw.measure(model, x, noises=32))


def test_four_points_at_all_scales():
    for sigma in (1.0, 0.3):
        mean = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        checked(tw.measure(four_points(mean, torch.full((4, 2), sigma)), torch.eye(4)))


def test_log_likelihood_disentanglement_and_quality_of_a_world():
    world = LinearGaussian.random(1, latent=2, mutual_information=1.0)
    for method in ("iwae", "ais"):
        some = {"chains": 4, "temperatures": 20, "simulated": 0} if method == "ais" else {"samples": 50}
        checked(tw.log_likelihood(world, world.data(30), method=method, **some))
    digits = tw.load_data("digits")
    model = tw.VAE.build(digits.shape, latent=3)
    checked(tw.sample_quality(model, digits.test, features=nn.Flatten()))
    checked(tw.disentanglement(model, digits.test))  # of which no factors are known: the total correlations


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["vae", "beta-vae", "beta-tcvae"])
@pytest.mark.parametrize("data", ["four-points", "digits"])
def test_trained_models(recipe, data, tmp_path):
    epochs = 20 if data == "digits" else 200
    run = tw.train(data=data, recipe=recipe, latent=3, epochs=epochs, out=tmp_path / "run", progress=False)
    checked(run.account)
