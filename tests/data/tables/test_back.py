"""Back from entries of x to the table: cells that had a value as they were, others as x says, each kind of column."""

import numpy as np
import pandas
import pytest
import torch

from termwise.data import load_data
from termwise.data.tables.back import spread_of, table_of

TEXT = """id,size,rooms,sold,day,cut,ok,note,grade
a,1.25,3,yes,2020-01-01,Ideal,0,n,A
b,,4,,2020-01-05,,1,n,B
c,0.1,,no,,Good,,n,
d,12345678.901,2,no,2020-02-01,Fair,1,n,A
"""
OPTIONS = {"missing": "mask", "test": 0.0, "labels": False, "side": "grade:missing", "index": "id"}


@pytest.fixture
def data(tmp_path):
    (tmp_path / "houses.csv").write_text(TEXT)
    return load_data(tmp_path / "houses.csv", **OPTIONS)


def filled(data, **entries):
    """x with these numbers where cells are missing, by entry."""
    x = data.tensor()
    names = [column.name for column in data.columns]
    for name, value in entries.items():
        place = next(at for at, one in enumerate(names) if one.replace("=", "_") == name)
        x[:, place] = x[:, place].where(~x[:, place].isnan(), torch.tensor(value))
    assert not x.isnan().any()
    return x


FILLED = {"size": 7.5, "rooms": 3.4, "sold": 0.8, "day": 3.6, "cut_Fair": 0.2, "cut_Good": 0.3, "cut_Ideal": 0.5}


def test_every_column_comes_back_in_its_own_order_units_and_words(data):
    table = table_of(data, filled(data, **FILLED, ok=0.4))
    assert list(table) == TEXT.splitlines()[0].split(",")
    assert table["size"].tolist() == [1.25, 7.5, 0.1, 12345678.901]
    assert table["rooms"].tolist() == [3, 4, pytest.approx(3.4), 2]
    assert table["sold"].tolist() == ["yes", "yes", "no", "no"]
    assert [str(day)[:10] for day in table["day"]] == ["2020-01-01", "2020-01-05", "2020-01-05", "2020-02-01"]
    assert table["cut"].tolist() == ["Ideal", "Ideal", "Good", "Fair"]
    assert table["ok"].tolist() == [0, 1, 0, 1]
    assert table["note"].tolist() == ["n"] * 4 and table["id"].tolist() == list("abcd")
    assert table["grade"].tolist() == ["A", "B", None, "A"]


def test_rows_of_a_part_come_back_in_the_part_s_order(data):
    part = data.subset(torch.tensor([2, 1]))
    table = table_of(part, filled(part, **FILLED, ok=0.4))
    assert table["id"].tolist() == ["c", "b"] and table["size"].tolist() == [0.1, 7.5]


def test_spread_is_that_of_numbers_and_of_another_word(data):
    mean = filled(data, **FILLED, ok=0.4)
    found = spread_of(data, mean, torch.full_like(mean, 0.25))
    assert list(found) == ["size", "rooms", "sold", "day", "cut", "ok"]
    nan = np.isnan
    assert found["size"][1] == 0.25 and nan(found["size"][[0, 2, 3]]).all()
    assert found["sold"][1] == pytest.approx(0.2) and found["cut"][1] == pytest.approx(0.5)
    assert found["ok"][2] == pytest.approx(0.4) and found["day"][2] == 0.25


def test_frames_of_truths_and_whole_numbers_come_back():
    frame = pandas.DataFrame(
        {"sold": [True, None, False], "n": pandas.array([3, None, 5], dtype="Int64"), "w": [0.5, 0.25, None]}
    )
    data = load_data(frame, missing="mask", test=0.0, labels=False)
    x = data.tensor().nan_to_num(0.75)
    table = table_of(data, x)
    assert table["sold"].tolist() == [True, True, False]
    assert table["n"].tolist() == [3.0, 0.75, 5.0] and table["w"].tolist() == [0.5, 0.25, 0.75]


def test_a_table_without_gaps_keeps_no_cells_twice():
    assert load_data(pandas.DataFrame({"a": [1.5, 2.0], "b": [0.5, 1.0]}), missing="mask", test=0.0).cells == ()
