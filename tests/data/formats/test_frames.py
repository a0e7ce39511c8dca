"""Tables that are objects, or in Parquet and Feather: the same Dataset, whoever's table it is."""

import datetime
import sys
from decimal import Decimal

import numpy as np
import pandas
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest
import torch

from termwise.data import load_data
from termwise.errors import BadData

N = 12
DAY = datetime.datetime(2012, 1, 1)
FULL = {
    "size": np.random.default_rng(0).normal(size=N).tolist(),
    "count": [i * i for i in range(N)],
    "alone": [True, False] * 6,
    "cut": ["Fair", "Good", "Ideal"] * 4,
    "when": [DAY + datetime.timedelta(days=i) for i in range(N)],
}
GAPS = {"size": FULL["size"]} | {name: [None, *cells[1:]] for name, cells in FULL.items() if name != "size"}


def rows(table):
    return [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]


def polars_frame(table):
    return pytest.importorskip("polars").DataFrame(table)


def parquet(table, folder):
    pyarrow.parquet.write_table(pyarrow.table(table), folder / "t.parquet")
    return folder / "t.parquet"


def feather(table, folder):
    pyarrow.feather.write_feather(pyarrow.table(table), folder / "t.feather")
    return folder / "t.feather"


def csv(table, folder):
    pandas.DataFrame(table).to_csv(folder / "t.csv")
    return folder / "t.csv"


MADE = {
    "columns": lambda table, folder: table,
    "rows": lambda table, folder: rows(table),
    "pandas": lambda table, folder: pandas.DataFrame(table),
    "pandas with types of its own": lambda table, folder: pandas.DataFrame(table).convert_dtypes(),
    "pandas with categories": lambda table, folder: pandas.DataFrame(table).astype({"cut": "category"}),
    "pandas with an index": lambda table, folder: pandas.DataFrame(table, index=[f"r{i}" for i in range(N)]),
    "pandas in Tokyo": lambda table, folder: pandas.DataFrame(table).assign(
        when=lambda frame: frame["when"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    ),
    "polars": lambda table, folder: polars_frame(table),
    "lazy polars": lambda table, folder: polars_frame(table).lazy(),
    "Arrow": lambda table, folder: pyarrow.table(table),
    "Parquet": parquet,
    "Feather": feather,
    "CSV": csv,
}


@pytest.mark.parametrize("kind", MADE)
def test_a_table_is_the_same_whoever_has_it(kind, tmp_path):
    data = load_data(MADE[kind](FULL, tmp_path), labels=False, test=0.0)
    size, count = (torch.tensor(FULL[name]).unsqueeze(1) for name in ("size", "count"))
    alone, cut = torch.tensor(FULL["alone"]).unsqueeze(1), torch.eye(3).repeat(4, 1)
    x = torch.cat([size, count, alone, cut, torch.arange(N).unsqueeze(1)], dim=1)
    assert torch.allclose(data.tensor(), x)
    assert [column.name for column in data.columns] == [
        "size", "count", "alone", "cut=Fair", "cut=Good", "cut=Ideal", "when"
    ]  # fmt: skip
    assert [column.kind for column in data.columns] == ["number", "count", "binary", *["category"] * 3, "date"]


@pytest.mark.parametrize("kind", MADE)
def test_what_is_missing_is_missing_whoever_has_it(kind, tmp_path):
    table = MADE[kind](GAPS, tmp_path)
    with pytest.raises(BadData, match=r"4 cells are missing \(count 1, alone 1, cut 1, when 1; the first at"):
        load_data(table)
    data = load_data(table, labels=False, missing="mask", test=0.0)
    gone = torch.zeros(N, 7, dtype=torch.bool)
    gone[0, 1:] = True
    assert torch.equal(data.tensor().isnan(), gone)
    whole = load_data(MADE[kind](FULL, tmp_path), labels=False, test=0.0).tensor()
    whole[:, 6] -= 1  # days since the first that is there
    assert torch.allclose(data.tensor()[~gone], whole[~gone])


def test_rows_may_be_lists_and_then_have_no_names():
    data = load_data([[0, 1.5, "a"], [1, 2.5, "b"], [2, 2, "a"], [3, 1, "b"], [4, 1, "b"]], test=0.0)
    assert data.tensor()[:, :2].tolist() == [[0, 1.5], [1, 2.5], [2, 2], [3, 1], [4, 1]]
    assert data.label_names == ("a", "b")
    with pytest.raises(BadData, match="row 1: expected 2 cells, as row 0 has, got 1"):
        load_data([[1, 2], [3]])
    with pytest.raises(BadData, match="got both"):
        load_data([[1, 2], {"a": 1, "b": 2}])


def test_cells_may_be_of_any_numbers_and_masks_are_kept():
    masked = np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])
    columns = {
        "a": masked,
        "b": torch.tensor([1, 2, 3]),
        "c": [Decimal("1.5"), np.float32(2), 3],
        "d": [b"x", b"y", "x"],
    }
    data = load_data(columns, labels=False, missing="mask", test=0.0)
    assert data.tensor().nan_to_num(-1).tolist() == [[1, 1, 1.5, 0], [-1, 2, 2, 1], [3, 3, 3, 0]]
    with pytest.raises(BadData, match="a 1; the first at row 1"):
        load_data(columns)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1, 2, 3], "b": [1, 2]}, r"as long as one another, got \{'a': 3, 'b': 2\}"),
        ({"a": [1.5, 2, 3], "b": [[1], [2], [3]]}, r"column 'b' holds lists.*--set data.drop=b"),
        (pandas.DataFrame(np.eye(3), columns=["a", "a", "b"]), "nique column names"),
        (pandas.DataFrame({"a": []}), "expected rows of cells, got none"),
        ({"a": [datetime.time(1)] * 3, "b": [1, 2, 4]}, "column 'a' holds times"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(table, message):
    with pytest.raises(BadData, match=message):
        load_data(table)


def test_names_of_columns_may_be_numbers():
    data = load_data(pandas.DataFrame(np.random.default_rng(0).normal(size=(9, 3))))
    assert [column.name for column in data.columns] == ["0", "1", "2"]


def test_a_broken_file_is_refused_and_one_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and so on")
    with pytest.raises(BadData, match=r"x\.parquet: cannot be read as a table"):
        load_data(tmp_path / "x.parquet")
    (tmp_path / "x.feather").write_bytes(b"no arrow")
    with pytest.raises(BadData, match=r"x\.feather: cannot be read as a table"):
        load_data(tmp_path / "x.feather")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadData, match=r"pip install 'termwise\[tables\]'"):
        load_data(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("name", "reader"),
    [("x.dta", "read_stata"), ("x.xlsx", "read_excel"), ("x.json", "read_json"), ("x.jsonl", "lines=True"),
     ("x.sav", "read_spss"), ("x.sqlite", "read_sql")],
)  # fmt: skip
def test_other_tables_are_refused_with_the_line_that_reads_them(tmp_path, name, reader):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(BadData, match=rf"{reader}.*") as caught:
        load_data(tmp_path / name)
    assert "tw.load_data(pandas." in str(caught.value) and name in str(caught.value)
