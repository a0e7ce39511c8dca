"""A Dataset: what its batches, views, splits and summaries owe to the x that it was made from."""

import random

import numpy as np
import pytest
import torch

from termwise.data import Dataset, load_data
from termwise.data.value_range import ValueRange
from termwise.errors import BadData, UnknownName


def numbered(n: int = 50, width: int = 3) -> torch.Tensor:
    return torch.arange(n * width, dtype=torch.float32).reshape(n, width)


def everything(x: object, **options: object) -> Dataset:
    return load_data(x, test=0.0, **options)


def test_batches_visit_all_examples_in_order_and_say_where_they_are():
    x = numbered()
    batches = list(everything(x).batches(16))
    assert [len(batch.x) for batch in batches] == [16, 16, 16, 2]
    assert torch.equal(torch.cat([batch.x for batch in batches]), x)
    assert torch.equal(torch.cat([batch.index for batch in batches]), torch.arange(50))


def test_a_short_last_batch_can_be_dropped():
    assert [len(batch.x) for batch in everything(numbered()).batches(16, drop_last=True)] == [16, 16, 16]


def test_batches_follow_the_order_given_within_a_split():
    x = numbered()
    test = load_data(x, test=0.3, seed=5).test
    order = torch.tensor([4, 0, 4, 14])
    (batch,) = test.batches(8, order)
    assert torch.equal(batch.index, order)
    assert torch.equal(batch.x, test.tensor()[order])
    assert torch.equal(batch.x, x[test.positions[order]])


def test_changing_a_batch_in_place_leaves_the_data_alone():
    data = everything(numbered())
    next(iter(data.batches(50))).x.zero_()
    assert torch.equal(data.tensor(), numbered())


class Noisy(torch.utils.data.Dataset):
    """Items that are drawn at random."""

    def __len__(self):
        return 12

    def __getitem__(self, position):
        return position + torch.rand(2)


@pytest.mark.parametrize(
    "source", [numbered(), Noisy(), "sprites", "digits"], ids=["tensor", "stream", "drawn", "name"]
)
def test_loading_and_reading_leave_the_global_random_states_alone(source):
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    data = load_data(source, validation=0.25)
    list(data.train.batches(4, torch.tensor([3, 1, 0, 2, 3, 1])))
    data.value_range(), data.fingerprint()
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert before[2] == random.getstate()


def test_random_items_are_the_same_again_for_the_same_positions_only():
    data = everything(Noisy())
    first, again = (next(iter(data.batches(4, torch.tensor([0, 1, 2, 3])))).x for _ in range(2))
    other = next(iter(data.batches(4, torch.tensor([0, 1, 2, 4])))).x
    assert torch.equal(first, again)
    assert not torch.equal(first[:3], other[:3])


def test_splits_are_disjoint_cover_everything_and_return_with_the_seed():
    x = numbered(200)
    data = load_data(x, validation=0.25, test=0.2, seed=3)
    parts = [set(data.split(name).positions.tolist()) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [120, 40, 40]
    assert set.union(*parts) == set(range(200))
    again = load_data(x, validation=0.25, test=0.2, seed=3)
    other = load_data(x, validation=0.25, test=0.2, seed=4)
    assert torch.equal(again.test.positions, data.test.positions)
    assert not torch.equal(other.test.positions, data.test.positions)


def test_carving_off_validation_leaves_the_test_part_as_it_was():
    x = numbered(200)
    with_validation, without = load_data(x, validation=0.5), load_data(x)
    assert torch.equal(with_validation.test.tensor(), without.test.tensor())
    assert without.validation is None


def test_a_split_is_its_own_training_part_and_has_no_test_part():
    test = load_data(numbered()).test
    assert test.train is test
    assert test.validation is None
    with pytest.raises(BadData, match=r"no test part.*test=0\.2"):
        _ = test.test
    with pytest.raises(UnknownName, match="train"):
        test.split("trian")


@pytest.mark.parametrize(
    "fractions", [{"test": 1.0}, {"test": -0.1}, {"validation": 1.5}, {"validation": float("nan")}]
)
def test_a_fraction_that_cannot_be_is_refused(fractions):
    with pytest.raises(BadData, match="fraction"):
        load_data(numbered(), **fractions)


def test_a_split_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(BadData, match="leaves none"):
        load_data(numbered(2), test=0.9)
    with pytest.raises(BadData, match="leaves none"):
        load_data(numbered(2), validation=0.1)


def test_labels_factors_and_attributes_follow_their_examples_into_subsets_of_splits():
    x = numbered(40)
    data = load_data(
        x,
        labels=np.arange(40),
        factors=np.stack([np.arange(40), np.arange(40) % 3], 1),
        factor_names=["row", "third"],
        attributes=np.where(np.arange(80).reshape(40, 2) % 5 == 0, 1, -1),
    )
    some = data.test.subset(torch.tensor([3, 1]))
    rows = (some.tensor()[:, 0] / 3).long()
    assert torch.equal(some.labels, rows)
    assert torch.equal(some.factors, torch.stack([rows, rows % 3], 1))
    assert torch.equal(some.attributes, (torch.stack([2 * rows, 2 * rows + 1], 1) % 5 == 0).long())
    assert some.factor_names == ("row", "third")
    assert some.attribute_names == ("attribute 0", "attribute 1")


def test_a_subset_shares_the_memory_of_its_source():
    data = everything(numbered())
    assert data.subset(torch.tensor([1, 2])).examples is data.examples


def test_a_mask_chooses_as_its_positions_do():
    data = everything(numbered())
    mask = torch.arange(50) % 7 == 0
    assert torch.equal(data.subset(mask).tensor(), numbered()[mask])


def test_a_random_subset_has_distinct_examples_in_order_and_returns_with_the_seed():
    data = everything(numbered())
    before = torch.get_rng_state()
    some = data.random_subset(20, seed=1)
    rows = some.tensor()[:, 0] / 3
    assert len(some) == 20
    assert bool((rows.diff() > 0).all())
    assert torch.equal(some.positions, data.random_subset(20, seed=1).positions)
    assert not torch.equal(some.positions, data.random_subset(20, seed=2).positions)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_example_is_as_likely_in_a_random_subset():
    data = everything(numbered(10))
    drawn = torch.stack([torch.bincount(data.random_subset(3, seed).positions, minlength=10) for seed in range(2000)])
    standard_error = (0.3 * 0.7 / 2000) ** 0.5
    assert float((drawn.double().mean(0) - 0.3).abs().max()) < 4 * standard_error


@pytest.mark.parametrize("count", [None, 50, 51])
def test_a_random_subset_of_all_there_is_is_the_data_itself(count):
    data = everything(numbered())
    assert data.random_subset(count, seed=0) is data


def test_a_random_subset_of_a_part_is_chosen_among_the_part():
    test = load_data(numbered(), test=0.3).test
    assert set(test.random_subset(5, seed=0).positions.tolist()) < set(test.positions.tolist())


def test_a_random_subset_of_none_is_refused():
    with pytest.raises(BadData, match="one example or more"):
        everything(numbered()).random_subset(0, seed=0)


@pytest.mark.parametrize(
    "index", [torch.tensor([50]), torch.tensor([-1]), torch.tensor([0.0]), torch.tensor([[0]]), torch.tensor([True])]
)
def test_positions_that_cannot_be_are_refused(index):
    data = everything(numbered())
    with pytest.raises(BadData, match="positions"):
        data.subset(index)
    with pytest.raises(BadData, match="positions"):
        data.batches(4, index)


def test_an_empty_subset_and_a_batch_that_can_never_be_full_are_refused():
    data = everything(numbered())
    with pytest.raises(BadData, match="one example or more"):
        data.subset(torch.zeros(50, dtype=torch.bool))
    with pytest.raises(BadData, match="1 to 50"):
        data.batches(51, drop_last=True)
    with pytest.raises(BadData, match="batch size"):
        data.batches(0)


def test_tensor_stops_at_its_limit():
    data = everything(numbered(600))
    assert torch.equal(data.tensor(300), numbered(600)[:300])
    assert torch.equal(data.tensor(10_000), numbered(600))


@pytest.mark.parametrize(
    ("x", "values"),
    [
        ([[0.0, 1.0], [1.0, 1.0]], (0.0, 1.0, True, True)),
        ([[0.0, 3.0], [1.0, 1.0]], (0.0, 3.0, True, False)),
        ([[0.5, 1.0], [1.0, 0.0]], (0.0, 1.0, False, False)),
        ([[-2.5, 1.0], [1.0, 0.0]], (-2.5, 1.0, False, False)),
    ],
)
def test_value_range_tells_binary_from_counts_and_reals(x, values):
    found = everything(torch.tensor(x)).value_range()
    assert (found.minimum, found.maximum, found.integer, found.binary) == values


def test_value_range_in_memory_sees_the_one_example_that_is_different():
    x = torch.zeros(5000, 1)
    x[4322] = 7.5  # not among 2048 evenly spread examples
    assert everything(x).value_range() == ValueRange(0.0, 7.5, False)


def test_fingerprint_depends_on_content_order_and_shape_but_not_on_storage():
    x = torch.randint(2, 256, (30, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels = everything(x)
    same = everything(x.unsqueeze(1).float() / 255)
    assert pixels.fingerprint() == same.fingerprint()
    changed = x.clone()
    changed[29, 3, 3] ^= 1
    others = [changed, x.flip(0), x[:29], x.reshape(30, 2, 8)]
    assert len({pixels.fingerprint(), *(everything(other).fingerprint() for other in others)}) == 5


def test_fingerprints_of_splits_differ_from_each_other_and_return():
    data, again = load_data("digits"), load_data("digits")
    assert data.train.fingerprint() != data.test.fingerprint()
    assert data.test.fingerprint() == again.test.fingerprint()
