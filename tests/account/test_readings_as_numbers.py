"""A reading where a number is expected, and one by dimension where an array is."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from termwise.account.reading import reading_by_dimension, reading_of

VALUES = torch.tensor([[2.0, 0.0, 1.0], [4.0, 1.0, 1.5]])
HOW = {"estimator": "by hand", "bias": "unbiased"}
RATE, BY_DIMENSION = reading_of(VALUES.sum(1), "rate", **HOW), reading_by_dimension(VALUES, "rate_by_dimension", **HOW)


def test_a_reading_is_written_and_rounded_as_its_value():
    assert f"{RATE:.2f}" == "4.75" and f"{RATE}" == str(RATE) and f"{RATE:>8.1f}" == "     4.8"
    assert (round(RATE, 1), round(RATE)) == (4.8, 5) and isinstance(round(RATE), int)
    with pytest.raises(TypeError):
        RATE < 5.0  # noqa: B015  # of numbers with errors there is no order


def test_a_reading_by_dimension_is_an_array_and_a_row():
    array = np.asarray(BY_DIMENSION)
    assert array.dtype == np.float64 and array.tolist() == [3.0, 0.5, 1.25] == list(BY_DIMENSION)
    assert np.asarray(BY_DIMENSION, dtype=np.float32).dtype == np.float32
    assert (len(BY_DIMENSION), BY_DIMENSION[0], BY_DIMENSION[-1], BY_DIMENSION[1:]) == (3, 3.0, 1.25, [0.5, 1.25])
    assert torch.tensor(BY_DIMENSION).tolist() == BY_DIMENSION.value and max(BY_DIMENSION) == 3.0


def test_an_array_takes_what_is_not_known_as_nan():
    assert math.isnan(np.asarray(replace(BY_DIMENSION, value=[1.0, None]))[1])
