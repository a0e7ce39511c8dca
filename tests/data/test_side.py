"""What stands beside x: read from names and columns, by example in batches and views, and as training had it."""

import numpy as np
import pytest
import torch

from termwise.data import Annotations, Dataset, InMemory, Side, SideVariable, load_data
from termwise.errors import BadData, UnknownName

X = torch.arange(12.0).view(6, 2)
KNOWN = Annotations(
    labels=torch.tensor([0, 1, 2, 2, 1, 0]),
    label_names=("cat", "dog", "eel"),
    factors=torch.tensor([[0, 3], [1, 3], [0, 2], [1, 2], [0, 1], [1, 0]]),
    factor_names=("shape", "scale"),
    attributes=torch.tensor([[1], [0], [1], [0], [1], [1]]),
    attribute_names=("red",),
)
DATA = Dataset("animals", InMemory(X), KNOWN, splits={"train": torch.tensor([5, 1, 3]), "test": torch.tensor([0, 2])})


def test_a_name_is_one_of_what_is_known_and_several_stand_side_by_side():
    side = DATA.with_side(["labels", "scale", "attributes"]).side
    assert side.variables == (
        SideVariable("labels", ("cat", "dog", "eel")),
        SideVariable("scale", ("0", "1", "2", "3")),
        SideVariable("red", ("no", "yes")),
    )
    assert side.values.tolist() == [[0, 3, 1], [1, 3, 0], [2, 2, 1], [2, 2, 0], [1, 1, 1], [0, 0, 1]]
    assert DATA.with_side("factors").side.names == ("shape", "scale")


def test_fractions_are_numbers_and_all_else_categories_in_order():
    side = Side.of(
        {
            "whole": np.array([10, 9, 10]),
            "words": ["b", "a", "b"],
            "yes": np.array([True, False, True]),
            "number": torch.tensor([2.0, 0.5, 1.0]),
        }
    )
    assert [variable.categories for variable in side.variables] == [("9", "10"), ("a", "b"), ("no", "yes"), ()]
    assert side.values.tolist() == [[1, 1, 1, 2.0], [0, 0, 0, 0.5], [1, 1, 1, 1.0]]


def test_words_that_are_whole_numbers_come_first_in_their_order():
    side = Side.of({"cluster": ["10", "9", "b", "-1", "9"]})
    assert side.variables[0].categories == ("-1", "9", "10", "b") and side.values[:, 0].tolist() == [2, 1, 3, 0, 1]


def test_batches_and_views_hold_the_rows_of_their_own_examples():
    data = DATA.with_side("labels")
    for view in (data.train, data.subset(torch.tensor([4, 2]))):
        for batch in view.batches(2, order=torch.arange(len(view)).flip(0)):
            rows = (batch.x[:, 0] / 2).long()
            assert batch.side[:, 0].tolist() == KNOWN.labels[rows].tolist()
    assert next(DATA.batches(3)).side is None


def test_columns_of_a_view_are_of_its_examples():
    view = DATA.train.with_side({"batch": ["u", "v", "w"]})
    assert view.subset(torch.tensor([2, 0])).side.values.tolist() == [[2.0], [0.0]]
    whole = DATA.with_side({"batch": list("abcdef")})
    assert [whole.side.variables[0].categories[int(code)] for code in whole.train.side.values[:, 0]] == ["f", "b", "d"]


def test_another_data_set_is_read_by_the_names_of_the_first():
    known = (SideVariable("batch", ("a", "b", "c")), SideVariable("age"))
    new = Side.of({"age": [1.5, 2.5], "batch": ["c", "b"]})
    assert new.as_known(known).values.tolist() == [[2.0, 1.5], [1.0, 2.5]]
    with pytest.raises(BadData, match=r"batch: expected one of the categories that were there in training.*'z'"):
        Side.of({"age": [1.5, 2.5], "batch": ["c", "z"]}).as_known(known)
    with pytest.raises(UnknownName, match="'age'"):
        Side.of({"batch": ["c"]}).as_known(known)
    with pytest.raises(BadData, match="age: expected a number, as it was in training, got a category"):
        Side.of({"age": [1, 2], "batch": ["c", "b"]}).as_known(known)


def test_a_category_that_does_not_come_is_no_matter():
    side = Side((SideVariable("batch", ("b", "z")),), torch.zeros(3, 1, dtype=torch.float64))
    assert side.as_known([SideVariable("batch", ("a", "b"))]).values.tolist() == [[1.0]] * 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1, 2], "b": [1, 2, 3]}, "as many values"),
        ({"a": [1.0, float("nan")]}, "of 2, got some that are missing: a 1"),
        ({"a": ["x", None]}, "of 2, got some that are missing: a 1"),
        ({"a": [[1, 2], [3, 4]]}, "one an example, got lists"),
        ({"a": [object(), object()]}, "categories or numbers"),
        ({}, "each with a name"),
    ],
)
def test_columns_that_cannot_be_are_refused(columns, message):
    with pytest.raises(BadData, match=message):
        Side.of(columns)


@pytest.mark.parametrize("side", ["lables", ["labels", "size"], "x"])
def test_what_is_not_known_is_refused_with_what_is(side):
    with pytest.raises(UnknownName, match="labels"):
        DATA.with_side(side)


def test_a_wrong_count_is_refused():
    with pytest.raises(BadData, match="expected 1,438 values beside x, one an example, got 1,797"):
        digits = load_data("digits")
        digits.train.with_side({"digit": digits.labels})


def test_a_value_is_asked_for_by_its_name_or_number():
    digit = SideVariable("digit", ("3", "5"))
    assert [digit.value(one) for one in (3, "5", 5.0, np.int64(3))] == [0.0, 1.0, 1.0, 0.0]
    assert SideVariable("age").value(2) == 2.0
    with pytest.raises(UnknownName, match="'7'"):
        digit.value(7)
    with pytest.raises(BadData, match="finite number"):
        SideVariable("age").value("old")


def test_groups_are_the_rows_that_there_are_in_the_order_of_their_categories():
    side = Side.of({"batch": ["b", "a", "b", "a"], "digit": [10, 9, 9, 9]})
    assert side.groups("digit")[1] == ("9", "10") and side.groups("digit")[0].tolist() == [1, 0, 0, 0]
    ids, names = side.groups(["batch", "digit"])
    assert names == ("batch a, digit 9", "batch b, digit 9", "batch b, digit 10")
    assert ids.tolist() == [2, 0, 1, 0]
    assert side.groups(["digit", "batch"])[1] == ("digit 9, batch a", "digit 9, batch b", "digit 10, batch b")
    only = side.at(torch.tensor([0, 2])).groups("batch")
    assert (only[0].tolist(), only[1]) == ([0, 0], ("b",))


def test_groups_of_many_variables_are_the_unique_rows():
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 50, (300, 14), generator=generator)  # 50^14 combinations are more than an int64 holds
    side = Side.of({f"v{column}": values[:, column] for column in range(14)})
    side = side.at(torch.arange(300).repeat(2))
    rows, expected = np.unique(side.values.numpy(), axis=0, return_inverse=True)
    ids, names = side.groups()
    assert np.array_equal(ids, expected.ravel()) and len(names) == len(rows)


def test_the_entropy_is_that_of_the_counts():
    side = Side.of({"s": ["a"] * 5 + ["b"] * 3, "t": list("uvuvuvuv")})
    p = np.array([5, 3]) / 8
    assert side.entropy("s") == pytest.approx(-(p * np.log(p)).sum(), rel=1e-12)
    joint = np.array([3, 2, 1, 2]) / 8
    assert side.entropy() == pytest.approx(-(joint * np.log(joint)).sum(), rel=1e-12)
    assert Side.of({"s": ["a", "a"]}).entropy() == 0.0


def test_groups_of_numbers_are_refused_until_they_are_binned():
    side = Side.of({"batch": ["a", "b", "a", "b"], "age": [1.5, 30.0, 2.7, 41.5]})
    with pytest.raises(BadData, match=r"got numbers, age\..*side\.binned\(5\)"):
        side.groups()
    binned = side.binned(2)
    assert binned.groups()[1] == ("batch a, age 1.5 to 2.7", "batch b, age 30 to 41.5")
    assert side.variables[1].is_number and side.values[1, 1] == 30.0  # what was there is left as it was
    with pytest.raises(BadData, match="two bins or more, got 1"):
        side.binned(1)
