"""Datasets whose items are asked for by position: labels of words, items that are dictionaries, Hugging Face's."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchDataset

from helpers.hugging_face import RowsOfFaces
from termwise.data import load_data
from termwise.errors import BadData

X = torch.rand(6, 2, generator=torch.Generator().manual_seed(0))
WORDS = ["cat", "dog", "cat", "ant", "dog", "cat"]
PICTURES = [Image.fromarray(np.full((4, 5), 50 * i, dtype=np.uint8)) for i in range(6)]


class Items(TorchDataset):
    def __init__(self, items, **known):
        self.items = items
        vars(self).update(known)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]


def test_labels_that_are_words_have_codes():
    data = load_data(Items(list(zip(X, WORDS, strict=True))), test=0.0)
    assert data.labels.tolist() == [1, 2, 1, 0, 2, 1]
    assert data.label_names == ("ant", "cat", "dog")
    assert torch.equal(data.tensor(), X)
    assert load_data(Items(list(X), targets=WORDS), test=0.0).label_names == ("ant", "cat", "dog")


def test_a_dataset_that_names_its_classes_names_the_labels():
    data = load_data(Items(list(X), targets=[0, 1, 0, 2, 1, 0], classes=["a", "b", "c"]), test=0.0)
    assert data.label_names == ("a", "b", "c")
    assert load_data(Items(list(X), targets=[0, 5, 0, 2, 1, 0], classes=["a", "b", "c"]), test=0.0).label_names == ()


@pytest.mark.parametrize(("x", "label"), [("image", "label"), ("pixel_values", "labels"), ("x", "y")])
def test_items_that_are_dictionaries_have_x_and_labels_by_name(x, label):
    items = [{"id": "7", label: i % 3, x: one} for i, one in enumerate(PICTURES)]
    data = load_data(Items(items), test=0.0)
    assert data.shape == (1, 4, 5)
    assert torch.allclose(data.tensor()[:, 0, 0, 0], torch.arange(6) * 50 / 255)
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_items_that_are_dictionaries_of_other_names_are_refused_with_those():
    with pytest.raises(BadData, match=r"expected items with an x, or one of x, image, .*; got dictionaries of a, b"):
        load_data(Items([{"a": X[0], "b": 1}] * 4))


def test_rows_of_hugging_face_are_a_table_with_its_class_names():
    columns = {"size": [0.5, 1.5, 2.5, 3.0], "weight": [1.0, 2.0, 0.5, 4.0], "label": [0, 1, 1, 0]}
    data = load_data(RowsOfFaces(columns, names={"label": ["no", "yes"]}), test=0.0)
    assert [column.name for column in data.columns] == ["size", "weight"]
    assert data.labels.tolist() == [0, 1, 1, 0] and data.label_names == ("no", "yes")


def test_pictures_of_hugging_face_are_read_one_by_one():
    rows = RowsOfFaces({"image": PICTURES, "label": [0, 1] * 3}, names={"label": ["no", "yes"]}, images={"image"})
    data = load_data(rows, test=0.0)
    assert data.shape == (1, 4, 5) and data.labels.tolist() == [0, 1] * 3
    assert data.label_names == ("no", "yes")


def test_parts_of_hugging_face_are_asked_for_one():
    class Parts(dict):
        __module__ = "datasets.dataset_dict"

        def with_format(self, form):
            return self

    with pytest.raises(BadData, match=r"one for each of train, test. Take one: load_data\(dataset\['train'\]\)"):
        load_data(Parts(train=RowsOfFaces({"a": [1.0]}), test=RowsOfFaces({"a": [1.0]})))
