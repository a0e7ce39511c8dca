"""What files hold, read with bounds, and without running anything: bytes, JSON, arrays.

A file of a run may be torn, of another kind, or made to hurt: endless, deep, or larger than it looks. So it is read
only if it is a file, of a size that can be; and whatever a reader raises becomes one message, with the file's name.
"""

import io
import json
import stat
import zipfile
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from termwise.errors import BadData, in_short
from termwise.main_memory import available

T = TypeVar("T")

MOST_TEXT = 1 << 28
"""The bytes of JSON, TOML and the like that are read, at most: a quarter of a gigabyte."""

MOST_ARRAYS = 1 << 32
"""The bytes that the arrays of one file may take in memory."""


def unreadable(path: str | PathLike[str], what: str, why: object, remedy: str) -> BadData:
    """The error of a file that cannot be read: which it is, what it should be, why it is not, and what to do."""
    reason = f"it is {'deeper' if isinstance(why, RecursionError) else 'larger'} than memory allows"
    if not isinstance(why, RecursionError | MemoryError):
        reason = " ".join(str(why).split())[:300].rstrip(".") or type(why).__name__
    return BadData(f"{path} is no {what} that can be read: {reason}. {remedy}")


def exists(path: str | PathLike[str]) -> bool:
    """Whether there is something at a path; what cannot be one, for its length or its characters, leads nowhere.

    Example:
        >>> exists("/"), exists("a" * 5000), exists("a\\0b")
        (True, False, False)
    """
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def read_bytes(path: str | PathLike[str], what: str, remedy: str, most: int = MOST_TEXT) -> bytes:
    """All that a file holds.

    Args:
        path: The file; a link to one is followed, a folder, a pipe or a device is none.
        what: What it should be, in the singular: "account".
        remedy: What to do where it cannot be read, as a sentence.
        most: The bytes that it may have.

    Raises:
        BadData: It is no file, cannot be read, or is too large.

    Example:
        >>> read_bytes("/dev/zero", "account", "Measure again.")
        Traceback (most recent call last):
        termwise.errors.BadData: /dev/zero is no account that can be read: it is not a file. Measure again.
    """
    try:
        check_file(path, what, remedy, most)
        return Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, what, error.strerror or error, remedy) from None


def check_file(path: str | PathLike[str], what: str, remedy: str, most: int | None = None) -> None:
    """Raise BadData where a path leads to no file, as `read_bytes` says, or to one of more than `most` bytes."""
    try:
        about = Path(path).stat()
    except (OSError, ValueError) as error:  # a name with a character of code 0 is a ValueError
        raise unreadable(path, what, getattr(error, "strerror", None) or error, remedy) from None
    most = available() if most is None else most
    if not stat.S_ISREG(about.st_mode):
        raise unreadable(path, what, "it is not a file", remedy)
    if about.st_size > most:
        raise unreadable(path, what, f"it has {about.st_size} bytes, and may have {most}", remedy)


def read_json(path: str | PathLike[str], kind: type[T], what: str, remedy: str) -> T:
    """What a file of JSON holds, as a kind of value has it.

    Args:
        path, what, remedy: As `read_bytes` takes them.
        kind: What it must hold, for pydantic.

    Raises:
        BadData: It is no JSON, or of another kind; the message says where.
    """
    return parse_json(read_bytes(path, what, remedy), kind, path, what, remedy)


def parse_json(text: bytes, kind: type[T], path: str | PathLike[str], what: str, remedy: str) -> T:
    """What a text of JSON says, as a kind of value has it; `path` is for the message."""
    try:
        content = json.loads(text.decode())
        checked: T = _adapter(kind).validate_python(content)  # type: ignore[arg-type]
        return checked
    except ValidationError as error:
        mistake = error.errors()[0]
        at = ".".join(map(str, mistake["loc"])) or "all of it"
        why = f"{at}: {mistake['msg']}; got {in_short(mistake['input'], 60)}"
        raise unreadable(path, what, why, remedy) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise unreadable(path, what, error, remedy) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read_arrays(path: str | PathLike[str], what: str, remedy: str) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an .npz file, by name; never a pickle.

    Raises:
        BadData: It is no such file, is damaged, or holds more than memory should.
    """
    content = io.BytesIO(read_bytes(path, what, remedy, most=MOST_ARRAYS))
    try:
        with zipfile.ZipFile(content) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MOST_ARRAYS:
            raise unreadable(path, what, f"its arrays would take {size} bytes, and may take {MOST_ARRAYS}", remedy)
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except BadData:
        raise
    except Exception as error:  # zip, numpy and zlib have errors of their own, and no common one
        raise unreadable(path, what, error, remedy) from None
