"""IDX and .npy files: read as they were written, and refused in one line where they cannot be."""

import gzip
import struct

import numpy as np
import pytest
import torch

from termwise.data import load_data
from termwise.errors import BadData, Refused

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 5, 4), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 30, dtype=np.uint8)


def idx(array: np.ndarray, code: int = 8) -> bytes:
    return struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mnist_folder(folder, pack=gzip.compress, suffix=".gz", parts=(("train", slice(0, 24)), ("t10k", slice(24, 30)))):
    for part, rows in parts:
        (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(IMAGES[rows])))
        (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(LABELS[rows])))
    return folder


@pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, ".gz"), (bytes, "")], ids=["gzipped", "plain"])
def test_an_idx_folder_keeps_its_own_split(tmp_path, pack, suffix):
    data = load_data(mnist_folder(tmp_path, pack, suffix), validation=0.25)
    assert data.shape == (1, 5, 4)
    assert torch.equal(data.test.tensor()[:, 0], torch.from_numpy(IMAGES[24:]) / 255)
    assert data.test.labels.tolist() == LABELS[24:].tolist()
    assert (len(data.train), len(data.validation)) == (18, 6)
    together = torch.cat([data.train.positions, data.validation.positions])
    assert together.sort().values.tolist() == list(range(24))
    assert data.name == tmp_path.name


def test_an_idx_folder_with_one_part_is_split_at_random(tmp_path):
    data = load_data(mnist_folder(tmp_path, parts=(("train", slice(0, 30)),)))
    assert (len(data.train), len(data.test)) == (24, 6)
    assert data.labels.tolist() == LABELS.tolist()


def test_one_idx_file_finds_its_labels_beside_it(tmp_path):
    mnist_folder(tmp_path, bytes, "")
    data = load_data(str(tmp_path / "t10k-images-idx3-ubyte"), test=0.0)
    assert torch.equal(data.tensor()[:, 0], torch.from_numpy(IMAGES[24:]) / 255)
    assert data.labels.tolist() == LABELS[24:].tolist()


def test_idx_floats_are_big_endian_numbers(tmp_path):
    x = RNG.normal(size=(6, 3)).astype(np.float32)
    (tmp_path / "floats.idx").write_bytes(idx(x.astype(">f4"), code=0x0D))
    assert torch.equal(load_data(tmp_path / "floats.idx", test=0.0).tensor(), torch.from_numpy(x))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(idx(IMAGES))[:-20], "cannot be read"),
        (gzip.compress(idx(IMAGES))[:100] + b"\0" * 40, "cannot be read"),
        (idx(IMAGES)[:-1], "expected 616 bytes"),
        (idx(IMAGES) + b"\0", "got 617"),
        (idx(IMAGES)[:7], "bytes"),
        (idx(IMAGES[:0]), "N >= 1"),
        (idx(LABELS), "one shape"),
        (b"hello, world", "another kind"),
        (b"", "empty file"),
    ],
)
def test_a_broken_idx_file_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(BadData, match=rf"{path.name}.*{message}"):
        load_data(path)


def test_an_idx_file_is_unzipped_no_further_than_it_says_it_is_long(tmp_path, monkeypatch):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(IMAGES) + bytes(2**26)))
    read = []
    plain = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: read.append(size) or plain(self, size))
    with pytest.raises(BadData, match="expected 616 bytes"):
        load_data(path)
    assert 0 < max(read) < 1000 and min(read) > 0
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 10**9, 1000, 1000)))
    with pytest.raises(Refused, match=r"an array of shape \(1000000000, 1000, 1000\) would take"):
        load_data(path)


def test_idx_labels_must_be_as_many_as_the_images(tmp_path):
    mnist_folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:3])))
    with pytest.raises(BadData, match=r"t10k-labels.*expected 6 labels"):
        load_data(tmp_path)


def test_an_npy_file_is_held_or_streamed_with_the_same_batches(tmp_path):
    for name, x in (("pixels", IMAGES), ("bits", IMAGES % 2), ("reals", RNG.normal(size=(30, 7)))):
        np.save(tmp_path / f"{name}.npy", x)
        held = load_data(tmp_path / f"{name}.npy")
        streamed = load_data(tmp_path / f"{name}.npy", memory_limit=100)
        assert held.in_memory
        assert not streamed.in_memory
        assert held.name == name
        order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
        for a, b in zip(held.train.batches(7, order), streamed.train.batches(7, order), strict=True):
            assert torch.equal(a.x, b.x)
        assert held.fingerprint() == streamed.fingerprint()
        assert held.value_range() == streamed.value_range()
        assert torch.equal(
            held.test.tensor(), load_data(tmp_path / f"{name}.npy", memory_limit=1, num_workers=1).test.tensor()
        )


def test_pixels_that_turn_out_not_to_be_binary_while_streaming_are_refused(tmp_path):
    x = np.zeros((500, 4, 4), dtype=np.uint8)
    x[3] = 200  # not among the few that are looked at while loading
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(BadData, match="got 200"):
        load_data(tmp_path / "x.npy", memory_limit=1, test=0.0).tensor()


class Trap:
    """Fails the test where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_python_objects_in_numpy_files_are_never_loaded(tmp_path):
    trap = np.array([[Trap()], [Trap()]], dtype=object)
    np.save(tmp_path / "x.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "x.npz", x=trap)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(BadData, match=rf"{name}.*never loaded"):
            load_data(tmp_path / name)


@pytest.mark.parametrize("memory_limit", [None, 1])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda whole: whole[:-9], "cannot be read"),
        (lambda whole: whole[:20], "cannot be read"),
        (lambda whole: b"not an array at all", "another format"),
        (lambda whole: b"", "empty file"),
    ],
)
def test_a_broken_npy_file_is_refused_by_name(tmp_path, spoil, message, memory_limit):
    path = tmp_path / "x.npy"
    np.save(path, IMAGES)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BadData, match=rf"x\.npy.*{message}"):
        load_data(path, memory_limit=memory_limit)


@pytest.mark.parametrize("x", [np.zeros(5), np.zeros((0, 3)), np.float32(1), np.array([["a"]] * 3)])
def test_an_npy_file_of_another_shape_or_kind_is_refused(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(BadData, match=r"x\.npy: expected"):
        load_data(tmp_path / "x.npy")


def test_npy_and_npz_called_by_each_others_names_are_told_apart(tmp_path):
    with (tmp_path / "x.npy").open("wb") as file:
        np.savez(file, x=IMAGES)
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(BadData, match=r"Call it \.npz"):
        load_data(tmp_path / "x.npy")
    with pytest.raises(BadData, match=r"Call it \.npy"):
        load_data(tmp_path / "x.npz")
