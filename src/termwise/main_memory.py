"""Memory: what can still be had of it, and a refusal of what cannot fit, before it is tried.

A system may grant more than it has, and then ends the process without a word; so what is large is counted first.
"""

import os
from contextlib import suppress
from pathlib import Path

from termwise.errors import Refused


def available() -> int:
    """How many bytes this process can still have, as far as the system tells; a lot where it does not.

    Example:
        >>> available() > 2**20
        True
    """
    free = 1 << 62
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    with suppress(ImportError, OSError, ValueError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            free = min(free, limit - pages * os.sysconf("SC_PAGE_SIZE"))
    return free


def check_fits(size: int, what: str, remedy: str = "Ask for less.") -> None:
    """Raise Refused where so many bytes are more than can be had.

    Args:
        size: How many, at least.
        what: What needs them, as the beginning of a sentence: "The network".
        remedy: What to do, as a sentence.

    Example:
        >>> check_fits(10**20, "The network")
        Traceback (most recent call last):
        termwise.errors.Refused: The network would take 100000000000000000000 bytes, and ... can be had. Ask for less.
    """
    free = available()
    if size > free:
        raise Refused(f"{what} would take {size} bytes, and {free} can be had. {remedy}")
