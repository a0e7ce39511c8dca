"""A small data set and two runs that every case has copies of; they are made once."""

import pytest
import torch

from helpers.fuzzed import make_run


@pytest.fixture(scope="session")
def beside(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("beside")
    make_run(path)
    return path
