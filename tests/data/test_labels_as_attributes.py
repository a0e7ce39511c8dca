"""Labels as attributes, their names, and pictures with a border: for any source that has what they need."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import LabelBinarizer

from termwise.data import load_data
from termwise.errors import BadData


def write_idx(path, array):
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes())


@pytest.fixture
def clothes(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 12)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", (np.arange(count) % 3).astype(np.uint8))
    return tmp_path


def test_every_label_becomes_an_attribute_named_after_it():
    data = load_data("digits", attributes="labels")
    assert data.attribute_names == tuple("0123456789")
    assert data.attributes.dtype == torch.int64
    assert np.array_equal(data.attributes, LabelBinarizer().fit_transform(load_digits().target))
    assert torch.equal(data.test.attributes.argmax(1), data.test.labels)


def test_idx_files_take_names_and_a_border_and_make_the_same_data_again(clothes):
    names = ["shirt", "boot", "bag"]
    data = load_data(clothes, attributes="labels", label_names=names, pad=32)
    assert data.label_names == data.attribute_names == tuple(names)
    assert data.test.attributes.tolist() == np.eye(3)[np.arange(12) % 3].tolist()
    assert torch.equal(data.tensor(), torch.nn.functional.pad(load_data(clothes).tensor(), (2, 2, 2, 2)))
    assert data.shape == (1, 32, 32)
    again = load_data(**json.loads(json.dumps(data.test.source)))
    assert again.fingerprint() == data.test.fingerprint()
    assert again.attribute_names == tuple(names)


def test_labels_that_are_words_or_far_apart_name_attributes_too():
    words = load_data(torch.rand(4, 2), labels=["b", "a", "b", "c"], attributes="labels", test=0.0)
    assert words.attribute_names == ("a", "b", "c")
    assert words.attributes.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    apart = load_data(torch.rand(3, 2), labels=[7, -2, 7], attributes="labels", test=0.0)
    assert apart.attribute_names == ("-2", "7")
    assert apart.attributes.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_a_name_without_examples_keeps_its_column():
    data = load_data(torch.rand(3, 2), labels=[0, 2, 0], label_names=list("abc"), attributes="labels", test=0.0)
    assert data.attributes.tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 0]]


def test_attributes_of_an_array_are_still_taken_as_they_are():
    data = load_data(torch.rand(3, 2), attributes=[[0, 1], [1, 1], [0, 0]], test=0.0)
    assert data.attributes.tolist() == [[0, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attributes": "labels"}, "expected data with labels, got none"),
        ({"attributes": "factors"}, "attributes=\"labels\".*'factors'"),
        ({"labels": [0, 1, 2], "label_names": ["a", "b"]}, "got 2 names and labels from 0 to 2"),
        ({"labels": [0, 1, -1], "label_names": ["a", "b"]}, "labels from -1 to 1"),
        ({"labels": [0, 1, 1], "label_names": ["a", "a"]}, "a name of its own"),
        ({"labels": [0, 1, 1], "label_names": "ab"}, "a list of names"),
        ({"pad": 32}, r"to pad to pad=32, got x of shape \(2,\)"),
        ({"pad": "32"}, "side in pixels"),
    ],
)
def test_what_cannot_be_named_or_padded_is_refused(options, message):
    with pytest.raises(BadData, match=message):
        load_data(torch.rand(3, 2), **options)


def test_an_odd_border_is_wider_below_and_on_the_right_and_binary_pixels_stay_so():
    grey = torch.rand(5, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    data = load_data(grey, binarize="fixed", pad=9, test=0.0)
    assert data.shape == (3, 9, 9)
    assert torch.equal(data.tensor()[:, :, 2:6, 1:7], load_data(grey, binarize="fixed", test=0.0).tensor())
    assert data.tensor().sum() == data.tensor()[:, :, 2:6, 1:7].sum()
    assert data.value_range().binary
    with pytest.raises(BadData, match="of 5 pixels a side at most"):
        load_data(grey, pad=5)
