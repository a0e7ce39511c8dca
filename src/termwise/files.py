"""Files that are there whole, or not at all: written beside, and then swapped in.

A file is written under a name that nobody can have foreseen, made sure of on the disk, and takes its place by being
renamed. So a crash leaves the old file or the new one, and what lies at the place, a link too, is replaced and never
written through. What a crash leaves beside ends in `.part`.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from os import PathLike
from pathlib import Path

from termwise.errors import Refused

PART = ".part"
"""How the names of files end that are being written."""

RUNS_OWN = (
    "config.toml",
    "metrics.jsonl",
    "checkpoints/*",
    "model/*",
    "account.*",
    "checksums.json",
    "report.html",
    "quality*.json",
    "attributes.*",
    "attributes-*.png",
    "tracking.json",
    "tensorboard/*",
    "unfinished/*",
    "finished/*",
)
"""The files of a run folder that are the run's own; any other in it is a user's."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has none, and makes links for administrators alone


def write_whole(path: str | PathLike[str], content: bytes, before: Path | None = None) -> None:
    """Write a file such that, whatever happens, there is the old one or the new one, whole.

    Args:
        path: Where; in a folder that exists.
        content: All that the file will hold.
        before: Where the old one is kept, in the same folder; it is lost where left out.

    Raises:
        OSError: It cannot be written, for want of room or of rights. It names the file, and leaves nothing beside.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "answer.txt"
        >>> write_whole(path, b"42")
        >>> path.read_bytes(), len(list(path.parent.iterdir()))
        (b'42', 1)
    """
    path = Path(path)
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}{PART}")
    try:
        _create(beside, content)
        if before is not None and path.exists():
            path.replace(before)
        beside.replace(path)
        _settle(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None


def checked_place(
    path: str | PathLike[str], what: str, endings: Sequence[str], needed: Iterable[str | PathLike[str]] = ()
) -> Path:
    """Where somebody wants something to be written, once it has shown that nothing is lost by it.

    Args:
        path: The file that they name.
        what: What is written there, as the beginning of a sentence: "Pages are".
        endings: How its name may end.
        needed: Files that must stay as they are, such as data; of a folder all in it.

    Raises:
        Refused: Its name ends otherwise; there is no such folder; or it is one, a file of a run's own, or needed.

    Example:
        >>> checked_place("page.txt", "Pages are", [".html", ".htm"])
        Traceback (most recent call last):
        termwise.errors.Refused: Pages are written to .html or .htm; got 'page.txt'.
    """
    place = Path(path)
    if place.suffix not in endings:
        *most, last = endings
        raise Refused(f"{what} written to {', '.join(most)} or {last}; got {place.name!r:.100}.")
    check_folder(place)
    free = f"Choose another name, such as {place.with_name(f'made-{place.name}')}."
    if (run := _run_of(place)) is not None:
        raise Refused(f"{place} is a file of the run in {run}, which would be lost. {free}")
    if any(_is_or_holds(Path(one), place) for one in needed):
        raise Refused(f"{place} is where the data are, which would be lost. {free}")
    return place


def check_folder(place: Path) -> None:
    """Raise Refused where a file cannot be, for want of a folder, or since there is one of its name."""
    if place.is_dir():
        raise Refused(f"{place} is a folder: name a file in it, such as {place / 'made'}{place.suffix}.")
    if not place.parent.is_dir():
        raise Refused(f"There is no folder {place.parent}: make it, mkdir -p {place.parent}, or name another.")


def _run_of(place: Path) -> Path | None:
    """The run folder of whose own files this is one."""
    place = place.parent.resolve() / place.name
    for folder in place.parents:
        inner = place.relative_to(folder).as_posix()
        if any(fnmatch(inner, own) for own in RUNS_OWN) and all((folder / own).is_file() for own in RUNS_OWN[:2]):
            return folder
    return None


def _is_or_holds(needed: Path, place: Path) -> bool:
    """Whether a place is that of something that is needed, or of a file that is in it."""
    return place.exists() and (
        place.samefile(needed) if needed.is_file() else needed.resolve() in place.resolve().parents
    )


def append(path: Path, content: bytes) -> int:
    """Add to a file's end, which must be no link; returns how long it is then, in bytes."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK, 0o666)
        with os.fdopen(descriptor, "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            return file.tell()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def refuse_link(path: Path) -> None:
    """Raise Refused where a folder to write in is a link, by which files would be written elsewhere."""
    if path.is_symlink():
        raise Refused(f"{path} is a link, and what is written there would leave the folder. Put a folder in its place.")


def move(source: Path, target: Path) -> None:
    """Let a file, or a folder where none is, change its place for another on the same disk."""
    source.replace(target)
    _settle(target.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it; what is not there is no matter. No link is followed."""
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            remove(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def remove_parts(folders: Iterable[Path]) -> None:
    """Remove what writers that were cut short have left beside; for who knows that nobody writes there."""
    for folder in folders:
        for part in folder.glob(f".*{PART}") if folder.is_dir() and not folder.is_symlink() else ():
            remove(part)


def sha256_of(path: Path) -> str:
    """The SHA-256 of what a file holds, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create(path: Path, content: bytes) -> None:
    """A new file, where there must be none, with the rights that any file has."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Make sure of the names in a folder on the disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems know no such thing
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
