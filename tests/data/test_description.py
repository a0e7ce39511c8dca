"""What data are taken for, said before anything trains: columns, parts, scales, labels, a likelihood that takes it."""

import json
import tracemalloc
from dataclasses import replace

import pytest
import torch

import termwise as tw
from termwise.data import Annotations, Column, InMemory, TableColumn
from termwise.data.suits import is_standardised, suited_likelihood
from termwise.models.likelihoods import likelihood_from


def table():
    x = torch.tensor([[1.0, 10.0, 1.0, 0.0, 5.0], [2.0, 30.0, 0.0, 1.0, 5.0], [3.0, 50.0, 1.0, 0.0, 5.0]]).repeat(4, 1)
    columns = (
        Column("width"),
        Column("age", "count"),
        Column("cut=Fair", "category", source="cut", value="Fair"),
        Column("cut=Ideal", "category", source="cut", value="Ideal"),
        Column("still"),
    )
    read = (
        TableColumn("id", "count", use="index", values=12),
        TableColumn("width", "number", missing=2, values=3),
        TableColumn("age", "count", values=3),
        TableColumn("cut", "text", values=2, offered=True),
        TableColumn("still", "number", values=1),
        TableColumn("species", "text", use="labels", values=2),
    )
    labels = Annotations(labels=torch.tensor([0, 1, 0] * 4), label_names=("cat", "dog"))
    parts = {"train": torch.arange(9), "test": torch.arange(9, 12)}
    notes = ("The first column numbers the rows, and is left out.",)
    return tw.Dataset("pets", InMemory(x), labels, splits=parts, columns=columns, table=read, notes=notes)


def test_a_table_says_its_columns_scales_parts_labels_and_likelihood():
    text = repr(table().describe())
    for words in ("pets", "12 rows of 6 columns", "5 numbers in x", "train 9, test 3", "width", "2 missing", "index"):
        assert words in text
    for words in ("2 labels (cat, dog)", "labels='cut'", "constant: still", "normal:optimal", "numbers the rows"):
        assert words in text
    assert "standardised within the model (2 of 5 columns)" in text


def test_as_json_it_has_every_column_and_the_scales_of_those_that_are_one_number():
    said = json.loads(json.dumps(table().describe().to_dict()))
    columns = {column["name"]: column for column in said["columns"]}
    assert list(columns) == ["id", "width", "age", "cut", "still", "species"]
    assert (columns["age"]["mean"], columns["age"]["minimum"], columns["age"]["maximum"]) == (30, 10, 50)
    assert columns["age"]["stddev"] == pytest.approx((800 / 3) ** 0.5)
    assert columns["cut"]["mean"] is None and columns["id"]["mean"] is None and columns["width"]["missing"] == 2
    assert said["likelihood"]["name"] == "normal:optimal" and said["standardize"] is True and said["scaled"] == 2
    assert said["labels"] == 2 and said["splits"] == {"train": 9, "test": 3} and said["bytes"] == 240


def test_a_wide_table_is_cut_in_the_text_alone():
    wide = tw.Dataset("wide", InMemory(torch.rand(5, 300)), columns=tuple(Column(f"gene {i}") for i in range(300)))
    about = wide.describe()
    assert "and 288 more" in repr(about) and len(repr(about).splitlines()) < 25
    assert len(about.to_dict()["columns"]) == 300


def test_whole_numbers_are_standardised_where_columns_may_be_of_anything_and_not_where_all_are_counts_of_one_kind():
    x = InMemory(torch.tensor([[1.0, 30.0], [6.0, 70.0], [2.0, 41.0]]))
    columns = (Column("answer", "count"), Column("age", "count"))
    read = tuple(TableColumn(column.name, "count") for column in columns)
    beside = (TableColumn("cell type", "text", use="labels"),)
    survey, genes = (tw.Dataset("x", x, columns=columns, table=table) for table in (read, beside))
    assert (is_standardised(survey), is_standardised(genes)) == (True, False)
    bits = tw.Dataset("x", InMemory(torch.eye(2)), columns=tuple(Column(name, "binary") for name in "ab"), table=read)
    assert not is_standardised(bits)


@pytest.mark.parametrize(
    ("x", "name", "why"),
    [
        (torch.tensor([[0.0, 1.0], [1.0, 1.0]]), "bernoulli", "zeros and ones"),
        (torch.rand(5, 2), "bernoulli", "grey values"),
        (torch.randn(50, 2), "normal:optimal", "numbers from"),
        (torch.tensor([[0.0, 2.0], [1.0, 1.0]]), "negative-binomial", "measured, categorical:3 if they are classes"),
        (1000 * torch.tensor([[0.0, 2.0], [1.0, 1.0]]), "negative-binomial", "whole numbers from 0 to 2000, taken for"),
        (torch.tensor([[0.0, -2.0], [1.0, 1.0]]), "normal:optimal", "numbers from -2 to 1"),
        (torch.randint(0, 9, (5, 1, 2, 2)).float().clamp(0, 8), "normal:optimal", "if they are classes"),
    ],
)
def test_the_likelihood_that_suits_takes_the_data(x, name, why):
    data = tw.load_data(x, test=0.0)
    suited = suited_likelihood(data)
    assert suited.name == name and why in suited.why
    likelihood_from(suited.name).check(data.value_range())


def test_a_scale_that_can_hardly_train_is_said_with_what_mends_it_unless_it_is_standardised():
    data = tw.load_data(torch.randn(50, 2) * torch.tensor([1.0, 3e4]), test=0.0)
    assert "standardize=true" in repr(data.describe())
    assert "standardize=true" not in repr(replace(data, standardize=True).describe())
    assert "standardize=true" not in repr(tw.load_data(torch.randn(50, 2), test=0.0).describe())
    apart = tw.load_data(torch.randn(50, 2) * torch.tensor([1e-5, 1.0]), test=0.0)
    assert "standardize=true" in repr(apart.describe())


def test_three_lines_are_three_and_a_likelihood_that_was_asked_for_is_said_so():
    about = table().describe()
    assert len(about.in_three_lines()) == 3 and not any("\n" in line for line in about.in_three_lines())
    assert about.in_three_lines("laplace:1")[-1] == "Likelihood laplace:1, as said."


def test_what_is_made_as_it_is_asked_for_is_not_made_whole():
    tracemalloc.start()
    about = tw.load_data("sprites", factors={"shape": ["heart"]}).describe()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (about.in_memory, about.examples, about.looked_at) == (False, 245_760, 2048)
    assert peak < 3e8 < about.bytes


@pytest.mark.parametrize(("source", "format"), [("digits", "named"), (torch.rand(3, 2), "python")])
def test_it_says_what_was_read(source, format):
    assert tw.load_data(source, test=0.0).describe().format == format


def test_a_file_is_of_its_format(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("a,b\n1,2.5\n3,4.5\n5,6\n")
    assert tw.load_data(file, test=0.0).describe().format == "csv"


def test_what_stands_beside_x_is_said_with_its_smallest_group_and_what_is_odd_about_it():
    side = {
        "batch": ["b"] + ["a"] * 6 + ["c"] * 5,
        "still": ["x"] * 12,
        "name": [f"n{n}" for n in range(12)],
        "age": [20.5 + n for n in range(12)],
        "level": [2.5] * 12,
    }
    about = replace(table(), splits={"train": torch.arange(1, 12), "test": torch.arange(1)}).with_side(side).describe()
    text = repr(about)
    assert "batch, 3 categories, the smallest 'b' of 1; still, one category; name, 12 categories" in text
    assert "age, a number from 20.5 to 31.5" in text
    assert "still is the same for all examples" in text and "level is the same for all examples" in text
    assert "name is another category for every example" in text and "age is" not in text
    assert "Of batch, 1 category has one example alone" in text
    assert "Of batch, no example trains that is b" in text
    said = json.loads(json.dumps(about.to_dict()))["side"]
    assert [(one["name"], one["kind"], one["groups"], one["smallest"]) for one in said[:2]] == [
        ("batch", "category", 3, 1), ("still", "category", 1, 12)
    ]  # fmt: skip
    assert said[3]["minimum"] == 20.5 and said[0]["untrained"] == ["b"]
    assert "Side information" not in repr(table().describe()) and len(about.in_three_lines()) == 3


def test_a_data_set_shows_what_stands_beside_x():
    data = table().with_side("labels")
    assert repr(data).endswith("train 9, test 3, beside x labels)")
    assert "beside x" in data._repr_html_() and "labels, 2 categories, the smallest" in data._repr_html_()
    assert "beside x" not in table()._repr_html_()
