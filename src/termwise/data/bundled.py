"""Data that are always at hand: scikit-learn's digits, and four points whose theory is known."""

import torch

from termwise.data.annotations import Known
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory


def load_digits() -> Dataset:
    """The 1,797 handwritten digits bundled with scikit-learn, (1, 8, 8), sixteenths from 0 to 1, with labels."""
    from sklearn.datasets import load_digits as sklearn_digits  # takes a second: only those who want digits pay

    bunch = sklearn_digits()
    x = torch.from_numpy(bunch.images / 16).to(torch.float32).unsqueeze(1)  # (N, 1, 8, 8)
    return Dataset("digits", InMemory(x), Known(torch.from_numpy(bunch.target).to(torch.int64)))


def load_four_points() -> Dataset:
    """The four one-hot x of four dimensions, labelled 0 to 3: all of them train, and all of them test."""
    everything = torch.arange(4)
    return Dataset(
        "four-points", InMemory(torch.eye(4)), Known(everything), splits={"train": everything, "test": everything}
    )
