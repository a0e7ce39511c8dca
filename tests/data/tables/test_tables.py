"""What becomes of a table's columns: words one-hot, dates as days, labels, missing cells, and what is refused."""

import numpy as np
import pytest
import torch

from termwise.data import Column, load_data
from termwise.data.tables.build import dataset_of_table
from termwise.data.tables.options import TableOptions
from termwise.data.tables.raw import RawTable, column_of, column_of_text
from termwise.errors import BadData

RNG = np.random.default_rng(0)
N = 60
CUTS = [["Fair", "Good", "Ideal"][i % 3] for i in range(N)]


def made(table, **options):
    """The Dataset of columns of text or values, by name."""
    raw = [
        column_of_text(name, cells) if isinstance(cells, list) and isinstance(cells[0], str) else column_of(name, cells)
        for name, cells in table.items()
    ]
    return dataset_of_table(RawTable("made", "made", raw), TableOptions(**options))


def numbers(n=N):
    return [str(value) for value in RNG.normal(size=n)]


def test_words_are_one_hot_under_their_names():
    data = made({"cut": CUTS, "size": numbers()})
    assert data.columns[:3] == tuple(Column(f"cut={cut}", "category", "cut", cut) for cut in ("Fair", "Good", "Ideal"))
    assert torch.equal(data.tensor()[:, :3], torch.eye(3).repeat(20, 1))
    assert data.notes == ("Words are one-hot: cut (3 entries).",)


def test_two_words_are_one_entry_of_zeros_and_ones():
    data = made({"sex": ["male", "female"] * 30, "alone": ["yes", "No"] * 30, "size": numbers()})
    assert data.columns[:2] == (Column("sex=male", "binary", "sex", "male"), Column("alone", "binary"))
    assert torch.equal(data.tensor()[:, :2], torch.tensor([[1.0, 1.0], [0.0, 0.0]] * 30))


@pytest.mark.parametrize(
    "cells",
    [
        ["2012-01-01", "2012-01-03", "2011-12-31"],
        ["2012/1/1", "2012/01/03", "2011/12/31"],
        ["2012-01-01T00:00:00", "2012-01-03 00:00", "2011-12-31T00:00Z"],
        ["Jan 1 2012", "Jan 3, 2012", "Dec 31 2011"],
        np.array(["2012-01-01", "2012-01-03", "2011-12-31"], dtype="datetime64[D]"),
    ],
)
def test_dates_are_days_since_the_first(cells):
    data = made({"when": cells, "size": numbers(3)})
    assert data.columns[0] == Column("when", "date")
    assert data.tensor()[:, 0].tolist() == [1.0, 3.0, 0.0]
    assert "when is in days since 2011-12-31" in data.notes[0]


def test_eight_digits_are_a_date_where_the_column_is_called_so():
    assert made({"date": ["20120101", "20120103"], "size": numbers(2)}).tensor()[:, 0].tolist() == [0, 2]
    assert made({"number": ["20120101", "20990103"], "size": numbers(2)}).columns[0].kind == "count"


def test_days_that_could_be_months_are_refused_and_the_message_says_how_they_are_read():
    days = [f"{day:02}/{month:02}/2012" for month in range(1, 7) for day in range(1, 13)]
    with pytest.raises(BadData, match=r"'when' has 72 texts that look like dates, which are read as 2012-01-31.*drop="):
        made({"when": days, "size": numbers(72)})


@pytest.mark.parametrize("name", ["species", "Class", "label", "target", "y"])
def test_a_column_that_is_called_so_is_taken_for_labels_and_said(name):
    codes = [str(i % 3) for i in range(N)]
    data = made({name: codes, "size": numbers(), "last": numbers()})
    assert data.labels.tolist() == [i % 3 for i in range(N)]
    assert [column.name for column in data.columns] == ["size", "last"]
    assert f"Column {name!r} (0, 1 and 2) is taken for labels; labels=False" in data.notes[0]
    assert [column.use for column in data.table] == ["labels", "x", "x"]
    kept = made({name: codes, "size": numbers(), "last": numbers()}, labels=False)
    assert kept.labels is None and kept.shape == (3,) and kept.table[0].offered


def test_a_last_column_of_few_words_is_taken_for_labels_unless_another_would_do():
    last = made({"size": numbers(), "weather": CUTS})
    assert last.label_names == ("Fair", "Good", "Ideal")
    two = made({"class": CUTS, "size": numbers(), "survived": ["yes", "no"] * 30})
    assert two.labels is None and [column.name for column in two.table if column.offered] == ["class", "survived"]
    assert "class and survived would do as labels, and are part of x; labels='class'" in two.notes[0]
    assert made({"class": CUTS, "size": numbers(), "survived": ["yes", "no"] * 30}, labels="survived").labels[0] == 1


@pytest.mark.parametrize(
    "cells", [numbers(), [f"{i}" for i in range(N)], ["2012-01-01", "2012-01-02"] * 30, ["0", "1", "?"] * 20]
)
def test_what_cannot_be_labels_is_not_taken_for_them(cells):
    data = made({"size": numbers(), "weight": numbers(), "target": cells}, missing="mask", index=False)
    assert data.labels is None and not any(column.offered for column in data.table)


def test_ids_and_free_text_are_refused_with_the_line_that_drops_them():
    columns = {"name": [f"name, {i}" for i in range(N)], "size": numbers(), "ticket": [f"t{i}" for i in range(N)]}
    with pytest.raises(BadData) as caught:
        made({**columns, "cut": CUTS, "idle": numbers()}, drop="idle")
    message = str(caught.value)
    assert "column 'name' has 60 different texts, such as 'name, 0'." in message
    assert '--set data.drop=idle,name,ticket (in Python: drop=["idle", "name", "ticket"]).' in message
    assert made({**columns, "cut": CUTS, "idle": numbers()}, drop="idle,name,ticket").shape == (1,)


def test_a_name_with_a_comma_is_still_one_name():
    columns = {"a, b": [f"t{i}" for i in range(N)], "c": numbers()}
    with pytest.raises(BadData, match=r"""--set 'data.drop=\["a, b"\]'"""):
        made(columns)
    assert made(columns, drop="a, b").shape == (1,)


def test_a_word_among_numbers_is_a_fault_and_levels_of_both_are_words():
    with pytest.raises(BadData, match="row 7, column 'size': expected a finite number, got 'oops'"):
        made({"size": [*numbers(7), "oops", *numbers(52)], "cut": CUTS})
    with pytest.raises(BadData, match="got 'oops', and the like in 1 other row"):
        made({"size": [*numbers(7), "oops", "oops", *numbers(52)], "cut": CUTS})
    data = made({"children": ["0", "1", "2", "3+"] * 15, "size": numbers()})
    assert [column.value for column in data.columns] == ["0", "1", "2", "3+", ""]


def test_what_has_one_value_is_said_and_a_column_without_any_is_left_out():
    data = made({"size": numbers(), "unit": ["cm"] * N, "zero": ["0"] * N, "none": [""] * N})
    assert [column.name for column in data.columns] == ["size", "zero"]
    assert "Column 'none' has no value in any row, and is left out." in data.notes
    assert "unit is 'cm' in all rows, and is left out." in data.notes
    assert 'zero has one value in all rows; drop=["zero"] leaves it out.' in data.notes


GAPS = {
    "age": ["30", "", "50", "NA", "40", "1000"],
    "deck": ["A", "B", "", "A", "C", "B"],
    "fare": ["1.5", "2", "2.5", "3", "3.5", "4"],
}


def test_missing_cells_are_refused_by_count_with_the_line_that_does_it():
    with pytest.raises(BadData, match=r"3 cells are missing \(age 2, deck 1; the first at row 1, column 'age'\).*This"):
        made(GAPS)
    with pytest.raises(BadData, match=r"This does it: --set data.missing=mean \(in Python: missing=\"mean\"\)\.$"):
        made(GAPS)


def test_rows_with_missing_cells_are_dropped():
    data = made(GAPS, missing="drop", labels="deck")
    assert data.tensor().tolist() == [[30, 1.5], [40, 3.5], [1000, 4]]
    assert data.labels.tolist() == [0, 2, 1]
    assert "3 of 6 rows have missing cells, and are left out." in data.notes
    with pytest.raises(BadData, match="every row"):
        made({"a": ["", "1"], "b": ["1", ""]}, missing="drop")


def test_missing_numbers_become_the_mean_of_what_trains_and_words_a_value_of_their_own(tmp_path):
    rows = [f"{i},{'' if i % 5 == 2 else i * i},{'' if i % 4 == 3 else 'xyz'[i % 3]}" for i in range(1, 41)]
    (tmp_path / "t.csv").write_text("i,square,word\n" + "\n".join(rows) + "\n")
    data = load_data(tmp_path / "t.csv", missing="mean", index=False, labels=False, validation=0.2)
    raw = load_data(tmp_path / "t.csv", missing="mask", index=False, labels=False, validation=0.2).tensor()
    of_train = [i * i for i in (data.splits["train"] + 1).tolist() if i % 5 != 2]
    gone = raw[:, 1].isnan()
    assert gone.sum() == 8
    assert torch.allclose(data.tensor()[gone, 1], torch.tensor(sum(of_train) / len(of_train)))
    assert torch.equal(data.tensor()[~gone, 1], raw[~gone, 1])
    assert [column.value for column in data.columns[2:]] == ["x", "y", "z", "(missing)"]
    assert data.tensor()[:, 5].sum() == 10 and not data.has_missing
    assert any(
        "are the means of what trains, and of words a value of their own: square 8, word 10" in note
        for note in data.notes
    )


def test_masked_cells_are_nan_and_in_no_range():
    data = made(GAPS, missing="mask")
    assert data.has_missing and data.tensor().isnan().sum() == 2 + 3
    values = data.value_range()
    assert (values.minimum, values.maximum, values.integer) == (0, 1000, False)
    assert not made({"a": numbers(), "b": numbers()}).has_missing


def test_labels_must_be_there_in_every_row():
    with pytest.raises(
        BadData, match=r"1 cell is missing \(deck 1.*missing=\"drop\" \(the rows\)\. This does it: .*drop"
    ):
        made(GAPS, missing="mean", labels="deck")


def test_attributes_are_columns_of_their_own():
    data = made({"size": numbers(), "sex": ["m", "f"] * 30, "age": numbers(), "cut": CUTS}, attributes=["sex", "cut"])
    assert data.attribute_names == ("sex=m", "cut=Fair", "cut=Good", "cut=Ideal")
    assert data.attributes[:2].tolist() == [[1, 1, 0, 0], [0, 0, 1, 0]]
    assert [column.name for column in data.columns] == ["size", "age"]
    with pytest.raises(BadData, match="asked for twice"):
        made({"size": numbers(), "sex": ["m", "f"] * 30}, attributes=["sex"], drop="sex")
    with pytest.raises(BadData, match="expected a column for x"):
        made({"size": numbers(), "sex": ["m", "f"] * 30}, labels="sex", drop=["size"])


def test_columns_are_chosen_in_order_and_what_is_not_stays_told_of():
    data = made({"a": numbers(), "cut": CUTS, "b": numbers()}, columns=["b", "a"])
    assert [column.name for column in data.columns] == ["b", "a"]
    assert {column.name: column.use for column in data.table} == {"b": "x", "a": "x", "cut": "left out"}
    assert {column.name: column.values for column in data.table}["cut"] == 3
    with pytest.raises(BadData, match="once in columns"):
        made({"a": numbers(), "b": numbers()}, columns=["b", "b"])


def test_whole_numbers_that_float32_merges_are_said_and_those_it_blurs_refused():
    ids = np.arange(N) * 3 + 900_000_001
    with pytest.raises(BadData, match=r"column 'id': its numbers lie so close.*Subtract the least.*data.drop=id"):
        made({"id": ids, "size": numbers()})
    spread = np.concatenate([ids, ids // 1000])
    data = made({"id": spread, "size": numbers(2 * N)})
    assert "id has whole numbers above 2^24, some of which float32 takes for one another" in data.notes[0]
    assert made({"id": np.arange(N) * 3, "size": numbers()}).notes == ()


def test_kinds_are_told_by_the_numbers():
    columns = {"number": ["0.5", "1"], "count": ["0", "2"], "binary": ["0", "1"], "negative": ["-1", "1"]}
    assert [column.kind for column in made(columns).columns] == ["number", "count", "binary", "number"]
