"""An account tells readings of one number from readings by dimension, in memory, in its file and for a type checker."""

import json

import pytest
import torch

import termwise as tw
from termwise.account import Account, Reading, ReadingByDimension
from termwise.account.account import UnknownReading
from termwise.account.reading import reading_by_dimension, reading_of
from termwise.worlds import LinearGaussian


@pytest.fixture(scope="module")
def account():
    world = LinearGaussian.random(0)
    return tw.measure(world, world.data(100))


def test_readings_of_one_number_and_by_dimension_are_apart_and_together_all(account):
    assert {**account.overall, **account.by_dimension} == dict(account)
    assert all(isinstance(reading.value, float) for reading in account.overall.values())
    assert all(name.endswith("_by_dimension") for name in account.by_dimension)
    assert account["rate_by_dimension"] is account.by_dimension["rate_by_dimension"]
    for reading in account.by_dimension.values():
        assert len(reading.value) == len(reading.stderr) == 4


def test_the_file_is_as_it_was_for_either_kind_and_reads_back_as_the_same_kind(account, tmp_path):
    keys = ["value", "stderr", "interval", "lower", "upper", "unit", "estimator", "bias", "n"]
    written = account.to_json()["readings"]
    assert all(list(entry) == keys for entry in written.values())
    assert isinstance(written["rate_by_dimension"]["value"], list) and written["rate_by_dimension"]["interval"] is None
    (tmp_path / "account.json").write_text(json.dumps(account.to_json()))
    again = Account.load(tmp_path / "account.json")
    assert {name: type(reading) for name, reading in again.items()} == {n: type(r) for n, r in account.items()}
    assert type(again["rate"]) is Reading and type(again["rate_by_dimension"]) is ReadingByDimension


def test_a_mean_by_dimension_has_the_error_of_its_own_column():
    values = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 4)
    whole = reading_by_dimension(values, "x_by_dimension", estimator="", bias="")
    for j in range(3):
        alone = reading_of(values[:, j], "x", estimator="", bias="")
        assert (whole.value[j], whole.stderr[j]) == pytest.approx((alone.value, alone.stderr))
    single = reading_by_dimension(values[:1], "x_by_dimension", estimator="", bias="")
    assert single.stderr is None and single.value == values[0].tolist()


def test_a_reading_that_an_account_has_not_is_named_with_those_near(account):
    with pytest.raises(UnknownReading, match="Did you mean 'total_correlation'"):
        account["total_corelation"]


def test_accounts_are_equal_where_their_readings_are(account, tmp_path):
    account.save(tmp_path / "account.json", tmp_path / "account.npz")
    assert Account.load(tmp_path / "account.json", tmp_path / "account.npz") == account
    assert Account({"rate": account["rate"]}) != account
