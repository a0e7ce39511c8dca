"""The tokenizer report where all that it reads is known: channels that are normal, and depend on each other."""

import math

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.errors import Refused
from termwise.measuring.tokenizer.tokenizer_report import _jackknifed_each

MIXING = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 0.02]])
SIGMA = 0.5
PLACES = (2, 4)


def encode(x):
    mean = torch.einsum("cd,nd...->nc...", MIXING, x)
    return mean, torch.full_like(mean, 2 * math.log(SIGMA))


@pytest.fixture(scope="module")
def account():
    x = torch.randn(700, 3, *PLACES, generator=torch.Generator().manual_seed(0))
    return tw.tokenizer_report(tw.adapt(encode, lambda z: z, "normal:1"), x)


def within(reading, truth, errors=4.0):
    assert reading.value == pytest.approx(truth, abs=errors * reading.stderr + 0.02), reading


def test_the_walk_over_channels_is_the_known_one(account):
    covariance = (MIXING @ MIXING.T + SIGMA**2 * torch.eye(3)).double()
    log_det, variances = float(covariance.logdet()), covariance.diagonal()
    within(account["channel_mi"], 0.5 * (log_det - 3 * math.log(SIGMA**2)))
    within(account["channel_total_correlation"], 0.5 * float(variances.log().sum() - log_det))
    within(account["channel_gaussian_tc"], 0.5 * float(variances.log().sum() - log_det))
    within(account["channel_marginal_kl"], 0.5 * (float(variances.sum()) - 3 - log_det))
    within(account["channel_dimension_wise_kl"], 0.5 * float((variances - 1 - variances.log()).sum()))
    parts = account["channel_mi"].value + account["channel_marginal_kl"].value
    assert parts == pytest.approx(account["rate_at_a_place"].value, rel=1e-6)
    assert account["channel_total_correlation"].value > 0.2


def test_the_rate_is_split_by_channel_and_by_place_and_is_in_bits_too(account):
    whole = account["rate"].value
    for name in ("rate_by_channel", "rate_by_position"):
        assert sum(account.by_dimension[name].value) == pytest.approx(whole, rel=1e-9)
    assert len(account.by_dimension["rate_by_channel"].value) == 3
    assert len(account.by_dimension["bits_by_position"].value) == 8
    assert account["bits"].value == pytest.approx(whole / math.log(2), rel=1e-9)
    assert account["bits"].interval[0] < account["bits"].value < account["bits"].interval[1]
    by_place = sum(account.by_dimension["bits_by_position"].value)
    assert by_place == pytest.approx(account["bits"].value, rel=1e-9)
    assert account.data["positions"][-1] == "1,3"


def test_a_channel_that_x_hardly_moves_is_dead_and_is_named(account):
    assert account["dead_channels"].value == 1  # 0.0004 of 0.2504
    assert account.diagnosis[0] == "Of 3 channels 2 say nothing of x."


def test_a_channel_is_dead_by_what_x_moves_and_not_by_its_scale_or_place():
    noise = torch.randn(400, 1, 5, generator=torch.Generator().manual_seed(0))

    def of_three(x):
        mean = torch.cat([1e-3 * x, 5 + 0 * x, torch.arange(5.0).expand(len(x), 1, 5)], 1)
        return mean, torch.tensor([-16.0, 0.0, 0.0]).view(1, 3, 1).expand_as(mean)

    account = tw.tokenizer_report(tw.adapt(of_three), noise)
    assert account["dead_channels"].value == 2
    assert "channels 1, 2 say" in account.diagnosis[0]


def test_the_scaling_factor_and_deviations_are_those_of_codes(account):
    variances = (MIXING @ MIXING.T + SIGMA**2 * torch.eye(3)).diagonal().double()
    within(account["scaling_factor"], float(variances.mean().rsqrt()))
    deviations = account.by_dimension["latent_std_by_channel"]
    for value, error, truth in zip(deviations.value, deviations.stderr, variances.sqrt().tolist(), strict=True):
        assert value == pytest.approx(truth, abs=4 * error)


def test_an_error_by_leaving_parts_out_is_that_of_the_delta_method():
    values = torch.randn(5000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 3
    reading = _jackknifed_each("latent_std_by_channel", values, lambda mean: mean.square(), "a square")
    assert reading.stderr[0] == pytest.approx(2 * 3 * 1 / 5000**0.5, rel=0.25)  # of 50 parts


def test_channels_may_come_last():
    x = torch.randn(300, 3, 6, generator=torch.Generator().manual_seed(1))
    first = tw.tokenizer_report(tw.adapt(encode), x)
    last = tw.tokenizer_report(tw.adapt(lambda x: tuple(of.mT for of in encode(x))), x, channels="last")
    assert last.by_dimension["rate_by_channel"].value == pytest.approx(first.by_dimension["rate_by_channel"].value)
    assert last["channel_total_correlation"].value == pytest.approx(first["channel_total_correlation"].value, abs=0.01)
    assert last["scaling_factor"].value == pytest.approx(first["scaling_factor"].value)


def test_too_few_codes_for_their_channels_are_said():
    x = torch.randn(50, 3, 4, generator=torch.Generator().manual_seed(1))
    account = tw.tokenizer_report(tw.adapt(lambda x: (10 * x, torch.full_like(x, -9.0))), x)
    assert any("200 codes at places are too few for 3 channels" in sentence for sentence in account.diagnosis)
    assert account["channel_gaussian_tc"].value < 0.2 < account["channel_total_correlation"].value


def test_of_another_prior_what_needs_the_standard_one_is_left_out():
    x = torch.randn(50, 3, 4, generator=torch.Generator().manual_seed(1))
    prior = torch.distributions.Independent(torch.distributions.Normal(torch.ones(12), 2.0), 1)
    account = tw.tokenizer_report(tw.adapt(encode, prior=prior), x)
    assert "channel_mi" in account
    assert "channel_marginal_kl" not in account


def test_of_codewords_it_is_what_measure_reads_and_bits():
    book = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    x = torch.rand(100, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    model = tw.adapt(
        lambda x: {"indices": (x[:, 0] * 8).long(), "codebook": book}, lambda z: z.sum(-1).unsqueeze(1), "normal:1"
    )
    account, measured = tw.tokenizer_report(model, x), tw.measure(model, x)
    for name in ("rate", "codes_used", "perplexity", "dead_codes"):
        assert account[name].value == measured[name].value
    assert account["bits"].value == pytest.approx(16 * 3)
    assert "reconstruction_mse" in account


def test_reconstructions_and_samples_are_judged_by_the_users_features():
    x = torch.rand(600, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    model = tw.adapt(lambda x: (x, torch.full_like(x, -8.0)), lambda z: z, "normal:0.1")
    features = nn.Flatten()
    account = tw.tokenizer_report(model, x, features=features, samples=2 * x)
    good = account["reconstruction_frechet_distance"].value
    assert 0 <= good < account["frechet_distance"].value
    assert account["reconstruction_kernel_distance"].value < account["kernel_distance"].value
    alone = tw.sample_quality(model, x, features=features, reconstructions=True)
    assert good == alone["frechet_distance"].value


def test_what_cannot_be_reported_is_refused_in_words():
    x = torch.rand(20, 4)
    heavy = tw.adapt(lambda x: torch.distributions.Laplace(x, 1.0))
    with pytest.raises(Refused, match="of normals of independent numbers, or of codewords"):
        tw.tokenizer_report(heavy, x)
    with pytest.raises(Refused, match="Samples are judged by features"):
        tw.tokenizer_report(tw.adapt(lambda x: (x, x)), x, samples=x)
    with pytest.raises(Refused, match="channels"):
        tw.tokenizer_report(tw.adapt(lambda x: (x, x)), x, channels="middle")
    with pytest.raises(Refused, match="limit=1"):
        tw.tokenizer_report(tw.adapt(lambda x: (x, x)), x, limit=1)
