"""Random numbers of one's own: from a seed, for one use, and the generators left as they were."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from termwise.data.generators import generators_as_they_were


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Random numbers from `seed`, and the generators of torch, numpy and Python as they were afterwards.

    Other threads that ask for their own wait for their turn, since all share these generators (`data/generators.py`).

    They are not those of torch.manual_seed(seed): examples made with the same seed would share their noise with codes.

    Example:
        >>> import torch
        >>> def number():
        ...     with own_randomness(seed=0):
        ...         return float(torch.rand(()))
        >>> number() == number()
        True
    """
    with generators_as_they_were(seed=seed_for(seed, "codes")):
        yield


def seed_for(seed: int, use: str) -> int:
    """A seed for one use, so that what has the same seed and another use does not get the same random numbers.

    Example:
        >>> seed_for(0, "codes"), seed_for(0, "examples")
        (3853369677, 2077273413)
    """
    return (seed * 0x9E3779B1 + zlib.crc32(use.encode())) % 2**32  # one to one on the 32 bits that a seed has
