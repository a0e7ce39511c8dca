"""Tables in text, as people have them: what is a header, an index, a separator, and which files are refused."""

import gzip
import json
import tomllib
from importlib.resources import files

import numpy as np
import pytest
import tomli_w
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from termwise.data import load_data
from termwise.errors import BadData, UnknownName

SKLEARN = {"iris.csv": load_iris, "wine_data.csv": load_wine, "breast_cancer.csv": load_breast_cancer}


@pytest.fixture
def table(tmp_path):
    """Makes a Dataset of text, by way of a file."""

    def load(text, name="table.csv", **options):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return load_data(tmp_path / name, **{"test": 0.0, **options})

    return load


def shipped(name):
    return files("sklearn.datasets.data") / name


@pytest.mark.parametrize("name", SKLEARN)
def test_files_that_begin_with_counts_are_what_their_own_reader_makes_of_them(name):
    data, bunch = load_data(shipped(name)), SKLEARN[name]()
    assert torch.equal(data.tensor(), torch.tensor(bunch.data).float())
    assert torch.equal(data.labels, torch.tensor(bunch.target))
    assert data.label_names == tuple(bunch.target_names)
    assert "holds counts" in data.notes[0] and "taken for labels" in data.notes[1]


def test_a_gzipped_table_without_a_header_is_read_whole_and_its_labels_offered():
    data, digits = load_data(shipped("digits.csv.gz")), load_digits()
    assert torch.equal(data.tensor()[:, :64], torch.tensor(digits.data).float())
    assert [column.name for column in data.table if column.offered] == ["64"]
    assert load_data(shipped("digits.csv.gz"), labels="64").labels.tolist() == digits.target.tolist()


def test_spaces_part_cells():
    data = load_data(shipped("diabetes_data_raw.csv.gz"))
    assert data.tensor()[0].tolist() == pytest.approx([59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87])
    data = load_data(shipped("linnerud_exercise.csv"))
    assert [column.name for column in data.columns] == ["Chins", "Situps", "Jumps"]


ROWS = [[i * 1.5, i % 3, "xy"[i % 2]] for i in range(12)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["table.csv", "table.tsv.gz", "table.txt", "table.data"])
def test_any_separator_is_seen(table, separator, name):
    text = "\ufeff" + "\n".join(separator.join(map(str, row)) for row in [["a", "b", "kind"], *ROWS]) + "\n\n"
    data = table(text, name)
    assert torch.equal(data.tensor(), torch.tensor([row[:2] for row in ROWS]))
    assert data.label_names == ("x", "y") and data.labels.tolist() == [0, 1] * 6
    assert [(column.name, column.kind) for column in data.columns] == [("a", "number"), ("b", "count")]


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("a;b\n1,5;2\n-2,25;3\n", [[1.5, 2], [-2.25, 3]]),
        ("a\tb\n1.234,5\t2\n2,25\t3\n", [[1234.5, 2], [2.25, 3]]),
        ('a,b\n"1,234.5",2\n"12,345",3\n', [[1234.5, 2], [12345, 3]]),
        ("1,5;2,5;3,5\n1,5;2,5;4,5\n", [[1.5, 2.5, 3.5], [1.5, 2.5, 4.5]]),
    ],
)
def test_commas_in_numbers_are_read_and_said(table, text, x):
    data = table(text)
    assert data.tensor().tolist() == x
    assert any("read with commas" in note for note in data.notes)


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("a,b\n1,2\n3,5\n", ["a", "b"], 2),
        ("0,1,2\n1.5,2,3\n4,6,5\n", ["0", "1", "2"], 2),  # as a DataFrame without names is written
        (",0,1\n0,2.5,3\n1,4.5,7\n2,4,4\n3,4,4\n4,1,2\n", ["0", "1"], 5),  # with its index
        ("2001,2002,2003\n1.5,2,3\n4,6,5\n", ["2001", "2002", "2003"], 2),
        ("0,1,2\n3,4,5\n6,7,8\n", ["0", "1", "2"], 3),  # as numpy.arange(9) is: rows
        ("1,2\n3,5\n", ["0", "1"], 2),
        ("5.1,,1.4\n4.9,3.0,1.4\n", ["0", "1", "2"], 2),  # an empty cell is no name
        ("5.1,NA,1.4\n4.9,3.0,1.4\n", ["0", "1", "2"], 2),
        ("5.1,3.5,red\n4.9,3.0,blue\n4.7,3.2,red\n4.6,3.1,blue\n", ["0", "1", "2"], 4),  # a word over words is no name
        ("true,1.5\nfalse,2\ntrue,3\n", ["0", "1"], 3),
        (",word\nr1,red\nr2,blue\nr3,red\nr4,blue\n", ["word"], 4),
        ("y,week\ny,2\nn,3\ny,5\n", ["y", "week"], 3),
        ("when,1\n2020-01-01,2\n2020-01-02,3\n", None, None),
        ("# made by hand\n# a,b\n1,2\n3,5\n", ["a", "b"], 2),  # as numpy.savetxt writes a header
        ("# made by hand\n1,2\n3,5\n", ["0", "1"], 2),
        ("red,small\nblue,big\nred,big\nblue,small\nred,small\n", ["0", "1"], 5),
        ("colour,size\nblue,big\nred,big\nblue,small\n", ["colour", "size"], 3),
        ('"a" "b"\n"r1" 1.5 2\n"r2" 3 5\n', ["a", "b"], 2),  # as R writes row names
    ],
)
def test_a_header_is_told_from_a_row(table, text, names, rows):
    if names is None:
        with pytest.raises(BadData, match=r"line 1: it could name the columns, for 'when', or be a row, for '1'.*"):
            table(text)
        return
    data = table(text, missing="mean", labels=False)
    assert [column.source for column in data.columns] == names
    assert len(data) == rows


@pytest.mark.parametrize(
    ("header", "names", "rows"), [(True, ["1", "2"], 2), (False, ["0", "1"], 3), (2, ["3", "5"], 1)]
)
def test_a_header_is_where_one_is_told(table, header, names, rows):
    if rows == 1:
        with pytest.raises(BadData, match="two examples"):
            table("1,2\n3,5\n4,4\n", header=header)
        return
    data = table("1,2\n3,5\n4,4\n", header=header)
    assert ([column.name for column in data.columns], len(data)) == (names, rows)


def test_a_title_is_skipped_where_one_is_told_which_the_message_says(table):
    text = "Measured in spring\n\na,b\n1,2\n3,5\n"
    with pytest.raises(BadData, match=r"line 1: expected 2 cells, as the others have, got 1.*skip=1 .*data.skip=1"):
        table(text)
    assert table(text, skip=1).tensor().tolist() == [[1, 2], [3, 5]]
    assert table(text, header=3).tensor().tolist() == [[1, 2], [3, 5]]


@pytest.mark.parametrize("first", ["", "index", "rownames", "Unnamed: 0"])
@pytest.mark.parametrize("kind", ["numbers", "names"])
def test_a_column_that_counts_or_names_the_rows_is_left_out_and_said(table, first, kind):
    index = range(1, 9) if kind == "numbers" else [f"car {i}" for i in range(8)]
    text = f"{first},a,b\n" + "".join(f"{at},{i * i},{i / 2}\n" for i, at in enumerate(index))
    data = table(text)
    assert [column.name for column in data.columns] == ["a", "b"]
    assert data.table[0].use == "index"
    assert any(kind[:6] in note and "index=False" in note for note in data.notes)
    if kind == "numbers":
        assert table(text, index=False).shape == (3,)


def test_a_column_that_only_counts_is_an_index_whatever_it_is_called(table):
    text = "a,row\n" + "".join(f"{i * i},{i}\n" for i in range(6))
    assert [column.name for column in table(text).columns] == ["a"]
    assert [column.name for column in table(text, columns="row,a").columns] == ["row", "a"]
    assert table("a,row\n1,0\n4,1\n2,2\n").shape == (2,)  # three rows could be chance
    assert [column.name for column in table(text, index="a").columns] == ["row"]


def test_an_encoding_is_asked_for_by_name(table):
    text = "größe,b\n1,2\n3,5\n".encode("latin-1")
    with pytest.raises(BadData, match=r'line 1: cannot be read as text in UTF-8.*encoding="latin-1" \(--set data\.enc'):
        table(text)
    assert table(text, encoding="latin-1").columns[0].name == "größe"
    text = "a,b\n1,2\n3,5\n".encode("utf-16")
    with pytest.raises(BadData, match='encoding="utf-16"'):
        table(text)
    assert table(text, encoding="utf-16").shape == (2,)
    with pytest.raises(BadData, match="expected an encoding, such as latin-1 or utf-16, got 'klingon'"):
        table(text, encoding="klingon")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,oops\n", "line 3, column 'b': expected a finite number, got 'oops'"),
        ("a,b\n1,2\n,4\n", r"1 cell is missing \(a 1; the first at line 3, column 'a'\).*--set data.missing=mean"),
        ("1,2\n3,nan\n", "line 2, column '1'.*expected a finite number"),
        ("1,2\n3,1e999\n", "line 2, column '1'.*'inf'"),
        ("1,2\n3,1e200\n", r"line 2, column '1'.*'1e\+200'"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 cells"),
        ("a,b\n", "below the header"),
        ("a,a\n1,2\n", "names of their own.*header=False"),
        ("\n\n", "empty"),
        ("", "empty"),
        ("a,b\n1,2\n", "two examples"),
        ("a,kind,b\n1,x,2\n3,y,oops\n", "line 3, column 'b'.*'oops'"),
        (b"\xff\xfe\x00\x01" * 20, "UTF-8"),
        ('a,b\n1,"2\n', "expected 2 cells|expected a finite number|below the header|two examples"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(table, text, message):
    with pytest.raises(BadData, match=message):
        table(text)


def test_a_name_that_is_not_there_is_answered_with_those_that_are(table):
    for option in ("labels", "columns", "drop", "index", "attributes"):
        given = ["hieght"] if option == "attributes" else "hieght"
        with pytest.raises(UnknownName, match=r"'hieght'.*'height'"):
            table("width,height\n1,2\n3,4\n", **{option: given})


def test_a_table_that_memory_cannot_hold_is_refused_before_it_is_unzipped(table, monkeypatch):
    monkeypatch.setattr("termwise.data.formats.delimited_text.available", lambda: 12 * 1000)
    with pytest.raises(BadData, match=r"more than memory can hold.*\.npy"):
        table("a,b\n" + "1,2\n" * 100_000, "table.csv.gz")


def test_the_options_of_a_table_come_back_from_json_and_toml(table):
    text = "# spring\nid;a;b;kind\n" + "".join(f"{i * 7};{i},5;{i * i};{'xyz'[i % 3]}\n" for i in range(30))
    data = table(text, labels="kind", columns=["b", "a"], separator=";", header=2, missing="drop", test=0.2, index="id")
    again = load_data(**json.loads(json.dumps(tomllib.loads(tomli_w.dumps(data.source)))))
    assert again.fingerprint() == data.fingerprint()
    assert torch.equal(data.tensor(), torch.tensor([[i * i, i + 0.5] for i in range(30)]))
    assert data.labels.tolist() == list(np.arange(30) % 3)


@pytest.mark.parametrize("name", ["plain.dat", "plain.txt"])
def test_columns_without_a_header_go_by_their_places_as_numbers_or_as_text(tmp_path, name):
    path = tmp_path / name
    path.write_text("".join(f"{n % 2} {n / 3} {n * n / 7} word{n}\n" for n in range(20)))
    for last, first in ((3, 0), ("3", "0"), ([3], 0)):
        data = load_data(path, drop=last, labels=first)
        assert data.shape == (2,) and data.labels.tolist() == [n % 2 for n in range(20)]
    assert load_data(path, columns=[1, 2]).shape == load_data(path, columns=["1", "2"]).shape == (2,)
    assert load_data(path, columns=1, drop=3, index=2).shape == (1,)


def test_numbers_without_text_are_answered_with_the_line_that_reads_them(tmp_path):
    path = tmp_path / "raw.dat"
    path.write_bytes(bytes(range(255, 100, -1)))
    with pytest.raises(BadData, match=r'x = numpy.fromfile\("raw.dat", "float32"\).*then load x.npy'):
        load_data(path)
