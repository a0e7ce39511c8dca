"""The ELBO as a sum of three entropies: 0 apart at stationary points, by closed forms beside them, and for whom."""

import math

import pytest
import torch

import termwise as tw
from termwise.data import Dataset, InMemory
from termwise.models import VAE
from termwise.models.missing import Filler
from termwise.models.scaler import Scaler
from termwise.verify.stationary_points import pca_model

GAPS = ("stationarity_gap", "stationarity_gap_of_likelihood", "stationarity_gap_of_code")
N, D, K = 800, 5, 2


def examples(seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(N, K, generator=generator) @ torch.randn(K, D, generator=generator)
    return x + 0.4 * torch.randn(N, D, generator=generator) + 1


def gaps(model, x):
    account = tw.measure(model, Dataset("x", InMemory(x)))
    assert account["stationarity_gap"].value == pytest.approx(
        account["elbo"].value - account["three_entropies"].value, abs=1e-9
    )
    return [account[name] for name in GAPS]


@pytest.mark.parametrize(("sigma", "codes"), [(1.0, 1.0), (1.3, 1.0), (0.8, 1.0), (1.0, 0.7), (1.3, 1.2)])
def test_the_gap_at_a_stationary_point_and_beside_it(sigma, codes):
    whole, of_likelihood, of_code = gaps(pca_model(x := examples(), K, sigma, codes), x)
    # closed forms: at the maximum likelihood E|x - mu(z)|^2 = D s^2 and E z_j^2 = 1, on these examples exactly
    assert of_code.value == pytest.approx(0.5 * K * (1 - codes**2), abs=1e-5)  # float32 weights
    likelihood = 0.5 * D * (1 - sigma**-2)
    assert abs(of_likelihood.value - likelihood) < 4 * of_likelihood.stderr
    assert abs(whole.value - likelihood - of_code.value) < 4 * whole.stderr


def test_it_is_half_the_derivative_in_log_sigma_and_in_the_log_of_the_scales_of_codes():
    """Of any weights, not at an optimum: by differences of the ELBO itself, at the same codes."""
    x = examples()
    torch.manual_seed(0)
    model = VAE.build((D,), latent=K, likelihood="normal:learned", options={"hidden": [8]})
    _, of_likelihood, of_code = gaps(model, x)
    draw = model.eval().draw(x)
    with torch.no_grad():
        z, sigma = draw.z, float(model.likelihood.scale())
        decoded = model.decoded(z)
        residual = (x - decoded).square().sum(1).double()

        def distortion(log_c):  # at sigma e^log_c
            scale = sigma * math.exp(log_c)
            return float((residual / (2 * scale**2)).mean()) + D * math.log(scale)

        def rate(log_c):  # of codes z e^log_c
            scaled = torch.distributions.Normal(
                draw.posterior.mean.double() * math.exp(log_c), draw.posterior.stddev.double() * math.exp(log_c)
            )
            prior = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
            return float(torch.distributions.kl_divergence(scaled, prior).sum(1).mean())

    step = 1e-4
    by_sigma = (distortion(step) - distortion(-step)) / (2 * step)
    by_scale = (rate(step) - rate(-step)) / (2 * step)
    assert of_code.value == pytest.approx(-0.5 * by_scale, abs=1e-5)
    assert abs(of_likelihood.value - 0.5 * by_sigma) < 5 * of_likelihood.stderr


def test_units_of_x_are_in_both_sides():
    x = examples()
    model = pca_model(x, K)
    plain = gaps(model, x)
    model.scaler = Scaler(torch.full((D,), 3.0), torch.full((D,), 10.0), (D,))
    scaled = gaps(model, 10 * x + 3)
    for one, other in zip(plain, scaled, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-3)  # float32 of 10 x + 3 and back


def test_a_full_posterior_and_entries_that_are_missing():
    torch.manual_seed(0)
    x = examples()
    x[torch.rand(N, D) < 0.2] = torch.nan
    run = VAE.build((D,), latent=K, posterior="full-normal", likelihood="normal:optimal", options={"hidden": [8]})
    run.filler, there = Filler(torch.zeros(D)), ~x.isnan()
    with torch.no_grad():
        law = run.eval().encode(x)
        residual = (x - run.decode(law.sample((50,)).flatten(0, 1)).mean.unflatten(0, (50, N)))[:, there]
        run.likelihood.mean_square.copy_(residual.square().mean())  # where the likelihood's part is 0
    whole, of_likelihood, of_code = gaps(run, x)
    expected = 0.5 * (K - (law.mean.square() + law.variance).sum(1).mean())
    assert of_code.value == pytest.approx(float(expected), abs=1e-5)
    assert whole.value == pytest.approx(of_likelihood.value + of_code.value, abs=1e-9)
    assert abs(of_likelihood.value) < 4 * of_likelihood.stderr


def test_sigma_of_every_column():
    """A table of numbers has a sigma for each column: at the root mean square residual of each the part is 0."""
    torch.manual_seed(0)
    x = examples() * torch.tensor([1.0, 10.0, 1.0, 0.1, 1.0])
    model = VAE.build((D,), latent=K, likelihood=f"columns:number*{D}", options={"hidden": [8]}).eval()
    data = Dataset("x", InMemory(x))
    model.likelihood.begin(data)
    with torch.no_grad():
        codes = model.encode(x).sample((50,)).flatten(0, 1)
        residual = (x.repeat(50, 1) - model.decode(codes).mean).square().mean(0).sqrt()
        model.likelihood.log_sigma.copy_((residual / model.likelihood.stddevs - model.likelihood.FLOOR).log())
    _, of_likelihood, _ = gaps(model, x)
    assert abs(of_likelihood.value) < 4 * of_likelihood.stderr


@pytest.mark.parametrize(
    "parts",
    [
        {"likelihood": "normal:0.5"},  # sigma is not learned
        {"likelihood": "bernoulli"},
        {"likelihood": "normal:learned", "prior": "mixture:2"},
        {"likelihood": "normal:learned", "posterior": "laplace"},
        {"likelihood": "columns:number*4,binary"},
    ],
    ids=str,
)
def test_it_is_absent_where_the_theorem_is_of_another_model(parts):
    torch.manual_seed(0)
    x = (examples() > 1).float()
    account = tw.measure(VAE.build((D,), latent=K, options={"hidden": [8]}, **parts), Dataset("x", InMemory(x)))
    assert not {"three_entropies", *GAPS} & set(account)
    assert not {"three_entropies", *GAPS} & set(account.withheld)


def test_training_brings_it_near_zero(tmp_path):
    """Adam on the full batch of a linear model: the gap on the training examples falls under a tenth of a nat."""
    x = examples()
    torch.manual_seed(0)
    model = VAE(torch.nn.Linear(D, 2 * K), torch.nn.Linear(K, D), shape=(D,), latent=K, likelihood="normal:learned")
    begin = [abs(one.value) for one in gaps(model, x)]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    model.train()
    for _ in range(500):
        draw = model.draw(x)
        loss = -draw.likelihood.log_prob(x) + torch.distributions.kl_divergence(draw.posterior, draw.prior)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    whole, *parts = gaps(model, x)
    assert begin[0] > 1
    for one in (whole, *parts):
        assert abs(one.value) < 0.1 + 4 * one.stderr and abs(one.value) < 0.2
