"""MATLAB's files: their arrays by name, along whichever axis labels say that the examples lie."""

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch

from termwise import main_memory
from termwise.data import load_data
from termwise.errors import BadData, Refused

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 5)), np.arange(12) % 3 + 1


def mat(folder, **arrays):
    scipy.io.savemat(folder / "x.mat", arrays, do_compression=True)
    return folder / "x.mat"


@pytest.mark.parametrize("names", [("X", "y"), ("data", "labels"), ("fea", "label"), ("whatever", "Y")])
def test_arrays_are_found_by_their_names(tmp_path, names):
    data = load_data(mat(tmp_path, **{names[0]: X, names[1]: Y[:, None], "rate": 8000.0}), test=0.0)
    assert torch.equal(data.tensor(), torch.from_numpy(X).float())
    assert data.labels.tolist() == Y.tolist()
    assert data.notes == ()


def test_columns_are_the_examples_where_labels_or_the_user_say_so(tmp_path):
    images = RNG.integers(0, 256, (6, 5, 3, 12), dtype=np.uint8)
    data = load_data(mat(tmp_path, X=images, y=Y[:, None]), test=0.0)
    assert torch.equal(data.tensor(), torch.from_numpy(images.transpose(3, 2, 0, 1) / 255).float())
    assert data.labels.tolist() == Y.tolist()
    assert data.notes[0] == "x of shape (6, 5, 3, 12) is taken for 12 examples along its last axis, one a label."
    path = mat(tmp_path, ff=X)
    assert torch.equal(load_data(path, transpose=True, test=0.0).tensor(), torch.from_numpy(X.T.copy()).float())
    path = mat(tmp_path, ff=X.T)
    assert load_data(path).notes == ("Rows are taken for 5 examples of 12 numbers; transpose=true takes the columns.",)


def test_parts_keep_their_split(tmp_path):
    data = load_data(mat(tmp_path, trainX=X[:8], testX=X[8:], trainY=Y[:8], testY=Y[8:]))
    assert torch.equal(data.test.tensor(), torch.from_numpy(X[8:]).float())
    assert data.test.labels.tolist() == Y[8:].tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "b": X}, r"array named x, got a \(12, 5\), b \(12, 5\)"),
        ({"x": {"field": X}}, r"expected numbers, got a struct, a cell, a text or a sparse matrix"),
        ({"x": scipy.sparse.csc_matrix(X)}, r"the sparse matrix x\. This does it: .*save_npz.*tocsr\(\)"),
        ({"x": X + 1j}, "numbers"),
        ({"x": np.full((3, 2), np.nan)}, "finite"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, arrays, message):
    with pytest.raises(BadData, match=rf"x\.mat.*{message}"):
        load_data(mat(tmp_path, **arrays))


def test_version_7_3_is_refused_with_the_lines_that_read_it(tmp_path):
    (tmp_path / "x.mat").write_bytes(
        b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(99)
    )
    with pytest.raises(BadData, match=r"version 7\.3, which is HDF5\. This does it: import h5py, numpy; .*\.T; numpy"):
        load_data(tmp_path / "x.mat")


@pytest.mark.parametrize(
    "spoil", [lambda whole: whole[:150], lambda whole: b"none", lambda whole: whole[:140] + b"?" * 90]
)
def test_a_broken_file_is_refused_by_name(tmp_path, spoil):
    path = mat(tmp_path, x=X)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BadData, match=r"x\.mat"):
        load_data(path)


def test_what_memory_does_not_hold_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = mat(tmp_path, x=np.zeros((500, 500)))
    monkeypatch.setattr(main_memory, "available", lambda: 10**6)
    monkeypatch.setattr(scipy.io, "loadmat", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(Refused, match=r"the array x of shape \(500, 500\) would take 3000000 bytes"):
        load_data(path)
