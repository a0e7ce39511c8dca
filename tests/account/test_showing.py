import sys
from types import SimpleNamespace

import pytest
import torch

from helpers.html import Tags
from termwise.account import Account, compare
from termwise.account.reading import reading_by_dimension, reading_of, reading_without_error
from termwise.errors import Refused

SCREEN = 24 * 80
BAD = "</td><script>alert(1)</script><img src=x onerror=alert(1)>"


def account(count=3, dimensions=4, diagnosis=("Nothing shows.",), data=None, suffix="", withheld=None):
    values = torch.arange(10.0, dtype=torch.float64)
    readings = {
        f"reading_{k}{suffix}": reading_of(values, f"reading_{k}{suffix}", estimator="by hand", bias="unbiased")
        for k in range(count)
    }
    wide = torch.ones(10, dimensions, dtype=torch.float64) * torch.arange(dimensions)
    by = reading_by_dimension(wide, "rate_by_dimension", estimator="by hand", bias="unbiased")
    per_example = dict.fromkeys(readings, values)
    return Account(
        {**readings, "rate_by_dimension": by}, diagnosis, per_example, data or {"name": "x", "n": 10}, withheld or {}
    )


@pytest.mark.parametrize(("count", "dimensions"), [(3, 4), (200, 5000), (0, 1)])
@pytest.mark.parametrize("sentences", [0, 2, 60])
def test_an_account_is_shown_in_one_screen(count, dimensions, sentences):
    shown = repr(account(count, dimensions, ("A sentence of some words, which says what is wrong. " * 3,) * sentences))
    assert len(shown) <= SCREEN and shown.count("\n") < 24
    assert max(map(len, shown.splitlines())) < 80
    assert count == 0 or "reading_0          4.50 ± 0.96 nats" in shown
    assert ("is in .diagnosis" in shown) == (sentences == 60)


def test_what_is_shown_has_the_name_by_which_it_is_had():
    a = account()
    names = [line.split()[0] for line in repr(a).splitlines()[2:]]
    assert names == list(a.readings)
    assert "rate_by_dimension  4 values, 0 to 3 nats" in repr(a)


def test_a_reading_of_many_dimensions_is_short():
    shown = repr(account(dimensions=1000).by_dimension["rate_by_dimension"])
    assert shown.startswith(
        "ReadingByDimension(rate_by_dimension = [0, 1, 2, 3, 4, 5, 6, 7, ... 992 more] nats; by hand"
    )


def test_a_comparison_is_a_table_and_still_a_list():
    rows = compare([account(), account()], ["one", "two"])
    assert isinstance(rows, list) and [row.name for row in rows] == ["reading_0", "reading_1", "reading_2"]
    first = "reading_0  4.50 ± 0.96  4.50 ± 0.96  +0.0 ± 1.4 (+0.0 s.e.)"
    assert repr(rows).splitlines()[:2] == ["Comparisons: one, two", first]
    assert "<td" in rows._repr_html_() and "not known which examples" in rows._repr_html_()


@pytest.mark.parametrize(
    "show",
    [
        lambda a: a._repr_html_(),
        lambda a: next(iter(a.overall.values()))._repr_html_(),
        lambda a: a.by_dimension["rate_by_dimension"]._repr_html_(),
        lambda a: compare([a, a], [BAD, "other"])._repr_html_(),
    ],
    ids=["account", "reading", "by dimension", "comparison"],
)
def test_in_a_notebook_text_from_outside_stays_text(show):
    shown = show(account(suffix=BAD, diagnosis=(BAD,), withheld={"rate": BAD, BAD: "why"}))
    assert set(Tags(shown).names) <= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


def test_columns_have_a_row_for_each_number():
    columns = account().to_dict()
    assert columns["reading"] == ["reading_0", "reading_1", "reading_2", *["rate_by_dimension"] * 4]
    assert columns["dimension"] == [None, None, None, 0, 1, 2, 3]
    assert columns["value"] == pytest.approx([4.5, 4.5, 4.5, 0, 1, 2, 3])
    assert {len(column) for column in columns.values()} == {7}
    assert columns["from_95"][0] < 4.5 < columns["to_95"][0] and columns["from_95"][-1] is None


@pytest.mark.parametrize(("there", "used"), [(("pandas", "polars"), "pandas"), (("polars",), "polars")])
def test_a_frame_is_of_the_library_that_is_there(monkeypatch, there, used):
    for name in ("pandas", "polars"):
        library = SimpleNamespace(DataFrame=lambda columns, name=name: (name, columns)) if name in there else None
        monkeypatch.setitem(sys.modules, name, library)
    assert account().to_frame() == (used, account().to_dict())


def test_where_no_library_has_frames_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(Refused, match="pip install"):
        account().to_frame()


def test_a_count_and_a_bound_are_shown_as_such():
    units = reading_without_error("active_units", 3.0, estimator="count", bias="", n=10)
    assert repr(units) == "Reading(active_units = 3 units; count; n = 10)"
    iwae = reading_of(torch.tensor([1.0, 2.0, 3.0]), "iwae", estimator="IWAE", bias="a lower bound")
    assert "iwae  at least 0." in repr(Account({"iwae": iwae}))
