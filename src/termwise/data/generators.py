"""The random generators of torch, numpy and Python, which all threads of a process share; and processes that fork.

A thread that seeds or saves a shared generator would move another's random numbers. So whatever here draws from them
from a seed holds one lock meanwhile: in threads of their own, trainings and measurings take turns, and each gives what
it gives alone. For several at once there are processes. What a caller's other threads draw is not held up.

A process forked from one in which PyTorch has computed on several threads would wait for ever in its first operation,
for its threads are not copied (GNU OpenMP); so a fork computes on one thread, as PyTorch's own data loaders do.
"""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch

_turn = threading.RLock()


def turn() -> AbstractContextManager[bool]:
    """The lock that whoever seeds or saves the shared generators holds; a thread that has it may ask for it again.

    Example:
        >>> with turn(), turn():
        ...     pass
    """
    return _turn


@contextmanager
def generators_as_they_were(*, seed: int | None = None) -> Iterator[None]:
    """The shared generators for one thread alone, from a seed where there is one, and afterwards as they were.

    Example:
        >>> torch.manual_seed(0).initial_seed()
        0
        >>> with generators_as_they_were(seed=1):
        ...     inside = torch.rand(3)
        >>> torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(0)))
        True
    """
    with _turn:
        numpy_state, python_state = np.random.get_state(), random.getstate()
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                if seed is not None:
                    seed_all(seed)
                yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def seed_all(seed: int) -> None:
    """Seed every generator that networks and data of a user's own may draw from, torch's, numpy's and Python's."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _in_a_fork() -> None:
    global _turn
    _turn = threading.RLock()  # whoever held it is not in this process
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_fork)
