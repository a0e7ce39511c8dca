"""What all tests share: every test starts from one random state, and few threads, since xdist runs many at once."""

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
