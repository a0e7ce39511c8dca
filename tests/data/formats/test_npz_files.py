"""Arrays by name: .npz files as people save them, sparse matrices, and what they may take of memory."""

import io
import zipfile

import numpy as np
import pytest
import scipy.sparse
import torch

from termwise import main_memory
from termwise.data import load_data
from termwise.errors import BadData, Refused, UnknownName

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 5, 4), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 30, dtype=np.uint8)
COUNTS = scipy.sparse.random(30, 12, 0.3, random_state=0, data_rvs=lambda n: RNG.integers(1, 9, n)).tocsr()


def test_an_npz_file_gives_everything_that_is_known(tmp_path):
    factors, attributes = RNG.integers(0, 4, (30, 2)), RNG.choice([-1, 1], (30, 3))
    np.savez(
        tmp_path / "x.npz",
        x=IMAGES,
        y=LABELS,
        factors=factors,
        factor_names=np.array(["a", "b"]),
        attributes=attributes,
        unrelated=np.zeros(3),
    )
    data = load_data(tmp_path / "x.npz", test=0.0)
    assert torch.equal(data.tensor()[:, 0], torch.from_numpy(IMAGES) / 255)
    assert data.labels.tolist() == LABELS.tolist()
    assert data.factors.tolist() == factors.tolist()
    assert data.factor_names == ("a", "b")
    assert data.attributes.tolist() == (attributes == 1).astype(int).tolist()


def test_the_only_array_of_an_npz_file_is_x(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", whatever=IMAGES, labels=LABELS)
    data = load_data(tmp_path / "x.npz")
    assert data.shape == (1, 5, 4)
    assert data.labels.tolist() == LABELS.tolist()


def test_an_npz_file_with_train_and_test_keeps_its_split(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=IMAGES[:20], x_test=IMAGES[20:], y_train=LABELS[:20], y_test=LABELS[20:])
    data = load_data(tmp_path / "x.npz")
    assert torch.equal(data.test.tensor()[:, 0], torch.from_numpy(IMAGES[20:]) / 255)
    assert data.test.labels.tolist() == LABELS[20:].tolist()
    assert len(data.train) == 20


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": IMAGES, "b": IMAGES}, r"array named x, got a \(30, 5, 4\), b \(30, 5, 4\)\. Say which .* x=NAME"),
        ({"labels": LABELS}, "array named x"),
        ({"x": IMAGES, "labels": LABELS[:4]}, "30 rows of labels"),
        ({"x": IMAGES, "factors": LABELS}, "factors"),
        ({"x": IMAGES, "factors": LABELS[:, None], "factor_names": np.array(["a", "b"])}, "1 factor names"),
        ({"x_train": IMAGES, "x_test": IMAGES[:, :2]}, "one shape"),
        ({"x_train": IMAGES, "x_test": IMAGES / 255}, "one dtype"),
        ({"data": IMAGES, "images": IMAGES}, r"data \(30, 5, 4\), images \(30, 5, 4\).*data\.x=data"),
        ({"x_train": IMAGES, "X_Train": IMAGES, "x_test": IMAGES}, "one array of x for train, got x_train and X_Train"),
        ({"x_train": IMAGES, "y_train": np.uint8(3)}, "y_train"),
        ({"x": IMAGES, "factors": LABELS[:, None], "factor_names": np.array("a"), "y": np.uint8(3)}, r"\(N,\)"),
        ({"x_train": IMAGES, "x_test": IMAGES[:9], "y_train": LABELS[:9], "y_test": LABELS}, "labels"),
    ],
)
def test_an_npz_file_that_does_not_add_up_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BadData, match=message):
        load_data(tmp_path / "x.npz")


@pytest.mark.parametrize("damage", [lambda whole: whole[:-30], lambda whole: whole[:300] + b"??" + whole[302:]])
def test_a_broken_npz_file_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=IMAGES)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadData, match=r"x\.npz.*cannot be read"):
        load_data(path)


@pytest.mark.parametrize(
    ("x", "y"),
    [("x", "y"), ("X", "Y"), ("data", "target"), ("imgs", "label"), ("Images", "labels"), ("features", "targets")],
)
def test_x_and_labels_go_by_the_names_that_people_give_them(tmp_path, x, y):
    np.savez(tmp_path / "x.npz", **{x: IMAGES, y: LABELS[:, None], "mean": IMAGES[0]})
    data = load_data(tmp_path / "x.npz")
    assert torch.equal(data.tensor()[:, 0], torch.from_numpy(IMAGES) / 255)
    assert data.labels.tolist() == LABELS.tolist()


def test_any_array_is_x_and_any_are_labels_where_they_are_named(tmp_path):
    np.savez(tmp_path / "x.npz", x=IMAGES, hidden=IMAGES[:, 0], y=LABELS, animal=np.array(["cat", "dog"] * 15))
    data = load_data(tmp_path / "x.npz", x="hidden", labels="animal")
    assert torch.equal(data.tensor(), torch.from_numpy(IMAGES[:, 0]).float())
    assert (data.label_names, data.labels[:3].tolist()) == (("cat", "dog"), [0, 1, 0])
    with pytest.raises(UnknownName, match=r"'hiden'\. Did you mean 'hidden'"):
        load_data(tmp_path / "x.npz", x="hiden")


@pytest.mark.parametrize(
    "name", ["{what}_{part}", "{What}_{part}", "{part}_{what}", "{part}{What}", "{What}{Part}", "{PART}-{WHAT}"]
)
@pytest.mark.parametrize("what", [("x", "y"), ("images", "labels"), ("data", "target")])
def test_parts_keep_their_split_however_their_arrays_are_spelt(tmp_path, name, what):
    def called(what, part):
        names = {"what": what, "part": part}
        return name.format(**names, **{k.title(): v.title() for k, v in names.items()}, WHAT=what.upper(), PART=part)

    parts = {"train": slice(0, 18), "val": slice(18, 22), "test": slice(22, 30)}
    arrays = {called(what[0], part): IMAGES[rows] for part, rows in parts.items()}
    arrays |= {called(what[1], part): LABELS[rows] for part, rows in parts.items()}
    np.savez(tmp_path / "x.npz", **dict(reversed(arrays.items())))
    data = load_data(tmp_path / "x.npz")
    for split, rows in zip(("train", "validation", "test"), parts.values(), strict=True):
        assert torch.equal(data.split(split).tensor()[:, 0], torch.from_numpy(IMAGES[rows]) / 255)
        assert data.split(split).labels.tolist() == LABELS[rows].tolist()


def test_labels_of_one_part_alone_are_left_out_and_that_is_said(tmp_path):
    np.savez(tmp_path / "x.npz", X_train=IMAGES[:20], X_test=IMAGES[20:], y_train=LABELS[:20])
    data = load_data(tmp_path / "x.npz")
    assert data.labels is None
    assert data.notes == ("y_train are left out: there are labels for train, and none for test.",)


def test_what_is_called_y_and_is_no_labels_is_left_out_and_that_is_said(tmp_path):
    np.savez(tmp_path / "x.npz", x=IMAGES, y=RNG.normal(size=30))
    assert load_data(tmp_path / "x.npz").labels is None
    assert "y is left out: labels are whole numbers or words" in load_data(tmp_path / "x.npz").notes[0]
    with pytest.raises(BadData, match="whole numbers"):
        load_data(tmp_path / "x.npz", labels="y")
    np.savez(tmp_path / "x.npz", x=IMAGES, y=np.eye(10)[LABELS])
    data = load_data(tmp_path / "x.npz")
    assert data.labels.tolist() == LABELS.tolist()
    assert "each row marks one" in data.notes[0]


def test_dsprites_as_it_was_published_is_read_and_its_pickle_is_not(tmp_path):
    factors = np.stack(np.unravel_index(np.arange(24), (2, 3, 4)), axis=1)
    classes = np.zeros((24, 6), np.int64)
    classes[:, [1, 2, 5]] = factors
    arrays = {"imgs": RNG.integers(0, 2, (24, 6, 6), dtype=np.uint8), "latents_classes": classes}
    arrays |= {"latents_values": classes / 7, "metadata": np.array({"date": Trap()}, dtype=object)}
    np.savez_compressed(tmp_path / "dsprites.npz", **arrays)
    data = load_data(tmp_path / "dsprites.npz")
    assert torch.equal(data.tensor()[:, 0], torch.from_numpy(arrays["imgs"]).float())
    assert data.factor_names == ("shape", "scale", "pos_y")
    assert data.factors.tolist() == factors.tolist()
    with pytest.raises(BadData, match="metadata: expected numbers, got Python objects, which are never loaded"):
        load_data(tmp_path / "dsprites.npz", x="metadata")


class Trap:
    """Fails the test where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_only_the_arrays_that_are_wanted_are_read(tmp_path):
    np.savez(tmp_path / "x.npz", x=IMAGES, zzz=np.zeros(10**4))
    whole = (tmp_path / "x.npz").read_bytes()
    place = whole.index(b"zzz.npy") + 5000
    (tmp_path / "x.npz").write_bytes(whole[:place] + b"?" + whole[place + 1 :])
    assert load_data(tmp_path / "x.npz").shape == (1, 5, 4)


@pytest.mark.parametrize("names", [("x",), ("x_train", "x_test")])
def test_an_array_that_memory_does_not_hold_is_refused_before_it_is_read(tmp_path, monkeypatch, names):
    np.savez_compressed(tmp_path / "x.npz", **{name: np.zeros((1000, 1000)) for name in names})
    monkeypatch.setattr(main_memory, "available", lambda: 10**7)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(Refused, match=r"x\.npz: .* would take \d+ bytes, and 10000000 can be had\. Save .* \.npy"):
        load_data(tmp_path / "x.npz")


def test_an_array_that_says_it_is_longer_than_it_is_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(BadData, match=r"x\.npz: cannot be read .* says that it takes 8000000000000 bytes"):
        load_data(tmp_path / "x.npz")


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_a_sparse_matrix_is_read_as_scipy_saves_it(tmp_path, kind):
    scipy.sparse.save_npz(tmp_path / "x.npz", COUNTS.asformat(kind))
    dense = torch.from_numpy(COUNTS.toarray()).float()
    for source in (tmp_path / "x.npz", COUNTS.asformat(kind), scipy.sparse.csr_array(COUNTS)):
        data = load_data(source)
        assert torch.equal(data.tensor(), dense)
        assert torch.allclose(load_data(source, log1p=True).tensor(), dense.log1p())


def test_a_large_sparse_matrix_stays_sparse_and_gives_the_same_batches(monkeypatch):
    dense = load_data(COUNTS)
    monkeypatch.setattr("termwise.data.sparse_rows._DENSE", 0)
    sparse = load_data(COUNTS)
    assert type(sparse.examples).__name__ == "SparseRows"
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    for a, b in zip(sparse.train.batches(7, order), dense.train.batches(7, order), strict=True):
        assert torch.equal(a.x, b.x)
    assert sparse.fingerprint() == dense.fingerprint()
    assert sparse.value_range() == dense.value_range()
    wide = scipy.sparse.csr_array((np.ones(2), ([0, 1], [0, 10**9])), shape=(2, 2 * 10**9))
    assert not load_data(wide, test=0.5).in_memory


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ({"indices": np.full(COUNTS.nnz, 12)}, "indices"),
        ({"indices": np.full(COUNTS.nnz, -1)}, "indices"),
        ({"indptr": np.arange(31)[::-1]}, "ind"),
        ({"data": np.full(COUNTS.nnz, np.nan)}, r"got nan in example 0 at \(\d+,\)"),
        ({"data": np.array([Trap()] * 3)}, "never loaded"),
        ({"format": np.array(b"dia")}, r"got 'dia'\. Save it with scipy.sparse.save_npz\(path, matrix.tocsr"),
        ({"shape": np.array([30])}, "sparse matrix"),
        ({"shape": np.array([30, 0])}, "sparse matrix"),
        ({"data": -COUNTS.data}, "log1p"),
    ],
)
def test_a_sparse_matrix_that_cannot_be_is_refused(tmp_path, spoil, message):
    arrays = {"data": COUNTS.data, "indices": COUNTS.indices, "indptr": COUNTS.indptr}
    arrays |= {"shape": np.array(COUNTS.shape), "format": np.array(b"csr")} | spoil
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BadData, match=message):
        load_data(tmp_path / "x.npz", log1p=message == "log1p")
