"""Independent pieces of one computation, on as many threads as PyTorch may use.

PyTorch cuts every operation among its threads and waits for the slowest, thousands of times over; on a machine that
has other work to do each wait is long. Here every thread does whole pieces by itself. The threads are started once and
kept: a start costs as much as a small piece.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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
    pending: list[Future[Piece]] = []
    try:
        pending = [_pool(threads).submit(_alone, task) for task in tasks]
        for piece in pending:
            yield piece.result()
    finally:
        for piece in pending:
            piece.cancel()
        wait(pending)
        torch.set_num_threads(allowed)  # some of PyTorch's libraries have one setting for all threads


def _alone(task: Callable[[], Piece]) -> Piece:
    """What a task gives on one thread."""
    torch.set_num_threads(1)
    return task()


_pools: dict[int, ThreadPoolExecutor] = {}
"""Threads that wait for pieces, by how many they are."""


def _pool(threads: int) -> ThreadPoolExecutor:
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="termwise")
    return _pools[threads]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # a child has none of its parent's threads
