"""Images whose colours come last are seen and said, whatever their numbers; a shape that could be both is refused."""

import numpy as np
import pytest
import torch

from termwise.data import load_data
from termwise.data.examples import channels_of
from termwise.errors import BadData

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8])
@pytest.mark.parametrize("colours", [1, 3])
def test_colours_that_come_last_are_seen_and_said(tmp_path, dtype, colours):
    x = RNG.integers(0, 256, (12, 9, 8, colours)).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    wanted = torch.from_numpy(x).movedim(-1, 1).float() / (255 if dtype == np.uint8 else 1)
    for source in (x, torch.from_numpy(x), tmp_path / "x.npy", tmp_path / "x.npz"):
        data = load_data(source)
        assert torch.equal(data.tensor(), wanted)
        assert f"x of shape (12, 9, 8, {colours}) is taken for images with their {colours} colour" in data.notes[0]
    assert torch.equal(load_data(tmp_path / "x.npy", memory_limit=1).tensor(), wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_colours_that_come_first_stay_there_and_nothing_is_said(dtype):
    x = RNG.integers(0, 256, (12, 3, 9, 8)).astype(dtype)
    assert load_data(x).shape == (3, 9, 8)
    assert load_data(x).notes == ()


def test_where_the_colours_lie_can_be_said(tmp_path):
    x = RNG.normal(size=(12, 9, 8, 3))
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    for source in (x, tmp_path / "x.npy", tmp_path / "x.npz"):
        data = load_data(source, channels="first")
        assert torch.equal(data.tensor(), torch.from_numpy(x).float())
        assert data.notes == ()
    assert load_data(x[:, :3], channels="last").shape == (3, 3, 8)
    assert load_data(RNG.integers(0, 9, (12, 9, 8, 4), dtype=np.uint8), channels="last").shape == (4, 9, 8)
    with pytest.raises(BadData, match=r"channels = 'middle' cannot be"):
        load_data(x, channels="middle")


@pytest.mark.parametrize(
    ("shape", "pixels", "place"),
    [
        ((5, 28, 28, 3), False, "last"),
        ((5, 3, 28, 28), False, "first"),
        ((5, 3, 28, 1), True, "last"),  # three rows of one colour; else three colours of one column
        ((5, 1, 28, 3), True, "first"),
        ((5, 3, 3, 1), True, "last"),
        ((5, 7, 7, 7), False, None),
        ((5, 1, 1, 1), False, None),
    ],
)
def test_a_picture_has_more_than_one_row_and_one_column(shape, pixels, place):
    assert channels_of(shape, pixels, "x") == place


@pytest.mark.parametrize(("shape", "dtype"), [((5, 3, 28, 3), np.float32), ((5, 1, 28, 1), np.uint8)])
def test_a_shape_that_could_be_both_is_refused_and_the_option_named(shape, dtype):
    with pytest.raises(BadData, match=r'could be either: say channels="first" or channels="last" \(--set'):
        load_data(np.zeros(shape, dtype))
    assert len(load_data(np.zeros(shape, dtype), channels="last").shape) == 3


def test_a_network_of_convolutions_sees_three_colours_and_not_twenty_eight():
    import termwise as tw

    data = load_data(RNG.random((12, 28, 28, 3), dtype=np.float32))
    assert tw.VAE.build(data.shape, 2, "conv").shape == (3, 28, 28)
