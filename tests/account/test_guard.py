"""A reading that cannot be is withheld, with the reason, wherever accounts come from; and no reading that can be is."""

import json
import math
from dataclasses import replace

import pytest
import torch

import termwise as tw
from termwise.account import READINGS, Account, Reading, ReadingByDimension, ReadingRow, glossary
from termwise.account.account import WithheldReading
from termwise.account.guard import ERRORS, unguarded
from termwise.account.reading import reading_by_dimension, reading_of, reading_without_error
from termwise.account.reading_row import LOG_N
from termwise.worlds import LinearGaussian

N = 400


def one(name, value, stderr=None, n=N, *, lower=None, upper=None, interval=None):
    """A reading by hand; by dimension, with two sound numbers before it, where the name says so."""
    unit = glossary.reading(name).unit
    if not name.endswith("_by_dimension"):
        return Reading(name, value, stderr, interval, lower, upper, unit, "by hand", "none", n)
    errors = None if stderr is None else [stderr] * 3
    return ReadingByDimension(name, [1.0, 1.0, value], errors, None, None, None, unit, "by hand", "none", n)


def account_of(*readings):
    return Account({reading.name: reading for reading in readings})


def beyond(row, by):
    """What lies beyond either end of a row's range by so much."""
    most = math.log(N) if row.most == LOG_N else row.most
    return [value for value in (row.least - by, most + by) if math.isfinite(value)]


@pytest.mark.parametrize("row", READINGS.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("stderr", [None, 0.01])
def test_of_every_reading_a_number_that_cannot_be_is_withheld_and_one_that_can_be_is_not(row, stderr):
    inside = 1.0 if row.least == 1.0 else 0.5
    assert set(account_of(one(row.name, inside, stderr))) == {row.name}
    for value in (math.nan, math.inf, -math.inf, None, *beyond(row, 0.1)):
        account = account_of(one(row.name, value, stderr))
        assert not account and str(value)[:4] in account.withheld[row.name].replace("nan", str(value)), value
    for value in beyond(row, 0.03):  # within four errors, where there are any
        assert (row.name in account_of(one(row.name, value, stderr))) == (stderr is not None), value
    for value in beyond(row, 5e-5):  # rounding
        assert row.name in account_of(one(row.name, value, stderr)), value


@pytest.mark.parametrize("error", [math.nan, math.inf, -0.1])
def test_an_error_that_is_none_withholds_its_reading(error):
    assert "standard error" in account_of(one("distortion", 3.0, error)).withheld["distortion"]


@pytest.fixture(scope="module")
def world():
    world = LinearGaussian.random(3, latent=3, mutual_information=1.5)
    return tw.measure(world, world.data(N), samples=4)


def test_of_a_world_nothing_is_withheld_and_any_number_that_is_moved_far_is(world):
    assert not world.withheld
    alone = {"distortion", "code_use"}  # may be any number, as far as they themselves say
    rising = alone | {
        "rate",
        "total_correlation",
        "active_units",
        "rate_by_dimension",
        "dimension_wise_kl_by_dimension",
    }
    sums = {"distortion": "elbo", "rate": "elbo", "total_correlation": "dimension_wise_kl"}  # of which they are a part
    for off, unseen in ((-40.0, alone), (40.0, rising)):
        for name, reading in world.items():
            if isinstance(reading, ReadingByDimension):
                moved = replace(reading, value=[*reading.value[:-1], reading.value[-1] + off])
            else:
                moved = replace(reading, value=reading.value + off, interval=None)
            withheld = Account({**world.readings, name: moved}).withheld
            assert (name in withheld) == (name not in unseen), (name, off)
            assert sums.get(name, name) in withheld or name in unseen, (name, off)


def test_the_reason_says_what_was_read_and_what_can_be():
    account = account_of(one("index_code_mi", 8.9, 0.3, n=16))
    assert account.withheld == {
        "index_code_mi": "it reads 8.9 ± 0.3 nats, where log N = 2.7726 is the most that there can be"
    }
    assert "number 2 of 3: it reads -1" in account_of(one("rate_by_dimension", -1.0)).withheld["rate_by_dimension"]


def test_chance_is_allowed_for_and_more_where_few_examples_leave_the_error_itself_uncertain():
    for errors, kept in ((0.98 * ERRORS, True), (1.1 * ERRORS, False)):
        assert ("rate" in account_of(one("rate", -0.1 * errors, 0.1, n=100_000))) == kept
    for n in (2, 3, 5, 10):  # of normal values a mean leaves its errors as seldom as Student says
        reading = one("rate", -0.5, 0.1, n=n)  # five errors
        assert "rate" in account_of(reading), n
        assert "rate" not in account_of(replace(reading, value=-1e5)), n


def test_a_skewed_mean_is_allowed_as_much_more_as_its_interval_is_wider_on_that_side():
    skewed = one("rate", -0.5, 0.1, n=10_000, interval=[-0.6, 0.0])
    assert "rate" in account_of(skewed)
    assert "rate" not in account_of(replace(skewed, interval=[-1.0, -0.4]))
    assert "rate" not in account_of(replace(skewed, interval=None))


@pytest.mark.parametrize("n", [2, 4, 20, 100])
def test_by_chance_a_true_zero_of_few_examples_is_hardly_ever_withheld(n):
    """Also of the noise of codes, half of a chi-square less its mean, of which all may lie at their least."""
    generator = torch.Generator().manual_seed(0)
    found = 0
    for normal in torch.randn(500, n, 4, generator=generator).double():
        values = 0.5 * (normal.square() - 1)
        readings = [reading_of(some, "rate", estimator="", bias="") for some in (normal[:, 0], values[:, 0])]
        readings.append(reading_by_dimension(values, "rate_by_dimension", estimator="", bias=""))
        found += sum(bool(account_of(reading).withheld) for reading in readings)
    assert found <= 1  # of 1500


def test_a_reading_without_an_error_may_be_off_as_far_as_its_bracket_reaches():
    assert "population_mi" in account_of(one("population_mi", -0.5, lower=-2.0, upper=3.0))
    assert "population_mi" not in account_of(one("population_mi", -0.5, lower=-2.0, upper=-0.1))


def test_a_value_outside_of_its_bracket_or_interval_is_withheld():
    assert "bracket" in account_of(one("log_likelihood", -9.0, 0.1, lower=-5.0)).withheld["log_likelihood"]
    assert "bracket" in account_of(one("rate", 3.0, 0.1, upper=2.0)).withheld["rate"]
    assert "interval" in account_of(one("rate", 3.0, 0.1, interval=[3.6, 4.0])).withheld["rate"]
    assert "no number" in account_of(one("rate", 3.0, 0.1, interval=[math.nan, 4.0])).withheld["rate"]
    reading = one("population_mi", 3.0, 0.1, lower=2.9, upper=3.1, interval=[2.8, 3.2])
    assert "beyond its bracket" in account_of(reading).withheld["population_mi"]
    assert account_of(replace(reading, lower=2.7, upper=3.3))
    assert account_of(one("rate", 3.0, 0.1, lower=2.7, upper=math.inf, interval=[2.8, 3.2]))


def test_a_mutual_information_above_the_rate_is_withheld_by_dimension_too():
    account = account_of(one("rate", 2.0, 0.01), one("index_code_mi", 2.5, 0.01))
    assert "more than rate" in account.withheld["index_code_mi"] and "rate" in account
    account = account_of(one("rate", 2.0, 0.1), one("index_code_mi", 2.5, 0.1))
    assert not account.withheld
    account = account_of(one("rate_by_dimension", 2.0), one("index_code_mi_by_dimension", 2.5))
    assert "number 2 of 3" in account.withheld["index_code_mi_by_dimension"]


def test_a_sum_that_is_not_the_sum_is_withheld_where_all_are_of_the_same_examples():
    parts = [one("distortion", 10.0, 0.1), one("rate", 3.0, 0.1)]
    assert "elbo" in account_of(*parts, one("elbo", -13.2, 0.1))
    account = account_of(*parts, one("elbo", -15.0, 0.1))
    assert "-distortion - rate, comes to -13" in account.withheld["elbo"] and set(account) == {"distortion", "rate"}
    assert "elbo" in account_of(*parts, one("elbo", -15.0, 0.1, n=N + 1))


def test_what_rests_on_a_withheld_reading_is_withheld_too():
    account = account_of(
        one("rate", 9.0, 0.1), one("index_code_mi", 8.0, 0.1), one("marginal_kl", 1.0, 0.1),
        one("total_correlation", 0.5, 0.1), one("dimension_wise_kl", 0.5, 0.1), one("distortion", 3.0, 0.1),
        one("population_mi", 8.0, 0.1), one("population_marginal_kl", 1.0, 0.1), one("elbo", -12.0, 0.1),
    )  # fmt: skip
    assert set(account) == {"rate", "distortion", "elbo"}
    assert account.withheld["marginal_kl"] == "it rests on index-code MI, which is withheld"
    assert account.withheld["population_marginal_kl"] == "it rests on marginal KL, which is withheld"


def test_an_account_answers_for_a_withheld_reading_with_the_reason(tmp_path):
    values = {name: torch.ones(N) for name in ("rate", "distortion")}
    account = Account({"rate": one("rate", -3.0, 0.1), "distortion": one("distortion", 1.0)}, (), values)
    with pytest.raises(WithheldReading, match=r"'rate' is withheld: it reads -3 ± 0\.1 nats, where 0"):
        account["rate"]
    assert "rate" not in account and account.get("rate") is None and list(account.per_example) == ["distortion"]
    assert "rate is withheld: it reads -3" in str(account)
    account.save(tmp_path / "account.json", tmp_path / "account.npz")
    again = Account.load(tmp_path / "account.json", tmp_path / "account.npz")
    assert again == account and again.withheld == account.withheld and list(again.per_example) == ["distortion"]


def test_a_file_written_before_is_judged_as_it_is_read(world, tmp_path):
    content = world.to_json()
    del content["withheld"]
    content["readings"]["index_code_mi"]["value"] = None  # as what is not finite was written
    content["readings"]["rate_by_dimension"]["value"][1] = -4.0
    (tmp_path / "account.json").write_text(json.dumps(content))
    withheld = Account.load(tmp_path / "account.json").withheld
    assert "nan" in withheld["index_code_mi"] and "rests on rate by dimension" in withheld["rate"]


def test_accounts_together_keep_what_either_withholds_and_the_first_has_its_say():
    good, bad = account_of(one("rate", 1.0), one("distortion", 1.0)), account_of(one("rate", -1.0), one("sigma", -1.0))
    assert set(good.and_also(bad).withheld) == {"sigma"} and good.and_also(bad)["rate"].value == 1.0
    assert set(bad.and_also(good)) == {"distortion"} and set(bad.and_also(good).withheld) == {"rate", "sigma"}


def test_a_row_from_outside_has_a_range_if_it_says_so(monkeypatch):
    monkeypatch.setattr(READINGS, "_rows", dict(READINGS._rows))
    READINGS.add(ReadingRow("free_nats", least=0.0, at_most="rate"))
    READINGS.add(ReadingRow("surprise"))
    account = account_of(one("rate", 2.0), one("free_nats", 3.0), one("surprise", -9.0), one("my_own", math.inf))
    assert set(account) == {"rate", "surprise"} and set(account.withheld) == {"free_nats", "my_own"}
    assert "free_nats_by_layer" in account_of(one("free_nats_by_layer", -1.0)).withheld


def test_a_reading_by_dimension_with_too_few_errors_is_withheld():
    reading = replace(one("rate_by_dimension", 1.0), stderr=[0.1])
    assert "not as many" in account_of(reading).withheld["rate_by_dimension"]


def test_without_the_guard_an_account_keeps_what_it_is_given():
    with unguarded():
        assert account_of(one("rate", -3.0))["rate"].value == -3.0
    assert not account_of(one("rate", -3.0))


def test_a_count_in_whole_numbers_is_as_good_as_any():
    assert account_of(reading_without_error("active_units", 3, estimator="", bias="", n=10))
