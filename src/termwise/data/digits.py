"""Handwritten digits that scikit-learn brings along."""

import torch

from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.data.generators import generators_as_they_were


def load_digits() -> Dataset:
    """The 1,797 handwritten digits bundled with scikit-learn, (1, 8, 8), sixteenths from 0 to 1, with labels."""
    with generators_as_they_were():  # as it is imported, rich draws a number
        from sklearn.datasets import load_digits as sklearn_digits  # takes a second: only those who want digits pay

    bunch = sklearn_digits()
    x = torch.from_numpy(bunch.images / 16).to(torch.float32).unsqueeze(1)  # (N, 1, 8, 8)
    return Dataset("digits", InMemory(x), Annotations(torch.from_numpy(bunch.target).to(torch.int64)))
