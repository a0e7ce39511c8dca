"""An account in other libraries' forms, and back from JSON."""

import json
import sys

import matplotlib
import pytest

import termwise as tw
from termwise.account import Account

matplotlib.use("agg")


@pytest.fixture(scope="module")
def account():
    world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
    return tw.measure(world, world.data(60, seed=0))


def test_it_comes_back_from_json_and_from_its_text(account):
    content = account.to_json()
    for given in (content, json.dumps(content)):
        again = Account.from_json(given)
        assert again == account and again.diagnosis == account.diagnosis and again.withheld == account.withheld
        assert dict(again.data) == json.loads(json.dumps(content["data"])) and again.to_json() == content
    assert Account.from_json(Account({}).to_json()) == Account({})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "readings: Field required"),
        ("{", "account"),
        ({"readings": {"rate": {"value": "2"}}, "diagnosis": []}, "readings.rate"),
        ({"readings": {}, "diagnosis": [float("nan")]}, "to_json"),
        ({"readings": {}, "diagnosis": {1, 2}}, "Give what to_json"),
    ],
)
def test_what_is_no_account_is_refused_in_words(given, message):
    with pytest.raises(tw.TermwiseError, match=message):
        Account.from_json(given)


def test_its_frame_is_drawn_by_pandas(account):
    pandas = pytest.importorskip("pandas")
    frame = account.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    nats = frame[(frame.unit == "nats") & frame.dimension.isna()].set_index("reading")
    ax = nats["value"].plot.bar(yerr=nats["stderr"])
    heights = dict(zip(nats.index, (bar.get_height() for bar in ax.patches), strict=True))
    assert heights["rate"] == account["rate"].value and heights["elbo"] == account["elbo"].value
    matplotlib.pyplot.close("all")


def test_a_library_that_is_lacking_is_named(account, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    monkeypatch.setitem(sys.modules, "arviz", None)
    for export in (account.to_xarray, account.to_arviz):
        with pytest.raises(tw.TermwiseError, match=r"pip install 'termwise\[arviz\]'"):
            export()
    with pytest.raises(tw.TermwiseError, match="no values by example"):
        Account.from_json(account.to_json()).to_arviz()
