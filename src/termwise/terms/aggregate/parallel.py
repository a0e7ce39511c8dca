"""Independent pieces of one computation, on as many threads as PyTorch may use.

PyTorch cuts every operation among its threads and waits for the slowest, thousands of times over; on a machine that
has other work to do each wait is long. Here every thread does whole pieces by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")

WORTH_A_THREAD = 2**20
"""Exponentials from which several threads are worth their start."""


def threads_for(work: int, device: torch.device) -> int:
    """How many threads to share so many exponentials among: one, where they are few, or not on the CPU."""
    return torch.get_num_threads() if device.type == "cpu" and work > WORTH_A_THREAD else 1


def one_by_one(tasks: Sequence[Callable[[], Piece]], threads: int) -> Iterator[Piece]:
    """The results of tasks, in their order: from the caller's thread, or from several, each computing by itself."""
    if min(threads, len(tasks)) < 2:
        for task in tasks:
            yield task()
        return
    allowed = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(lambda task: task(), tasks)
    finally:
        torch.set_num_threads(allowed)  # some of PyTorch's libraries have one setting for all threads
