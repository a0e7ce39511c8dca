"""What fills missing entries is their law given the others: in closed form, and of words by quadrature."""

import math

import pytest
import torch
from scipy import stats
from torch import nn
from torch.distributions import MultivariateNormal

import termwise as tw
from termwise.data import Column, Dataset, InMemory
from termwise.errors import BadData
from termwise.measuring.imputation import impute
from termwise.models.draw import Draw
from termwise.models.missing import Filler
from termwise.models.scaler import Scaler
from termwise.terms import MultiSampleBound

SAMPLES, DRAWS, ERRORS = 10_000, 2000, 4.5
"""Codes, draws, and how many standard errors any of a hundred numbers may be off."""

W = torch.tensor([[1.0, 0.3], [-0.5, 0.8], [0.7, 0.7], [0.2, -1.0]])
B, SIGMA = torch.tensor([0.5, -1.0, 0.0, 2.0]), 0.6
P = (W @ W.T + SIGMA**2 * torch.eye(4)).double()
UNITS = Scaler(torch.tensor([10.0, 0.0, -3.0, 0.0]), torch.tensor([5.0, 1.0, 0.1, 1.0]), (4,))
GONE = torch.tensor([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]]).bool()


def linear_world(scaler=None):
    """Its model, whose encoder is that of whole examples and so wrong where there are gaps; and examples of it."""
    posterior = torch.linalg.inv(torch.eye(2) + W.T @ W / SIGMA**2)
    encoder, decoder = nn.Linear(4, 4), nn.Linear(2, 4)
    with torch.no_grad():
        decoder.weight.copy_(W), decoder.bias.copy_(B)
        rows = posterior @ W.T / SIGMA**2
        encoder.weight.copy_(torch.cat([rows, torch.zeros(2, 4)]))
        encoder.bias.copy_(torch.cat([-rows @ B, torch.zeros(2)]))
    x = MultivariateNormal(B.double(), P).sample((len(GONE),)).float()
    x = x if scaler is None else scaler.back(x)
    data = tw.load_data(x.where(~GONE, torch.nan), missing="mask", test=0.0)
    model = tw.VAE(
        encoder, decoder, shape=(4,), latent=2, likelihood=f"normal:{SIGMA}", scaler=scaler, filler=Filler(B)
    )
    if scaler is not None:
        model.filler = Filler(scaler.back(B))
    return model.eval(), data


def given_the_rest(x, gone):
    """Mean and covariance of the entries that are missing of one example, in the world's units."""
    there = ~gone
    gain = torch.linalg.solve(P[there][:, there], P[there][:, gone]).T
    mean = B[gone].double() + gain @ (x[there].double() - B[there].double())
    return mean, P[gone][:, gone] - gain @ P[there][:, gone]


@pytest.mark.parametrize("scaler", [None, UNITS], ids=["plain", "standardised"])
def test_mean_spread_and_draws_are_those_of_the_entries_given_the_others(scaler):
    model, data = linear_world(scaler)
    x, found = data.tensor(), impute(model, data, samples=SAMPLES, draws=DRAWS)
    assert torch.equal(found.mean[~GONE], x[~GONE]) and bool((found.stddev[~GONE] == 0).all())
    assert all(torch.equal(draw[~GONE], x[~GONE]) for draw in found.draws[:3])
    scale = torch.ones(4) if scaler is None else scaler.scale
    for row in range(len(GONE)):
        gone = GONE[row]
        if not gone.any():
            continue
        mean, covariance = given_the_rest(x[row] if scaler is None else scaler(x[row]), gone)
        s = scale[gone].double()
        mean, covariance = (mean if scaler is None else scaler.back(_at(mean, gone))[gone]), covariance * s * s[:, None]
        stddev, codes = covariance.diagonal().sqrt(), float(found.effective_sample_size[row])
        error = stddev * math.sqrt(1 / codes)
        assert codes > 100
        assert bool(((found.mean[row, gone] - mean).abs() < ERRORS * error).all())
        assert bool(((found.stddev[row, gone] - stddev).abs() < ERRORS * error / math.sqrt(2)).all())
        drawn = found.draws[:, row, gone].double()
        error = stddev * math.sqrt(1 / DRAWS + 1 / codes)
        assert bool(((drawn.mean(0) - mean).abs() < ERRORS * error).all())
        apart = (drawn - mean).T @ (drawn - mean) / DRAWS - covariance
        assert bool((apart.abs() < ERRORS * math.sqrt(2) * error * stddev[:, None]).all())


def _at(values, gone):
    whole = torch.zeros(len(gone))
    whole[gone] = values.float()
    return whole


def log_p_of_what_is_there(data):
    x = data.tensor().double()
    return torch.tensor(
        [
            stats.multivariate_normal(B[~gone].double(), P[~gone][:, ~gone]).logpdf(row[~gone])
            if (~gone).any()
            else 0.0
            for row, gone in zip(x, GONE, strict=True)
        ]
    )


@pytest.mark.parametrize(
    "options", [{"method": "iwae", "samples": SAMPLES}, {"chains": 32, "temperatures": 100, "simulated": 0}]
)
def test_log_p_is_that_of_the_entries_that_are_there(options):
    model, data = linear_world()
    account = tw.log_likelihood(model, data, **options)
    apart = account.per_example["log_likelihood"] - log_p_of_what_is_there(data)
    codes = account.per_example["effective_sample_size"]
    count = options.get("samples", options.get("chains"))
    error = (1 / codes - 1 / count).clamp(min=1e-6).sqrt()  # of a log of a mean of weights, by the delta method
    assert bool((apart.abs() < ERRORS * error + 1e-4).all())


def test_the_bound_of_miwae_comes_to_log_p_of_the_entries_that_are_there():
    model, data = linear_world()
    term = tw.recipe("miwae", codes=SAMPLES).players[0].objective.parts[0].term
    assert isinstance(term, MultiSampleBound) and tw.recipe("miwae").players[0].objective.parts[0].term.codes == 20
    with torch.no_grad():
        values = term(Draw(model, data.tensor()))
    codes = impute(model, data, samples=SAMPLES).effective_sample_size
    assert bool(((values + log_p_of_what_is_there(data)).abs() < ERRORS / codes.sqrt()).all())


def test_words_numbers_and_truths_go_together_as_the_code_says():
    """Of one code, by quadrature: p(word, truth | number) is the mean of theirs over p(z | number)."""
    layout = "columns:number,category*3,binary"
    decoder, encoder = nn.Linear(1, 5), nn.Linear(5, 2)
    with torch.no_grad():
        decoder.weight.copy_(torch.tensor([[1.0], [2.0], [0.0], [-2.0], [1.5]]))
        decoder.bias.copy_(torch.tensor([0.0, 0.0, 0.3, 0.0, -0.5]))
        encoder.weight.zero_(), encoder.bias.zero_()
    model = tw.VAE(encoder, decoder, shape=(5,), latent=1, likelihood=layout, filler=Filler(torch.zeros(5))).eval()
    columns = (
        Column("size"),
        *(Column(f"cut={one}", "category", "cut", one) for one in "abc"),
        Column("sold", "binary"),
    )
    nan = math.nan
    x = torch.tensor([[1.2, nan, nan, nan, nan], [nan, 0.0, 0.0, 1.0, 1.0], [0.3, 0.0, 1.0, 0.0, 0.0]])
    data = Dataset("words", InMemory(x), columns=columns)
    found = impute(model, data, samples=SAMPLES, draws=DRAWS)
    z = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    decoded = decoder(z.float()[:, None]).double()
    sigma = float(1 + model.likelihood.FLOOR)
    given_size = (prior + torch.distributions.Normal(decoded[:, 0], sigma).log_prob(torch.tensor(1.2))).softmax(0)
    words = (given_size[:, None] * decoded[:, 1:4].softmax(1)).sum(0)
    truth = (given_size * decoded[:, 4].sigmoid()).sum()
    expected = torch.cat([words, truth[None]])
    error = (expected * (1 - expected) / float(found.effective_sample_size[0])).sqrt()
    assert bool(((found.mean[0, 1:] - expected).abs() < ERRORS * error).all())
    assert torch.allclose(found.stddev[0, 1:].double(), (expected * (1 - expected)).sqrt(), atol=0.02)
    rows = found.draws[:, 0, 1:4]
    assert bool(((rows == 0) | (rows == 1)).all()) and bool((rows.sum(1) == 1).all())
    assert bool(((rows.mean(0) - words).abs() < ERRORS * error[:3] + ERRORS * 0.5 / math.sqrt(DRAWS)).all())
    given_words = (prior + decoded[:, 1:4].log_softmax(1)[:, 2] + nn.functional.logsigmoid(decoded[:, 4])).softmax(0)
    mean = (given_words * decoded[:, 0]).sum()
    spread = ((given_words * (decoded[:, 0] ** 2 + sigma**2)).sum() - mean**2).sqrt()
    error = spread / math.sqrt(float(found.effective_sample_size[1]))
    assert abs(found.mean[1, 0] - mean) < ERRORS * error and abs(found.stddev[1, 0] - spread) < ERRORS * error
    likeliest = nn.functional.one_hot(words.argmax(), 3)
    assert found.filled[0, 1:].tolist() == [*likeliest.tolist(), float(truth > 0.5)]
    assert torch.equal(found.mean[2], x[2])


@pytest.mark.parametrize("likelihood", ["laplace:0.5", "student-t:4", "student-t:1", "categorical:3", "poisson"])
def test_every_kind_of_likelihood_fills_with_values_of_its_own(likelihood):
    x = torch.randint(0, 3, (30, 4)).float()
    x[torch.rand(30, 4) < 0.3] = math.nan
    data = tw.load_data(x, missing="mask", test=0.0)
    model = tw.VAE.build((4,), latent=2, likelihood=likelihood, options={"hidden": [8]})
    model.filler = Filler.of(data)
    found = impute(model, data, samples=200, draws=2)
    assert bool(found.mean.isfinite().all() and found.stddev.isfinite().all() and found.draws.isfinite().all())
    assert bool((found.stddev[found.missing] > 0).all())
    if likelihood == "categorical:3":
        assert bool(torch.isin(found.filled, torch.arange(3.0)).all())


@pytest.mark.parametrize("posterior", ["noise-input", "categorical", "vector-quantized"])
def test_any_code_can_fill(posterior):
    x = torch.randn(20, 4).where(torch.rand(20, 4) < 0.7, torch.nan)
    data = tw.load_data(x, missing="mask", test=0.0)
    prior = {} if posterior == "noise-input" else {"prior": "uniform"}
    model = tw.VAE.build((4,), 4, posterior=posterior, likelihood="normal:0.5", options={"hidden": [8]}, **prior)
    model.filler = Filler.of(data)
    assert bool(impute(model, data, samples=50).mean.isfinite().all())


def test_an_example_is_filled_alike_whatever_stands_beside_it():
    model, data = linear_world()
    whole = impute(model, data, samples=SAMPLES, batch_size=2)
    alone = impute(model, data.subset(torch.tensor([2])), samples=SAMPLES)
    error = whole.stddev[2] / math.sqrt(float(alone.effective_sample_size[0]))
    assert bool(((whole.mean[2] - alone.mean[0]).abs() <= math.sqrt(2) * ERRORS * error).all())
    again = impute(model, data, samples=SAMPLES, batch_size=2)
    assert torch.equal(whole.mean, again.mean)


def test_nothing_missing_is_nothing_done_and_few_codes_are_said():
    model, data = linear_world()
    whole = data.subset(torch.tensor([3]))
    found = impute(model, whole, draws=2)
    assert torch.equal(found.filled, whole.tensor()) and "nothing is missing" in repr(found) and not found.diagnosis
    few = impute(model, data, samples=5)
    assert "fewer than 10 codes" in few.diagnosis[0] and "samples=50" in few.diagnosis[0]
    assert "has no entry at all" in few.diagnosis[1]


def test_a_model_that_knows_no_gaps_is_refused():
    _, data = linear_world()
    with pytest.raises(BadData, match="trained on data that has none"):
        tw.measure(tw.VAE.build((4,), 2, likelihood="normal"), data)
