"""Readings of one name that are of other things: an ELBO of x given s is none of x, and a comparison says so."""

import io
from dataclasses import asdict

import pytest
import torch
from rich.console import Console

import termwise as tw
from termwise.account import Account, compare
from termwise.account.reading import reading_of
from termwise.errors import Refused
from termwise.models import VAE
from termwise.report.comparison_table import comparison_table

NAMES = ("distortion", "rate", "elbo", "side_information", "prediction_cross_entropy", "target_information", "code_use")
X = {"entries": 64, "fingerprint": "the same"}


def account(**data):
    values = torch.tensor([1.0, 2.0, 4.0])
    readings = {name: reading_of(values, name, estimator="by hand", bias="unbiased") for name in NAMES}
    return Account(readings, per_example=dict.fromkeys(NAMES, values), data={"fingerprint": "the same", **data})


def lacking(*accounts):
    return {row.name: row.why for row in compare(accounts) if row.difference is None and row.why}


GIVEN = "log p is of x given labels in one and of x in the other: neither is better for being higher"
OF_P = {"distortion", "elbo", "code_use"}


@pytest.mark.parametrize(
    ("first", "second", "names", "why"),
    [
        ({**X, "given": ["labels"]}, X, OF_P, GIVEN),
        (
            {**X, "given": ["labels"]},
            {**X, "given": ["labels", "site"]},
            OF_P,
            "given labels in one and of x given labels, site",
        ),
        (
            {"target": "labels"},
            X,
            {*OF_P, "prediction_cross_entropy", "target_information"},
            "log p is of labels in one",
        ),
        (
            {"target": "age"},
            {"target": "sex"},
            {*OF_P, "prediction_cross_entropy", "target_information"},
            "it is of age",
        ),
        (
            {"target": "age", "given": ["site"]},
            {"target": "age"},
            OF_P,
            "of age given site in one and of age in the other",
        ),
        ({"entries": 64}, {"entries": 784}, OF_P, "x has 64 entries in one and 784 in the other"),
        (
            {"side": ["labels"]},
            {"side": ["site"]},
            {"side_information"},
            "it is of labels in one and of site in the other",
        ),
        ({"side": ["labels"]}, {"side": ["labels", "site"]}, {"side_information"}, "it is of labels in one"),
        (
            {"likelihood": "cross-entropies"},
            {"likelihood": "probabilities"},
            {"distortion", "elbo"},
            "cross-entropies in one",
        ),
        (
            {"observes": "labels"},
            {"observes": "site"},
            {"prediction_cross_entropy"},
            "it is of labels in one and of site",
        ),
        (
            {**X, "observes": "labels"},
            {"target": "labels"},
            {*OF_P, "target_information"},  # a classifier within a model of x, and one alone, foretell the same
            "log p is of x in one and of labels",
        ),
        (X, X, set(), ""),
        ({}, X, set(), ""),  # of an account that does not say
    ],
)
def test_readings_of_other_things_have_no_difference(first, second, names, why):
    for pair in ((first, second), (second, first)):
        accounts = [account(**data) for data in pair]
        found = lacking(*accounts)
        assert set(found) == names
        assert why in " ".join(lacking(account(**first), account(**second)).values())
        if "elbo" in names:
            with pytest.raises(Refused, match="has no value"):
                accounts[0]["elbo"] - accounts[1]["elbo"]


def test_of_three_accounts_the_one_that_is_of_another_thing_is_told():
    accounts = [account(**X), account(**X), account(**X, given=["labels"])]
    rows = compare(accounts, ["vae", "beta", "cvae"])
    (elbo,) = (row for row in rows if row.name == "elbo")
    assert elbo.values == (7 / 3,) * 3 and elbo.difference is None
    assert elbo.why == "log p is of x in one and of x given labels in the other: neither is better for being higher"
    assert "Log p is of x in one" in repr(rows) and "Log p is of x in one" in rows._repr_html_()
    console = Console(file=io.StringIO(), width=100)
    console.print(comparison_table(rows.names, [asdict(row) for row in rows]))
    assert "neither is better for being higher (distortion, ELBO, use of the code)" in " ".join(
        console.file.getvalue().split()
    )
    assert not any(row.why for row in compare([account(**X)] * 3))


def test_a_conditional_model_beside_a_plain_one():
    data = tw.load_data("digits", side="labels")
    side, options = data.side, {"hidden": [8]}
    models = [VAE.build((1, 8, 8), 2, options=options, side=given) for given in (side, None)]
    accounts = [tw.measure(model, data, limit=40) for model in models]
    assert [one.data.get("given") for one in accounts] == [["labels"], None]
    rows = {row.name: row for row in tw.compare(*accounts)}
    assert rows["elbo"].why == rows["distortion"].why == GIVEN
    assert rows["rate"].difference is not None and rows["side_information"].difference is not None
    evidence = [tw.log_likelihood(model, data, method="iwae", samples=2, limit=8) for model in models]
    (row,) = (row for row in tw.compare(*evidence) if row.name == "log_likelihood")
    assert row.why == GIVEN and row.difference is None
