"""Pixels that took long to make, kept in a .npy file of uint8: it is there whole, or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from uuid import uuid4

import numpy as np

from termwise.data.formats.array_files import MappedArray
from termwise.errors import BadData

_MAY_WRITE: ContextVar[bool] = ContextVar("may_write", default=True)


@contextmanager
def caches_as_they_are() -> Iterator[None]:
    """Within, no cache is written: of data that somebody else's file names, who may have written any path there."""
    token = _MAY_WRITE.set(False)
    try:
        yield
    finally:
        _MAY_WRITE.reset(token)


def may_write() -> bool:
    """Whether caches may be written here."""
    return _MAY_WRITE.get()


def is_written(path: Path) -> bool:
    """Whether a file is there and can be mapped whole."""
    try:
        return isinstance(MappedArray(path).array, np.ndarray)
    except BadData:
        return False


def write(path: Path, shape: tuple[int, ...], rows: Iterable[np.ndarray]) -> None:
    """Write an array, given row by row, under another name, which it changes for its own at the end.

    Args:
        path: The file, in a folder that exists.
        shape: Of the array, (N, ...).
        rows: N arrays of uint8.

    Raises:
        BadData: It cannot be written.
    """
    part = path.with_name(f"{path.name}.{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for row in rows:
                file.write(row.tobytes())  # through a map, a full disk would kill the process
        part.replace(path)
    except OSError as error:
        raise BadData(
            f"{path}: the cache of {np.prod(shape, dtype=object):,} bytes cannot be written: {error}. "
            "Give an existing folder with room for it as cache=."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
