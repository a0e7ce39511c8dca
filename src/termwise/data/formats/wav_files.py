"""Sounds in .wav files, as numbers from -1 to 1: a file an example, or each window of a file."""

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.io.wavfile
import torch

from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import in_memory_examples
from termwise.data.formats.folder_structure import FolderStructure, folder_structure
from termwise.errors import BadData
from termwise.main_memory import check_fits
from termwise.values import Count


def is_wav(path: Path) -> bool:
    """Whether a path is a .wav file, or a folder with one in it or below it."""
    if path.is_dir():
        return any(True for _ in _files(path))
    return path.suffix.lower() == ".wav" and path.is_file()


def load_wav(path: Path, *, window: Count | None = None) -> Dataset:
    """Sounds (T,), or (C, T) of several channels: each file of a folder, in order of their paths, or windows of them.

    Subfolders are labels, or parts, as of a folder of images.

    Args:
        path: The folder, or one file.
        window: Samples an example: each file is cut into as many as it has, and what is left over is left out. Files
            are whole where left out, and must be equally long.
    """
    paths = sorted(_files(path)) if path.is_dir() else [path]
    check_fits(4 * sum(one.stat().st_size for one in paths), f"{path}, in memory,", "Load a part of it.")
    sounds, rates = [], []
    for one in paths:
        rate, sound = _read(one)
        sounds.append(sound)
        rates.append(rate)
    _check_alike(paths, [f"{rate} Hz, {len(sound)} channels" for rate, sound in zip(rates, sounds, strict=True)], "")
    lengths = [sound.shape[1] for sound in sounds]
    structure = folder_structure(path, paths) if path.is_dir() else FolderStructure(None, (), {})
    notes = [f"Sounds at {rates[0]} Hz, from -1 to 1.", *structure.notes]
    counts = [1] * len(paths)
    if window is None:
        if len(paths) == 1:
            raise BadData(
                f"{path}: expected several sounds, or window=, got one of {lengths[0]} samples at {rates[0]} Hz. An "
                f"example of each second is window={rates[0]} (--set data.window={rates[0]})."
            )
        remedy = f" Cut them into examples of equal length: window={min(lengths)} (--set data.window={min(lengths)})."
        _check_alike(paths, [f"{length} samples" for length in lengths], remedy)
    else:
        counts = [length // window for length in lengths]
        if not sum(counts):
            raise BadData(f"{path}: expected sounds of {window} samples or more, got at most {max(lengths)}.")
        left = sum(length % window for length in lengths)
        notes.append(f"{sum(counts)} windows of {window} samples; {left} samples that are left over are left out.")
        sounds = [
            sound[:, : count * window].reshape(len(sound), count, window).swapaxes(0, 1)
            for sound, count in zip(sounds, counts, strict=True)
        ]
    x = np.stack(sounds) if window is None else np.concatenate(sounds)  # (N, C, T)
    owner = torch.arange(len(paths)).repeat_interleave(torch.tensor(counts))
    labels = None if structure.labels is None else structure.labels[owner]
    splits = {name: torch.isin(owner, those).nonzero().squeeze(1) for name, those in structure.splits.items()}
    name = path.name if path.is_dir() else path.stem
    examples = in_memory_examples(x.squeeze(1) if x.shape[1] == 1 else x, str(path))
    return Dataset(name, examples, Annotations(labels, structure.label_names), splits=splits, notes=tuple(notes))


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == ".wav" and not path.name.startswith(".") and path.is_file()
    ]


def _read(path: Path) -> tuple[int, np.ndarray]:
    """The rate in Hz, and the sound, (C, T) float32."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", scipy.io.wavfile.WavFileWarning)  # chunks beside the sound
            rate, sound = scipy.io.wavfile.read(path)
    except Exception as error:  # a file that is torn raises a dozen kinds
        reason = str(error).rstrip(".") or type(error).__name__
        raise BadData(f"{path}: cannot be read as a .wav file: {reason}. Replace or remove it.") from None
    if not sound.size:
        raise BadData(f"{path}: expected a sound, got one of no samples. Remove it.")
    kind = sound.dtype
    sound = sound.reshape(len(sound), -1).T.astype(np.float32)
    if kind == np.uint8:
        sound = (sound - 128) / 128
    elif kind.kind == "i":
        sound /= np.float32(2.0 ** (8 * kind.itemsize - 1))
    return int(rate), sound


def _check_alike(paths: list[Path], about: list[str], remedy: str) -> None:
    """Raise BadData unless the same is to be said of all files."""
    usual = Counter(about).most_common(1)[0][0]
    for path, one in zip(paths, about, strict=True):
        if one != usual:
            raise BadData(f"{path}: expected every sound to be of {usual}, as the others are, got {one}.{remedy}")
