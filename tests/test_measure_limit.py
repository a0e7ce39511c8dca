"""A large data set is measured on a stated random part, and the model is there before anything is measured."""

from importlib import import_module

import pytest
import torch

import termwise as tw
from helpers.short_runs import examples, small
from termwise.errors import Refused
from termwise.report.account_json import measured_part


def test_a_part_is_drawn_at_random_and_its_account_says_of_how_many(call):
    model, data = small().eval(), examples(300)
    account = tw.measure(model, data, split="train", limit=50, seed=3)
    part = data.train.random_subset(50, seed=3)
    assert account["rate"].n == 50
    assert account.data["drawn_from"] == len(data.train) == 240
    assert account == tw.measure(model, part, seed=3)
    assert measured_part(account.to_json()) == "Measured on 50 of 240 examples, drawn at random."
    assert measured_part(tw.measure(model, part, limit=None).to_json()) == ""


def test_by_default_no_more_than_50_000_are_measured(monkeypatch):
    counted = []
    monkeypatch.setattr(
        "termwise.measuring.measure", lambda model, data, **options: counted.append(len(data)) or tw.Account({})
    )
    data = tw.load_data(torch.zeros(60_001, 6), test=0.0)
    for options in ({}, {"limit": None}):
        tw.measure(small(), data, split="train", **options)
    assert counted == [50_000, 60_001]


@pytest.mark.parametrize("limit", [1, 0, -5])
def test_a_limit_below_two_is_refused(limit):
    with pytest.raises(Refused, match=r"two examples or more|limit = -?\d cannot be"):
        tw.measure(small(), examples(), limit=limit)
    with pytest.raises(Refused, match="measure_limit"):
        tw.train(data=examples(), measure_limit=limit, epochs=1, progress=False)


def test_a_training_measures_a_part_and_says_so_everywhere(tmp_path, call):
    run = tw.train(data=examples(), latent=2, epochs=1, measure_limit=10, out=tmp_path / "run", progress=False)
    assert (run.account.data["n"], run.account.data["drawn_from"]) == (10, 32)
    sentence = "Measured on 10 of 32 examples, drawn at random."
    assert sentence in run.folder.report_file.read_text()
    assert sentence in (run.folder.model_folder / "README.md").read_text()


def test_it_may_be_measured_on_more_without_training_again(tmp_path):
    given = {"data": examples(), "latent": 2, "epochs": 1, "out": tmp_path / "run", "progress": False}
    weights = tw.train(measure_limit=10, **given).model.state_dict()
    more = tw.train(measure_limit=20, resume=True, **given)
    assert more.account.data["n"] == 20
    assert all(torch.equal(tensor, weights[name]) for name, tensor in more.model.state_dict().items())
    assert [line["epoch"] for line in more.metrics() if line["split"] == "train"] == [1]


def test_the_model_is_there_before_it_is_measured(tmp_path, monkeypatch):
    def broken(*given, **options):
        raise RuntimeError("the power went")

    monkeypatch.setattr(import_module("termwise.api.train"), "measure", broken)
    with pytest.raises(RuntimeError, match="the power went"):
        tw.train(data=examples(), latent=2, epochs=1, out=tmp_path / "run", progress=False)
    assert tw.api.load_model(tmp_path / "run").latent == 2
