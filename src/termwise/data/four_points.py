"""Four points, of which it is known what a model should learn of them (`termwise.worlds.best_four_points`)."""

import torch

from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.values import Count


def load_four_points(*, copies: Count = 1) -> Dataset:
    """The four one-hot x of four dimensions, labelled 0 to 3: all of them train, and all of them test.

    Args:
        copies: How often each of them trains in an epoch, so that batches can be larger than four.
    """
    positions = torch.arange(4)
    splits = {"train": positions.repeat(copies), "test": positions}
    return Dataset("four-points", InMemory(torch.eye(4)), Annotations(positions), splits=splits)
