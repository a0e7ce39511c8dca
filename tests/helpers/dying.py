"""A process that dies at its n-th dealing with the disk, so that every moment of a crash can be tried in turn."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

DEALINGS = ("open", "fsync", "replace", "unlink", "rmdir", "mkdir")


class Died(BaseException):
    """No handler of errors is meant to catch it, and after it nothing is written any more."""


class Life:
    """Counts the dealings with a folder's files, and ends before number `last` of them, from 0."""

    def __init__(self, folder: Path, last: int) -> None:
        self.folder, self.last, self.count = str(folder), last, 0

    def lived(self, name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def dealing(first: Any, *more: Any, **named: Any) -> Any:
            if name != "fsync" and not self.concerns(first, name, *more):
                return original(first, *more, **named)
            self.count += 1
            if self.count > self.last:
                if name == "fsync" and self.count == self.last + 1:
                    tear(first)
                raise Died
            return original(first, *more, **named)

        return dealing

    def concerns(self, path: Any, name: str, flags: int = 0, *more: Any) -> bool:
        """Whether a file in the folder is changed by it; the lock, which the system releases, is left out."""
        changes = name != "open" or flags & (os.O_WRONLY | os.O_RDWR)
        return bool(changes) and str(path).startswith(self.folder) and not str(path).endswith(".lock")


def tear(descriptor: int) -> None:
    """Leave the last bytes out, as a file may be that was not yet made sure of."""
    try:
        os.ftruncate(descriptor, max(0, os.fstat(descriptor).st_size - 7))
    except OSError:  # a folder, or read only
        return


@contextmanager
def dying(folder: Path, last: int) -> Iterator[Life]:
    """Die before the dealing number `last`; what is run within raises `Died`, if it gets so far."""
    life = Life(folder, last)
    patches = [patch.object(os, name, life.lived(name)) for name in DEALINGS]
    for one in patches:
        one.start()
    try:
        yield life
    finally:
        for one in patches:
            one.stop()
