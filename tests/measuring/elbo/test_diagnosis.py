import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.account import Account
from termwise.account.guard import unguarded
from termwise.account.reading import Reading, ReadingByDimension, reading_without_error
from termwise.measuring.elbo.diagnosis import diagnose


def readings(n=10_000, **values):
    """Readings with the given values; what is not given is unremarkable, and adds up."""
    plain = {"rate": 6.5, "marginal_kl": 0.5, "total_correlation": 0.2, "rate_by_dimension": [3.0, 3.5]}
    taken = {**plain, **values}
    taken.setdefault("index_code_mi", taken["rate"] - taken["marginal_kl"])
    taken.setdefault("dimension_wise_kl", taken["marginal_kl"] - taken["total_correlation"])
    kinds = {name: ReadingByDimension if name.endswith("_by_dimension") else Reading for name in taken}
    return {name: kinds[name](name, value, None, None, None, None, "nats", "", "", n) for name, value in taken.items()}


def account_of(n=10_000, **values):
    account = Account(readings(n, **values))
    assert not account.withheld
    return account


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"rate": 0.02, "marginal_kl": 0.01, "total_correlation": 0.0, "rate_by_dimension": [0.01, 0.01]},
            "collapsed whole",
        ),
        ({"rate_by_dimension": [6.49, 0.01]}, "1 of 2 dimensions is collapsed (rate under 0.05 nats): 1"),
        ({"rate": 9.6}, "ceiling"),
        ({"rate": 8.0, "marginal_kl": 4.0}, "far from the prior"),
        ({"rate": 20.0, "index_code_mi": 6.0, "marginal_kl": 14.0, "total_correlation": 13.5}, "entangled"),
        ({"code_use": 0.1}, "decoder ignores the code"),
        ({}, "No fault shows"),
    ],
)
def test_each_fault_is_named_with_its_evidence_and_alone(values, expected):
    sentences = [said for said in diagnose(account_of(**values)) if "far from" not in said or "far from" in expected]
    assert len(sentences) == 1 and expected in sentences[0]


def test_what_only_may_be_a_fault_is_not_said_to_be_one_nor_to_be_none():
    far, entangled = account_of(rate=10.5, marginal_kl=4.0), account_of(rate=10.5, marginal_kl=4.0, total_correlation=3)
    (said,) = diagnose(account_of(), possible=far)
    assert "No fault is sure" in said and "leave room" in said
    assert "No fault shows" in diagnose(account_of(), possible=account_of())[0]
    assert any("entangled" in said for said in diagnose(entangled, possible=far))


def population(name, value, bracket, interval, stderr=0.01):
    return {name: Reading(name, value, stderr, interval, *bracket, "nats", "", "", 10_000)}


def test_what_points_miss_of_the_population_is_said_and_the_population_is_diagnosed():
    taken = readings(rate=8.6, index_code_mi=7.5, marginal_kl=1.1, total_correlation=0.9)
    taken |= population("population_mi", 8.0, [7.4, 8.6], [7.9, 8.1])
    taken |= population("population_marginal_kl", 0.5, [0.4, 4.1], [0.4, 0.6])
    taken |= population("population_total_correlation", 0.1, [0.0, 3.0], [0.1, 0.2])
    (sentence,) = diagnose(Account(taken))
    assert "falls 0.50 short of the population's, 8.00 (95%: [7.90, 8.10])" in sentence


def out_of_sight(*, marginal=(0.2, 4.1), tc=(0.0, 3.5), n=10_000, of=None, rate=33.0):
    """An account of a code whose points measure their own number, with brackets for the population."""
    taken = readings(rate=rate, index_code_mi=9.1, marginal_kl=rate - 9.1, total_correlation=14.0, n=n)
    taken |= population("population_mi", 9.5, [9.1, 30.0], [9.1, 30.0], stderr=None)
    taken |= population("population_marginal_kl", marginal[1], marginal, list(marginal), stderr=None)
    taken |= population("population_total_correlation", tc[1], tc, list(tc), stderr=None)
    account = Account(taken, data={"n": n, "of": of})
    assert not account.withheld
    return account


def test_a_population_out_of_sight_has_its_bracket_said_and_nothing_concluded_from_the_rest():
    (sentence,) = diagnose(out_of_sight())
    assert "ceiling" in sentence and "[9.10, 30.00]" in sentence


def test_where_the_lower_end_of_a_bracket_alone_is_a_fault_it_is_said():
    sentences = diagnose(out_of_sight(marginal=(20.1, 23.5), tc=(12.0, 14.5)))
    assert ["ceiling" in sentences[0], len(sentences)] == [True, 3]
    assert "marginal KL is at least 20.10 of the rate's 33.00 nats" in sentences[1]
    assert "its dimensions share at least 12.00 nats" in sentences[2]
    assert len(diagnose(out_of_sight(marginal=(0.9, 23.5), tc=(0.4, 14.5)))) == 1
    assert len(diagnose(out_of_sight(marginal=(6.0, 23.5), tc=(3.0, 14.5)))) == 1  # of a rate of 33 little enough


def test_to_measure_on_more_is_said_only_where_there_is_more():
    assert "; measure on more." in diagnose(out_of_sight())[0]  # as far as is known
    assert "measure on more of the 12,000 that there are" in diagnose(out_of_sight(of=12_000))[0]
    assert "more of" not in diagnose(out_of_sight(of=10_000))[0]
    apart = tw.adapt(encode=lambda x: (x, torch.full_like(x, -14.0)))
    whole = tw.load_data(torch.randn(200, 3), test=0.25)
    assert "as much as the model." in tw.measure(apart, whole.subset(torch.arange(200))).diagnosis[0]
    held_out = tw.measure(apart, whole).diagnosis[0]
    assert "these 50 points" in held_out and "more of the 200 that there are, or hold out more" in held_out


@pytest.mark.parametrize("n", [2, 4, 10, 50])
def test_a_code_that_says_little_is_not_at_the_ceiling_of_a_few_points(n):
    assert "ceiling" not in " ".join(diagnose(account_of(n, rate=0.6, marginal_kl=0.5)))
    nats = 0.9 * math.log(n)
    assert "ceiling" in " ".join(diagnose(account_of(n, rate=nats + 0.5, index_code_mi=nats)))


def test_nothing_is_judged_on_what_is_withheld_and_nothing_sound_is_said_of_it():
    sentences = diagnose(Account(readings(index_code_mi=9.5, rate=9.6, n=1000)))
    assert len(sentences) == 1 and sentences[0].startswith("It could not be judged whether the points are enough")
    assert "index-code MI, marginal KL, and total correlation are no numbers that can be." in sentences[0]
    (sentence,) = diagnose(Account(readings(rate=-3.0)))
    assert "whether the posterior has collapsed" in sentence and "rate" in sentence


@pytest.mark.parametrize("name", ["rate", "index_code_mi", "marginal_kl", "total_correlation", "rate_by_dimension"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_comparison_with_what_is_no_number_is_no_health_even_without_the_guard(name, value):
    with unguarded():
        taken = readings()
        moved = [3.0, value] if name.endswith("dimension") else value
        account = Account({**taken, name: replace(taken[name], value=moved)})
        sentences = diagnose(account)
    assert not any("No fault" in said for said in sentences)
    assert any(said.startswith("It could not be judged") and tw.READINGS[name].title in said for said in sentences)


def test_no_fault_shows_claims_only_what_was_asked():
    taken = readings()
    del taken["rate_by_dimension"]
    assert diagnose(Account(taken)) == (
        "No fault shows in these terms: the posterior has not collapsed, q(z) is near the prior, and its dimensions "
        "are near independence.",
    )
    assert diagnose(Account({"rate": taken["rate"]})) == (
        "No fault shows in these terms: the posterior has not collapsed.",
    )
    distortion = reading_without_error("distortion", 1.0, estimator="", bias="", n=9)
    assert "Nothing was measured" in diagnose(Account({"distortion": distortion}))[0]


def test_a_decoder_that_uses_its_code_and_one_with_too_few_examples_to_tell_are_left_in_peace():
    assert "No fault" in diagnose(account_of(code_use=5.0))[0]
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


def test_a_code_of_a_target_may_need_few_nats():
    def of_a_target(**values):
        return diagnose(
            replace(account_of(**{"marginal_kl": 0.01, "total_correlation": 0.0, **values}), data=OF_TARGET)
        )

    few = {"rate": 0.33, "rate_by_dimension": [0.32, 0.01]}
    (said,) = of_a_target(**few)
    assert said.startswith("1 of 2 dimensions is collapsed")
    assert "collapsed whole" in diagnose(account_of(**few, marginal_kl=0.01, total_correlation=0.0))[0]
    assert "collapsed whole" in of_a_target(rate=0.02, rate_by_dimension=[0.01, 0.01])[0]
    assert not any("ignores the code" in one for one in of_a_target(code_use=0.1))


OF_TARGET = {"target": "kind", "n": 10_000}


@pytest.mark.parametrize(("told", "said"), [(0.2, "at least 0.20 of kind: a greater beta"), (-0.02, "lower beta")])
def test_what_a_code_tells_of_a_target_is_no_negative_bound(told, said):
    sentences = diagnose(replace(account_of(target_information=told), data=OF_TARGET))
    (one,) = [one for one in sentences if "which example it is of" in one]
    assert said in one and "-0.0" not in one


def test_who_must_leave_out_examples_is_told_nothing_else():
    for reason, more in (
        ("kind is known of 2 of 9. side='kind:known' leaves the others out", 0),
        ("it is constant", 1),
    ):
        account = Account(readings(), withheld={"side_information": reason})
        (said,) = [one for one in diagnose(account) if "cannot be said" in one]
        assert said.count("Measure it of another variable") == more and f"{reason}." in said
