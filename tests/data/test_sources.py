"""Names, paths and Python objects: what load_data makes of each, and what it says of those it cannot use."""

import json
import os
import tomllib

import numpy as np
import pandas
import pytest
import scipy.sparse
import tomli_w
import torch
from scipy.io import savemat
from sklearn.datasets import load_digits
from torch.utils.data import IterableDataset, TensorDataset

from termwise.data import load_data
from termwise.errors import BadData, UnknownName
from termwise.models.likelihoods import likelihood_from


def test_digits_are_scikit_learns_in_sixteenths():
    data = load_data("digits")
    bunch = load_digits()
    assert data.shape == (1, 8, 8)
    assert torch.equal(data.tensor().flatten(1), torch.tensor(bunch.data / 16).float())
    assert torch.equal(data.labels, torch.tensor(bunch.target))
    assert (len(data.train), len(data.test)) == (1438, 359)


def test_four_points_all_train_and_all_test():
    data = load_data("four-points")
    assert torch.equal(data.train.tensor(), torch.eye(4))
    assert torch.equal(data.test.tensor(), torch.eye(4))
    assert data.test.labels.tolist() == [0, 1, 2, 3]
    with pytest.raises(BadData, match="test part of its own"):
        load_data("four-points", test=0.25)


def test_four_points_train_as_often_as_is_asked_for():
    data = load_data("four-points", copies=3)
    assert torch.equal(data.train.tensor(), torch.eye(4).repeat_interleave(3, 0))
    assert torch.equal(data.test.tensor(), torch.eye(4))
    with pytest.raises(BadData, match="copies = 0 cannot be"):
        load_data("four-points", copies=0)


def test_an_unknown_name_lists_those_known_and_says_that_a_path_would_do():
    with pytest.raises(UnknownName, match=r"'digits'.*four-points.*path"):
        load_data("digit")


def test_a_path_that_does_not_exist_is_named(tmp_path):
    for source in (tmp_path / "absent", str(tmp_path / "absent"), "absent.npy"):
        with pytest.raises(BadData, match=r"absent.*exists"):
            load_data(source)


@pytest.mark.parametrize("source", [3, None, [1.0, 2.0], {"x": 1}])
def test_an_object_of_another_kind_is_refused(source):
    with pytest.raises(BadData, match=type(source).__name__):
        load_data(source)


def test_a_data_set_is_returned_as_it_is_and_takes_nothing_beside():
    data = load_data("digits")
    assert load_data(data) is data
    with pytest.raises(BadData, match="already"):
        load_data(data, test=0.5)


def test_options_are_checked_by_name_and_by_type():
    with pytest.raises(BadData, match="digits takes no options"):
        load_data("digits", size=8)
    with pytest.raises(UnknownName, match="fraction"):
        load_data("sprites", fractoin=0.1)
    with pytest.raises(BadData, match="in_memory"):
        load_data("sprites", in_memory="yes")
    with pytest.raises(BadData, match="seed"):
        load_data("digits", seed=1.5)
    with pytest.raises(BadData, match="seed"):
        load_data("digits", seed=2**63)
    with pytest.raises(BadData, match="validation"):
        load_data("digits", validation=True)


def test_a_source_rebuilds_the_same_data_after_a_trip_through_json_and_toml(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)))
    originals = [
        load_data("digits", validation=0.1, seed=7),
        load_data("sprites", fraction=0.001, factors={"shape": ["heart"], "scale": [0, 5]}, seed=2).test,
        load_data(tmp_path / "x.npy", test=0.5).validation or load_data(tmp_path / "x.npy", test=0.5).train,
    ]
    for data in originals:
        source = json.loads(json.dumps(tomllib.loads(tomli_w.dumps(data.source))))
        again = load_data(**source)
        assert again.fingerprint() == data.fingerprint()
        assert again.source == data.source
        assert again.train.fingerprint() == data.train.fingerprint()


def test_data_from_objects_and_subsets_claim_no_source():
    assert load_data(torch.rand(5, 2)).source is None
    assert load_data("digits").subset(torch.tensor([0, 1])).source is None
    assert load_data("four-points", labels=np.arange(4)).source is None


def test_uint8_images_become_channel_first_and_are_divided_by_255():
    pixels = torch.randint(0, 256, (6, 5, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    last = load_data(pixels, test=0.0)
    first = load_data(pixels.permute(0, 3, 1, 2), test=0.0)
    assert last.shape == (3, 5, 4)
    assert torch.equal(last.tensor(), pixels.permute(0, 3, 1, 2) / 255)
    assert torch.equal(first.tensor(), last.tensor())
    assert load_data(pixels[..., 0].numpy()).shape == (1, 5, 4)


def test_uint8_and_bool_images_of_zeros_and_ones_stay_binary():
    bits = torch.arange(60).reshape(5, 3, 4) % 2
    for x in (bits.to(torch.uint8), bits.bool(), bits.bool().numpy()):
        data = load_data(x, test=0.0)
        assert torch.equal(data.tensor(), bits.float().unsqueeze(1))
        assert data.value_range().binary


def test_numbers_are_taken_as_they_are():
    for x in (np.arange(12).reshape(4, 3), np.arange(12.0).reshape(4, 3), torch.arange(12).reshape(4, 3).half()):
        assert torch.equal(load_data(x, test=0.0).tensor(), torch.arange(12.0).reshape(4, 3))
    assert torch.equal(
        load_data(np.arange(12, dtype=np.uint8).reshape(4, 3)).tensor(), torch.arange(12.0).reshape(4, 3)
    )
    assert load_data(np.zeros((4, 5, 6), dtype=">f8")).shape == (5, 6)


def test_a_tensor_on_the_tape_is_taken_off_it():
    assert not load_data(torch.rand(4, 2, requires_grad=True)).tensor().requires_grad


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(0, 3), "N >= 1"),
        (torch.zeros(5), "two dimensions"),
        (torch.zeros(5, 0), "N >= 1"),
        (torch.zeros(1, 3), "two examples or more"),
        (torch.tensor([[0.0, 1.0], [2.0, float("nan")]]), r"nan in example 1 at \(1,\)"),
        (torch.tensor([[0.0, 1.0], [2.0, float("inf")]]), "inf in example 1"),
        (np.array([[1e300, 0.0], [0.0, 0.0]]), "inf in example 0"),
        (np.array([[1, "a"], [2, "b"]], dtype=object), "dtype object"),
        (np.array([["a"], ["b"]]), "dtype <U1"),
        (torch.zeros(3, 2, dtype=torch.complex64), "complex64"),
        (torch.zeros(3, 4, 4, 4, dtype=torch.uint8), "C = 1 or 3"),
        (torch.eye(3).to_sparse(), "dense"),
    ],
)
def test_an_array_that_cannot_be_used_says_why(x, message):
    with pytest.raises(BadData, match=message):
        load_data(x)


def test_pixels_below_32_are_classes_and_not_divided():
    classes = torch.arange(60).reshape(5, 3, 4).remainder(3).to(torch.uint8)
    data = load_data(classes, test=0.0)
    assert torch.equal(data.tensor(), classes.float().unsqueeze(1))
    assert "whole numbers up to 2" in data.notes[0]
    streamed = load_data(Pairs(classes, [0] * 5), test=0.0)
    assert torch.equal(streamed.tensor(), data.tensor())
    likelihood_from("categorical:3").check(data.value_range())


@pytest.mark.parametrize("in_memory", [True, False])
def test_pixels_stay_whole_where_levels_are_asked_for(in_memory):
    pixels = torch.arange(60, dtype=torch.uint8).mul(4).reshape(5, 3, 4)
    source = pixels if in_memory else Pairs(pixels, [0] * 5)
    with pytest.raises(BadData, match=r"levels=True \(--set data.levels=true\), and say 'categorical:256'"):
        likelihood_from("categorical:256").check(load_data(source).value_range())
    data = load_data(source, levels=True, test=0.0)
    assert torch.equal(data.tensor(), pixels.float().unsqueeze(1))
    likelihood_from("categorical:256").check(data.value_range())
    with pytest.raises(BadData, match="expected pixels"):
        load_data("sprites", fraction=0.001, levels=True)


def test_what_is_masked_is_missing_and_never_a_number():
    array = np.ma.masked_array(np.arange(12.0).reshape(4, 3), mask=np.eye(4, 3))
    with pytest.raises(BadData, match=r"nan in example 0 at \(0,\).*missing=\"mean\""):
        load_data(array)
    kept = load_data(array, missing="mask", test=0.0)
    assert torch.equal(kept.tensor().isnan(), torch.eye(4, 3).bool()) and kept.has_missing
    data = load_data(array, missing="mean", test=0.25, seed=3)
    train = data.splits["train"]
    for entry in range(3):
        there = [row for row in train.tolist() if row != entry]
        expected = np.mean([3 * row + entry for row in there])
        assert data.tensor()[entry, entry].item() == pytest.approx(expected)
    pixels = np.ma.masked_array(np.full((4, 3, 3), 200, dtype=np.uint8), mask=np.eye(3)[None].repeat(4, 0))
    with pytest.raises(BadData, match="nan in example 0"):
        load_data(pixels)
    infinite = array.filled(0.0)
    infinite[2, 2] = np.inf
    with pytest.raises(BadData, match="inf in example 2"):
        load_data(infinite, missing="mask")


@pytest.mark.parametrize("kind", [".npy", ".npz", ".mat"])
def test_what_is_nan_in_a_file_of_arrays_is_missing_as_asked(tmp_path, kind):
    array = np.arange(12.0).reshape(4, 3)
    array[0, 1] = np.nan
    path = tmp_path / f"x{kind}"
    if kind == ".npy":
        np.save(path, array)
    else:
        np.savez(path, x=array) if kind == ".npz" else savemat(path, {"x": array})
    with pytest.raises(BadData, match=r"nan in example 0 at \(1,\).*missing=\"mean\" \(--set data.missing=mean\)"):
        load_data(path)
    kept = load_data(path, missing="mask", test=0.0)
    assert torch.equal(kept.tensor().isnan(), torch.from_numpy(array).isnan()) and kept.has_missing
    assert kept.notes == ("1 entry of x is missing, and left out of the likelihood.",)
    assert load_data(path, missing="mean", test=0.0).tensor()[0, 1].item() == (4 + 7 + 10) / 3


def test_missing_entries_are_of_dense_arrays_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    with pytest.raises(BadData, match=r"raise memory_limit to \d+ \(--set data.memory_limit="):
        load_data(tmp_path / "x.npy", missing="mean", memory_limit=10)
    scipy.sparse.save_npz(tmp_path / "x.npz", scipy.sparse.eye(4).tocsr())
    with pytest.raises(BadData, match="holds a sparse matrix"):
        load_data(tmp_path / "x.npz", missing="mean")


@pytest.mark.parametrize(
    "array",
    [
        np.array([[2**24 + 1, 0], [2**24, 1]]),
        torch.tensor([[2**24 + 1, 0], [2**24, 1]]),
        np.array([[2**40 + 1, 0], [7, 1]], dtype=np.uint64),
        np.array([[1.6e9 + i, i] for i in range(50)]),
        torch.tensor([[1.6e9 + i, i] for i in range(50)], dtype=torch.float64),
    ],
)
def test_numbers_that_float32_takes_for_one_another_are_refused(array):
    with pytest.raises(BadData, match=r"float32.*Subtract"):
        load_data(array)


def test_large_numbers_that_float32_tells_apart_are_taken():
    for array in (np.array([[2**30, 0], [2**31, 1]]), np.array([[1e9, 0.0], [2e9, 1.0]]), np.array([[1e30], [2e30]])):
        assert torch.equal(load_data(array, test=0.0).tensor(), torch.tensor(array.astype(np.float32)))


def test_large_finite_numbers_whose_sum_overflows_are_not_called_infinite():
    x = torch.full((4, 2), 3e38)
    assert torch.equal(load_data(x, test=0.0).tensor(), x)


def test_labels_of_words_become_codes_and_must_be_one_an_example():
    data = load_data(torch.rand(3, 2), labels=["b", "a", "b"], test=0.0)
    assert data.labels.tolist() == [1, 0, 1]
    assert data.label_names == ("a", "b")
    with pytest.raises(BadData, match="expected 3 rows of labels"):
        load_data(torch.rand(3, 2), labels=[1, 2])
    with pytest.raises(BadData, match="whole numbers"):
        load_data(torch.rand(3, 2), labels=[1.0, 2.0, 0.5])


def test_labels_may_be_a_column_of_a_data_frame_and_none_may_be_masked():
    words = pandas.DataFrame({"kind": ["b", "a", "b"]})["kind"]
    for labels in (words, words.astype(object), words.astype("category"), np.array(["b", "a", "b"], dtype=object)):
        assert load_data(torch.rand(3, 2), labels=labels, test=0.0).label_names == ("a", "b")
    with pytest.raises(BadData, match="some that are masked"):
        load_data(torch.rand(3, 2), labels=np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]))
    with pytest.raises(BadData, match="dtype object"):
        load_data(torch.rand(3, 2), labels=["a", None, "b"])


def test_a_tensor_dataset_gives_its_tensors():
    x, y = torch.rand(6, 2), torch.arange(6)
    data = load_data(TensorDataset(x, y), test=0.0)
    assert data.in_memory
    assert torch.equal(data.tensor(), x)
    assert torch.equal(data.labels, y)


class Pairs(torch.utils.data.Dataset):
    """Items (x, label) made when they are asked for."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, position):
        return self.x[position], self.y[position]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_torch_dataset_streams_its_items_in_any_order(workers):
    x = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    data = load_data(Pairs(x, list(range(100, 120))), num_workers=workers, seed=1)
    assert not data.in_memory
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    batches = list(data.train.batches(5, order))
    assert torch.equal(torch.cat([batch.x for batch in batches]), x[data.train.positions[order]])
    assert torch.equal(data.test.labels, 100 + data.test.positions)


def test_streamed_pixels_are_scaled_as_those_in_memory_are():
    pixels = torch.randint(0, 256, (9, 4, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    streamed = load_data(Pairs(pixels, [0] * 9), test=0.0)
    assert torch.equal(streamed.tensor(), load_data(pixels, test=0.0).tensor())
    assert streamed.fingerprint() == load_data(pixels, test=0.0).fingerprint()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_streamed_number_that_is_not_finite_is_found_in_its_example(workers):
    x = torch.zeros(200, 2)
    x[171, 1] = float("nan")
    data = load_data(Pairs(x, [0] * 200), test=0.0, num_workers=workers)
    with pytest.raises(BadData, match=r"^Pairs: expected finite numbers, got nan in example 171 at \(1,\)"):
        list(data.batches(50, torch.arange(199, -1, -1)))


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_items_of_mixed_shapes_are_refused_in_one_line(workers):
    x = [torch.zeros(2)] * 200
    x[4] = torch.zeros(5)  # not among the few that are looked at while loading
    data = load_data(Pairs(x, [0] * 200), test=0.0, num_workers=workers)
    with pytest.raises(BadData, match=r"^Pairs, item 4: expected torch.float32 of \(2,\).*got.*\(5,\)") as caught:
        list(data.batches(50))
    assert "\n" not in str(caught.value)


class Endless(IterableDataset):
    def __iter__(self):
        return iter([torch.zeros(2)])


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Endless(), "map-style"),
        (Pairs([], []), "empty"),
        (Pairs([{"pixels": 1}] * 4, [0] * 4), "dtype object"),
        (Pairs([torch.zeros(2), torch.zeros(3)], [0, 0]), r"got.*\(3,\)"),
    ],
)
def test_a_torch_dataset_that_cannot_be_used_says_why(dataset, message):
    with pytest.raises(BadData, match=message):
        load_data(dataset)


@pytest.mark.parametrize("inside", [False, True])
def test_a_pipe_is_not_waited_for(tmp_path, inside):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadData, match=f"got a {'folder' if inside else 'file'} of another kind"):
        load_data(tmp_path if inside else pipe)
