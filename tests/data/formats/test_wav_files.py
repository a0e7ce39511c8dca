"""Sounds: whole files of one length, or windows of them, from -1 to 1."""

import numpy as np
import pytest
import scipy.io.wavfile
import torch

from termwise.data import load_data
from termwise.errors import BadData

RNG = np.random.default_rng(0)
SOUNDS = RNG.integers(-(2**15), 2**15, (6, 40)).astype(np.int16)


def wav(folder, sounds, names=None, rate=8000):
    for position, sound in enumerate(sounds):
        path = folder / (names[position] if names else f"{position}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        scipy.io.wavfile.write(path, rate, sound)
    return folder


@pytest.mark.parametrize(
    ("dtype", "centre", "span"),
    [(np.uint8, 128, 128), (np.int16, 0, 2**15), (np.int32, 0, 2**31), (np.float32, 0, 1), (np.float64, 0, 1)],
)
def test_sounds_of_any_depth_lie_from_minus_one_to_one(tmp_path, dtype, centre, span):
    kept = (RNG.uniform(-1, 1, (4, 30)) * (span - 1) + centre).astype(dtype)
    data = load_data(wav(tmp_path, kept), test=0.0)
    assert torch.allclose(data.tensor(), torch.from_numpy((kept.astype(float) - centre) / span).float(), atol=1e-6)
    assert data.notes == ("Sounds at 8000 Hz, from -1 to 1.",)


def test_channels_come_first_and_folders_are_labels_and_parts(tmp_path):
    stereo = np.stack([SOUNDS, SOUNDS[::-1]], axis=2)  # (6, T, 2)
    names = [
        f"{part}/{kind}/{n}.wav" for part, n in (("train", 1), ("train", 2), ("test", 1)) for kind in ("bee", "fly")
    ]
    data = load_data(wav(tmp_path, stereo, names))
    assert data.shape == (2, 40)
    assert torch.allclose(data.test.tensor(), torch.from_numpy(stereo[4:].transpose(0, 2, 1) / 2**15).float())
    assert (data.label_names, data.test.labels.tolist()) == (("bee", "fly"), [0, 1])


def test_windows_are_cut_and_what_is_left_over_is_said(tmp_path):
    data = load_data(wav(tmp_path, [SOUNDS[0], SOUNDS[1][:25]], ["a/0.wav", "b/1.wav"]), window=12, test=0.0)
    wanted = np.concatenate([SOUNDS[0][:36].reshape(3, 12), SOUNDS[1][:24].reshape(2, 12)]) / 2**15
    assert torch.allclose(data.tensor(), torch.from_numpy(wanted).float())
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.notes[1] == "5 windows of 12 samples; 5 samples that are left over are left out."
    one = load_data(tmp_path / "a" / "0.wav", window=10, test=0.0)
    assert torch.allclose(one.tensor().flatten(), torch.from_numpy(SOUNDS[0] / 2**15).float())


def test_windows_keep_to_the_part_of_their_file(tmp_path):
    data = load_data(wav(tmp_path, SOUNDS[:2], ["train/a.wav", "test/a.wav"]), window=10)
    assert torch.allclose(data.train.tensor().flatten(), torch.from_numpy(SOUNDS[0] / 2**15).float())


def test_what_cannot_be_used_is_refused_with_what_would_do(tmp_path):
    wav(tmp_path, SOUNDS)
    with pytest.raises(BadData, match=r"one of 40 samples at 8000 Hz\. .*window=8000 \(--set data\.window=8000\)"):
        load_data(tmp_path / "0.wav")
    with pytest.raises(BadData, match="50 samples or more, got at most 40"):
        load_data(tmp_path, window=50)
    wav(tmp_path, [SOUNDS[0][:30]], ["7.wav"])
    with pytest.raises(BadData, match=r"7\.wav: expected every sound to be of 40 samples.*got 30 samples\..*window=30"):
        load_data(tmp_path)
    wav(tmp_path, SOUNDS[:1], ["7.wav"], rate=4000)
    with pytest.raises(BadData, match=r"7\.wav: expected every sound to be of 8000 Hz, 1 channels.* got 4000 Hz"):
        load_data(tmp_path)
    for content in (b"RIFF", (tmp_path / "0.wav").read_bytes()[:40], b"no sound at all", b""):
        (tmp_path / "7.wav").write_bytes(content)
        with pytest.raises(BadData, match=r"7\.wav: (cannot be read as a \.wav file|expected a sound)"):
            load_data(tmp_path)
