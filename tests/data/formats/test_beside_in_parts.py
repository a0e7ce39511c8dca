"""What lies beside x in parts, batch_train beside x_train, is one array of all examples, in their order."""

import numpy as np
import pytest
import scipy.io

import termwise as tw
from termwise.data import load_data
from termwise.errors import BadData, UnknownName

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype(np.float32)
BATCH, AGE = np.array(["u", "vv", "w"] * 10), np.linspace(20.5, 49.5, 30)
PARTS = {"train": slice(0, 18), "val": slice(18, 22), "test": slice(22, 30)}
IN_PARTS = {f"x_{part}": X[rows] for part, rows in PARTS.items()}
HALVES = {"x_train": X[:20], "x_test": X[20:]}


@pytest.fixture
def saved(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "x.npz", **arrays)
        return tmp_path / "x.npz"

    return save


@pytest.mark.parametrize("spelt", ["batch_{}", "{}_batch", "batch-{}", "{} batch", "batch.{}"])
def test_it_stands_beside_its_own_part(saved, spelt):
    beside = {spelt.format(part): BATCH[rows] for part, rows in PARTS.items()}
    beside |= {f"age_{part}": AGE[rows][:, None] for part, rows in PARTS.items()}
    data = load_data(saved(**IN_PARTS, **beside), side=["batch", "age"])
    assert data.side.names == ("batch", "age")
    for part, rows in zip(("train", "validation", "test"), PARTS.values(), strict=True):
        side = data.split(part).side
        assert [side.variables[0].categories[int(place)] for place in side.values[:, 0]] == BATCH[rows].tolist()
        assert side.values[:, 1].tolist() == AGE[rows].tolist()


def test_capitals_part_names_too_and_differing_spellings_are_one(saved):
    halves = (BATCH[:20], BATCH[20:])
    for names, name in (
        (("trainBatch", "testBatch"), "Batch"),
        (("donorTrain", "donorTest"), "donor"),
        (("cell_type_train", "Cell-Type-Test"), "cell_type"),
    ):
        data = load_data(saved(**HALVES, **dict(zip(names, halves, strict=True))), side=name)
        assert data.test.side.variables[0].categories == ("u", "vv", "w")
        assert data.test.side.values[:, 0].tolist() == [n % 3 for n in range(20, 30)]


def test_labels_by_name_and_factors_lie_in_parts_too(saved):
    factors = RNG.integers(3, size=(30, 2))
    path = saved(
        **HALVES, kind_train=BATCH[:20], kind_test=BATCH[20:], factors_train=factors[:20], factors_test=factors[20:]
    )
    data = load_data(path, labels="kind")
    assert [data.label_names[label] for label in data.test.labels] == BATCH[20:].tolist()
    assert data.factors.tolist() == factors.tolist()


def test_matlab_has_rows_of_them(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {**HALVES, "batch_train": np.arange(20) % 2, "batch_test": np.arange(10) % 2})
    side = load_data(tmp_path / "x.mat", side="batch").side
    assert side.values[:, 0].tolist() == [n % 2 for n in range(30)]


def test_any_model_is_measured_with_it(saved):
    path = saved(**HALVES, batch_train=BATCH[:20], batch_test=BATCH[20:])
    account = tw.measure(tw.VAE.build((4,), latent=2, likelihood="normal", options={"hidden": [4]}), path, side="batch")
    assert account.data["n"] == 10 and account["side_entropy"].value == pytest.approx(1.0889, abs=1e-3)  # 4, 3 and 3


@pytest.mark.parametrize(
    ("beside", "got"),
    [
        ({"batch_train": BATCH[:20]}, r"batch_train \(<U2 of \(20,\)\)"),
        ({"batch_train": BATCH[:20], "batch_test": BATCH[:9]}, r"batch_test \(<U2 of \(9,\)\)"),
        ({"batch_train": BATCH[:20], "batch_test": np.arange(10)}, r"batch_test \(int64 of \(10,\)\)"),
    ],
)
def test_a_part_without_it_is_named_with_what_does_it(saved, beside, got):
    path = saved(**HALVES, **beside)
    assert load_data(path).side is None
    with pytest.raises(BadData, match=rf"20 for train and 10 for test, got .*{got}.*all 30 examples, train, then test"):
        load_data(path, side="batch")


def test_a_whole_array_comes_before_parts_and_what_is_not_one_an_example_is_no_part_of_it(saved):
    halves = {"batch_train": BATCH[:20], "batch_test": BATCH[20:]}
    data = load_data(saved(**HALVES, batch=AGE, **halves), side="batch")
    assert data.side.values[:, 0].tolist() == AGE.tolist()
    assert data.notes == ("batch_train and batch_test are left out: there is batch, too.",)
    assert load_data(saved(**HALVES, factors_train=np.zeros((20, 2), int))).notes == (
        "factors_train are left out: there are none for test.",
    )
    with pytest.raises((BadData, UnknownName), match="'loss'"):
        load_data(saved(**HALVES, train_loss=np.arange(5.0), test_loss=np.arange(5.0)), side="loss")
