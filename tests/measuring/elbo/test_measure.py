import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

import termwise as tw
from helpers.brute_force import full_covariance_log_prob, mixture_log_prob
from termwise.account.interval import reach_95
from termwise.errors import BadData, Refused
from termwise.models.codes import Codes
from termwise.models.randomness import own_randomness
from termwise.worlds import LinearGaussian

LINKS = ("rate", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")


@pytest.mark.parametrize(("seed", "nats", "diagonal"), [(0, 1.0, True), (1, 2.0, True), (2, 3.0, False)])
def test_the_account_agrees_with_the_closed_form_of_a_random_world(seed, nats, diagonal):
    world = LinearGaussian.random(seed, latent=3, mutual_information=nats, diagonal=diagonal)
    account = tw.measure(world, world.data(20_000, seed=seed), seed=seed)
    truth = world.truth()
    for name in (*LINKS, "distortion", "elbo"):
        reading = account[name]
        assert abs(reading.value - truth[name]) < 4 * reading.stderr, f"{reading}; the truth is {truth[name]:.4f}"


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 1.0])
@pytest.mark.parametrize("diagonal", [True, False])
def test_the_account_agrees_with_brute_force_at_the_same_codes(sigma, diagonal, monkeypatch):
    """log q(z) and log q(z_j) in float64, less the codes' own noise, log q(z|x) less its mean in closed form."""
    monkeypatch.setattr("termwise.measuring.elbo.control_variates.LEAST", 10**9)
    world = LinearGaussian.random(3, latent=4, mutual_information=2.0, diagonal=diagonal)
    spread = world.posterior_covariance
    world = LinearGaussian(
        **{**vars(world), "posterior_covariance": spread * sigma**2 / float(spread.diagonal().mean())}
    )
    x = world.data(400)
    account = tw.measure(world, x, seed=7)
    posterior = world.infer(x)[0]
    with own_randomness(7):
        z = Codes.of(posterior).exact
    weight = torch.tensor(-math.log(400))
    covariance = world.posterior_covariance
    loc, scale = posterior.mean.double(), posterior.stddev.double()
    pairs, marginal = mixture_log_prob(z, loc, scale, weight)
    own_j = Normal(loc, scale).log_prob(z)
    joint, own = pairs, own_j.sum(1)
    if not diagonal:
        factor = posterior.scale_tril.double()
        joint = full_covariance_log_prob(z, loc, factor, float(weight))
        own = MultivariateNormal(loc, scale_tril=factor).log_prob(z)
    entropy = 0.5 * float(torch.logdet(2 * math.pi * math.e * covariance))
    entropies = 0.5 * (2 * math.pi * math.e * covariance.diagonal()).log()
    rate = -entropy + 0.5 * (covariance.trace() + loc.square().sum(1)) + 2 * math.log(2 * math.pi)
    mi, mi_j = own - joint, own_j - marginal
    brute = {
        "rate": rate,
        "index_code_mi": mi,
        "marginal_kl": rate - mi,
        "total_correlation": mi_j.sum(1) - mi + entropies.sum() - entropy,
        "dimension_wise_kl": rate - mi_j.sum(1) - entropies.sum() + entropy,
    }
    for name, values in brute.items():
        assert account[name].value == pytest.approx(float(values.mean()), abs=1e-5), name


def test_the_links_sum_to_the_rate_for_every_example():
    for diagonal in (True, False):
        world = LinearGaussian.random(3, latent=4, mutual_information=2.0, diagonal=diagonal)
        values = tw.measure(world, world.data(400), seed=7).per_example
        torch.testing.assert_close(values["index_code_mi"] + values["marginal_kl"], values["rate"])
        torch.testing.assert_close(
            values["total_correlation"] + values["dimension_wise_kl"], values["marginal_kl"], atol=1e-9, rtol=1e-9
        )


def test_a_collapsed_posterior_reads_zero_for_every_link():
    model = tw.adapt(encode=lambda x: (torch.zeros(len(x), 10), torch.zeros(len(x), 10)))
    account = tw.measure(model, torch.randn(2000, 3))
    assert all(abs(account[name].value) < 0.01 for name in LINKS)
    assert any("collapsed whole" in sentence for sentence in account.diagnosis)


def test_the_standard_error_is_over_examples_and_more_codes_make_it_smaller():
    world = LinearGaussian.random(0, mutual_information=2.0)
    x = world.data(500)
    one, many = tw.measure(world, x), tw.measure(world, x, samples=30)
    rough = one.per_example["distortion"].numpy()
    assert one["distortion"].stderr == pytest.approx(np.std(rough, ddof=1) / math.sqrt(500))
    values = one.per_example["index_code_mi"].numpy()
    assert one["index_code_mi"].stderr == pytest.approx(np.std(values, ddof=1) / math.sqrt(500))
    assert one["index_code_mi"].value == pytest.approx(values.mean())
    below, above = reach_95(torch.tensor(values))
    assert one["index_code_mi"].interval == pytest.approx([values.mean() - below, values.mean() + above])
    assert many["distortion"].stderr < 0.9 * one["distortion"].stderr
    assert many["rate"].stderr == pytest.approx(one["rate"].stderr)  # in closed form: no codes in it


def test_by_dimension_readings_sum_to_the_whole():
    world = LinearGaussian.random(1)
    account = tw.measure(world, world.data(1000))
    assert len(account["index_code_mi_by_dimension"].value) == 4
    for name in ("rate", "dimension_wise_kl"):
        assert sum(account[f"{name}_by_dimension"].value) == pytest.approx(account[name].value, rel=1e-5)
        assert len(account[f"{name}_by_dimension"].stderr) == 4


def test_saturation_at_log_n_is_said_and_silences_what_would_then_mislead():
    """Codes x, each with a needle of its own: q(z) is the prior, but 200 points of it do not show that."""
    apart = tw.adapt(encode=lambda x: (x, torch.full_like(x, -14.0)))
    account = tw.measure(apart, torch.randn(200, 3))
    assert account["index_code_mi"].value == pytest.approx(math.log(200), abs=1e-3)
    assert account["marginal_kl"].value > 10
    assert "ceiling" in account.diagnosis[0] and "log N = 5.30" in account["index_code_mi"].bias
    assert not any("entangled" in sentence or "far from the prior" in sentence for sentence in account.diagnosis)


def test_grey_values_under_a_bernoulli_are_said_to_be_no_likelihood():
    grey, binary = torch.rand(50, 4), (torch.rand(50, 4) > 0.5).float()
    model = tw.adapt(
        encode=lambda x: (x[:, :2], torch.zeros(len(x), 2)),
        decode=lambda z: torch.full((len(z), 4), 0.5),
        likelihood="bernoulli",
    )
    assert "cross-entropy" in tw.measure(model, grey)["distortion"].bias
    assert "cross-entropy" not in tw.measure(model, binary)["distortion"].bias
    assert tw.measure(model, binary)["distortion"].value == pytest.approx(4 * math.log(2))


def test_a_prior_that_does_not_factorise_has_no_dimension_wise_kl():
    prior = torch.distributions.MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    model = tw.adapt(encode=lambda x: (x, torch.zeros_like(x)), prior=prior)
    account = tw.measure(model, torch.randn(300, 2))
    assert "dimension_wise_kl" not in account and "total_correlation" in account
    assert account["rate"].estimator == "closed form"


def test_a_posterior_that_is_no_normal_has_every_link():
    """Laplace posteriors: E log q(z) and E log q(z_j) from a hundred codes of every example, all laws asked."""
    torch.manual_seed(0)
    x = torch.randn(300, 2)
    account = tw.measure(tw.adapt(encode=lambda x: Independent(Laplace(x, torch.ones_like(x)), 1)), x)
    law = Laplace(x.double(), 1.0)
    z = law.sample((100,)).flatten(0, 1)
    by_law = law.log_prob(z.unsqueeze(1))  # (codes, N, 2)
    joint = by_law.sum(2).logsumexp(1) - math.log(300)
    marginals = by_law.logsumexp(1).sum(1) - 2 * math.log(300)
    own = -2 * (1 + math.log(2))
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    truth = {
        "index_code_mi": own - joint,
        "marginal_kl": joint - prior,
        "total_correlation": joint - marginals,
        "dimension_wise_kl": marginals - prior,
    }
    for name, values in truth.items():
        error = math.hypot(account[name].stderr, float(values.std()) / math.sqrt(300))
        assert abs(account[name].value - float(values.mean())) < 4 * error, name
    assert "population_mi" in account


def test_measuring_leaves_the_model_and_the_random_state_as_they_were():
    class Body(nn.Sequential):
        def encode(self, x):
            return self(x).chunk(2, 1)

    body = Body(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    body[2].eval()
    before = {name: held.clone() for name, held in body.state_dict().items()}
    modes = [part.training for part in body.modules()]
    x = torch.randn(64, 4)
    state = torch.get_rng_state()
    tw.measure(tw.adapt(encode=body.encode), x)
    assert torch.equal(state, torch.get_rng_state())
    assert [part.training for part in body.modules()] == modes == [True, True, True, False]
    assert all(torch.equal(held, before[name]) for name, held in body.state_dict().items())


def test_one_example_is_refused():
    with pytest.raises(BadData):
        tw.measure(LinearGaussian.random(0), torch.zeros(1, 6))
    with pytest.raises(Refused, match="samples"):
        tw.measure(LinearGaussian.random(0), torch.zeros(9, 6), samples=0)


def test_codes_that_say_which_example_they_are_of_leave_no_noise_in_the_index_code_mi():
    """Posteriors of many widths, far apart: log N, whatever the codes; the plain log ratio is no better."""
    torch.manual_seed(0)
    mean, scale = torch.randn(500, 8), 0.01 * (0.7 * torch.randn(500, 8)).exp()
    laws = tw.adapt(encode=lambda rows: (mean[rows[:, 0].long()], 2 * scale[rows[:, 0].long()].log()))
    found = [tw.measure(laws, torch.arange(500.0)[:, None], seed=seed)["index_code_mi"].value for seed in range(4)]
    assert max(abs(value - math.log(500)) for value in found) < 1e-6


def test_what_a_code_is_worth_is_how_much_dearer_x_is_by_the_codes_of_others():
    """E|x - z|^2 / (2 sigma^2) in closed form, over the codes of all others and over own codes."""
    x = torch.randn(150, 3, generator=torch.Generator().manual_seed(0))
    model = tw.adapt(encode=lambda x: (0.9 * x, torch.full_like(x, -2.0)), decode=lambda z: z, likelihood="normal:0.5")
    away = (x[:, None] - 0.9 * x).double().square().sum(-1)  # (N, N): x_n by code m
    cost = (away + 3 * math.exp(-2.0)) / (2 * 0.5**2)
    own = cost.diagonal()
    truth = float(((cost.sum(1) - own) / (len(x) - 1) - own).mean())
    reading = tw.measure(model, x, samples=40)["code_use"]
    assert abs(reading.value - truth) < 4 * reading.stderr and truth > 10 * reading.stderr
