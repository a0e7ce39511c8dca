from dataclasses import replace

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.account import Account
from termwise.account.reading import Reading, ReadingByDimension
from termwise.measuring.elbo.diagnosis import diagnose


def readings(n=10_000, **values):
    """Readings with the given values; what is not given is unremarkable."""
    plain = {"rate": 10.0, "index_code_mi": 6.0, "marginal_kl": 0.5, "total_correlation": 0.2, "dimension_wise_kl": 0.3}
    plain["rate_by_dimension"] = [5.0, 5.0]
    taken = {**plain, **values}
    kinds = {name: ReadingByDimension if name.endswith("_by_dimension") else Reading for name in taken}
    return {name: kinds[name](name, value, None, None, None, None, "nats", "", "", n) for name, value in taken.items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": 0.02, "rate_by_dimension": [0.01, 0.01]}, "collapsed whole"),
        ({"rate_by_dimension": [10.0, 0.01]}, "1 of 2 dimensions is collapsed (rate under 0.05 nats): 1"),
        ({"index_code_mi": 9.1}, "ceiling"),
        ({"marginal_kl": 4.0}, "far from the prior"),
        ({"total_correlation": 3.0}, "entangled"),
        ({"code_use": 0.1}, "decoder ignores the code"),
        ({}, "No fault shows"),
    ],
)
def test_each_fault_is_named_with_its_evidence_and_alone(values, expected):
    sentences = diagnose(Account(readings(**values)))
    assert len(sentences) == 1 and expected in sentences[0]


def test_what_only_may_be_a_fault_is_not_said_to_be_one_nor_to_be_none():
    (said,) = diagnose(Account(readings()), possible=Account(readings(marginal_kl=4.0)))
    assert "No fault is sure" in said and "leave room" in said
    assert "No fault shows" in diagnose(Account(readings()), possible=Account(readings()))[0]
    assert (
        "entangled"
        in diagnose(Account(readings(total_correlation=3.0)), possible=Account(readings(marginal_kl=4.0)))[0]
    )


def population(name, value, bracket, interval, stderr=0.01):
    return {name: Reading(name, value, stderr, interval, *bracket, "nats", "", "", 10_000)}


def test_what_points_miss_of_the_population_is_said_and_the_population_is_diagnosed():
    taken = readings(index_code_mi=7.5, marginal_kl=4.0, total_correlation=3.0)
    taken |= population("population_mi", 8.0, [7.4, 8.6], [7.9, 8.1])
    taken |= population("population_marginal_kl", 0.5, [0.4, 4.1], [0.4, 0.6])
    taken |= population("population_total_correlation", 0.1, [0.0, 3.0], [0.1, 0.2])
    (sentence,) = diagnose(Account(taken))
    assert "falls 0.50 short of the population's, 8.00 (95%: [7.90, 8.10])" in sentence


def test_a_population_out_of_sight_has_its_bracket_said_and_nothing_concluded_from_the_rest():
    taken = readings(index_code_mi=9.2, marginal_kl=4.0, total_correlation=3.0)
    taken |= population("population_mi", 9.5, [9.1, 14.0], [9.1, 14.0], stderr=None)
    (sentence,) = diagnose(Account(taken))
    assert "ceiling" in sentence and "[9.10, 14.00]" in sentence


def test_a_decoder_that_uses_its_code_and_one_with_too_few_examples_to_tell_are_left_in_peace():
    assert "No fault" in diagnose(Account(readings(code_use=5.0)))[0]
    taken = readings(code_use=0.1)
    taken["code_use"] = replace(taken["code_use"], stderr=3.0)
    assert "No fault" in diagnose(Account(taken))[0]


def test_a_real_decoder_that_ignores_its_code_is_found():
    ignoring = tw.adapt(
        encode=lambda x: (x, torch.full_like(x, -4.0)),
        decode=lambda z: torch.zeros_like(z),
        likelihood="normal:1",
    )
    assert any("ignores the code" in sentence for sentence in tw.measure(ignoring, torch.randn(500, 2)).diagnosis)


def test_a_real_sigma_at_its_floor_is_found():
    def body(*sizes):
        return nn.Sequential(nn.Linear(*sizes))

    x = torch.randn(500, 2)
    model = tw.VAE(body(2, 4), body(2, 2), shape=(2,), latent=2, likelihood="normal:optimal")
    assert tw.measure(model, x)["sigma"].bias == "as trained"
    model.likelihood.mean_square.fill_(1e-8)
    account = tw.measure(model, x)
    assert account["sigma"].value == pytest.approx(1e-3)
    assert any("at its floor of 0.001" in sentence for sentence in account.diagnosis)
