"""Text whose lines are rows, and whose cells are parted by commas, semicolons, tabs, bars or spaces."""

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from termwise.data.tables.raw import column_of_text, is_missing, is_number
from termwise.errors import BadData
from termwise.main_memory import available

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
"""What can part the cells of a line, by name."""

_LOOKED_AT = 200  # lines by which a separator and a header are known
_SWELLS = 12  # bytes of memory that a byte of text takes, at least, as cells
_CHUNK = 2**24


@dataclass(frozen=True)
class DelimitedText:
    """A table of text.

    Attributes:
        names: The columns' names, from the header, else "0", "1", ...; "" where the header has none.
        rows: The cells of each row, all as many as there are names.
        lines: The line of the file on which each row ends.
        separator: What parts the cells.
        notes: What it was taken for, where it could be taken for something else: a sentence each.
        classes: The names of classes that scikit-learn's files have on their first line.
        headed: Whether a line names the columns.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    headed: bool = True


def read_delimited(
    path: Path,
    *,
    header: bool | int | str = "auto",
    separator: str = "auto",
    encoding: str = "utf-8",
    skip: int = 0,
) -> DelimitedText:
    """The table in a file of text, plain or gzipped; `load_csv` says what the options mean.

    Raises:
        BadData: It cannot be read, or is no table.
    """
    where = str(path)
    all_lines = list(io.StringIO(_text(path, encoding), newline=""))
    first = skip if isinstance(header, bool | str) else max(skip, header - 1)
    notes: list[str] = []
    if header == "auto":
        first += _comments(all_lines[first:], separator)
    all_lines = all_lines[first:]
    if header == "auto" and all_lines:
        all_lines[0] = all_lines[0].lstrip("#").lstrip()  # a header, as numpy.savetxt writes one
    if not any(line.strip() for line in all_lines):
        raise BadData(f"{where}: expected rows of numbers, got an empty file.")
    parted = _separator(all_lines, separator)
    table = [(first + line, cells) for line, cells in _cells(all_lines, parted, where)]
    if empty := [line for line, cells in table if len(cells) > 1 and not any(map(str.strip, cells))]:
        table = [(line, cells) for line, cells in table if len(cells) < 2 or any(map(str.strip, cells))]
        notes.append(f"{len(empty)} lines have only empty cells, and are left out, the first of them line {empty[0]}.")
    (line, head), below = table[0], table[1:]
    width = Counter(len(cells) for _, cells in below or table).most_common(1)[0][0]
    classes: tuple[str, ...] = ()
    if header == "auto" and _counts(head, len(below), width):
        notes.append(f"Line {line}, {_shown(head)}, holds counts and the names of classes, and is no row.")
        classes = tuple(cell.strip() for cell in head[2:])
        (line, head), below = below[0], below[1:]
    if header == "auto" and len(head) == width - 1 > 1 and not any(map(is_number, head)):
        head = ["", *head]  # as R writes a table whose rows have names
    headed = _has_header(head, below, line, where, notes) if isinstance(header, str) else header is not False
    if headed:
        names = [cell.strip() for cell in head]
    else:
        names, below = [str(column) for column in range(len(head))], [(line, head), *below]
    _check(names, below, where, line)
    rows, lines = [cells for _, cells in below], [at for at, _ in below]
    return DelimitedText(names, rows, lines, parted, tuple(notes), classes, headed)


def _text(path: Path, encoding: str) -> str:
    """The characters of a file, gzipped or not, where memory will hold its cells."""
    most = available() // _SWELLS
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            content = bytearray()
            while chunk := file.read(_CHUNK):
                content += chunk
                if len(content) > most:
                    raise BadData(
                        f"{path}: its table is more than memory can hold: of text, {most} bytes. Take fewer rows, or "
                        "fewer columns; or write it as an array of float32 in an .npy file, which is read row by row."
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path}: cannot be read: {error}. Fetch it again.") from None
    try:
        return content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError:
        raise BadData(f"{path}: expected an encoding, such as latin-1 or utf-16, got {encoding!r}.") from None
    except UnicodeError as error:
        likely = "utf-16" if bytes(content[:2]) in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
        line = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise BadData(
            f"{path}, line {line}: cannot be read as text in {encoding.upper()}. If it is text, say what it was "
            f'written in: encoding="{likely}" (--set data.encoding={likely}). If it is numbers alone, this '
            f'does it: import numpy; x = numpy.fromfile("{path.name}", "float32"); '
            'numpy.save("x.npy", x.reshape(N, -1)); then load x.npy.'
        ) from None


def _comments(lines: Sequence[str], separator: str) -> int:
    """How many lines at the top begin with # and are comments: all, unless the last has a name for each column."""
    count = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if not 0 < count < len(lines):
        return 0
    parted = _separator(lines[count:], separator)
    names, cells = (_cells([line], parted, "") for line in (lines[count - 1].lstrip("#").lstrip(), lines[count]))
    return count - (bool(names and cells) and len(names[0][1]) == len(cells[0][1]) > 1)


def _separator(lines: Sequence[str], asked: str) -> str:
    """What parts the cells: what is asked for, else the first of tab, semicolon, bar, comma, space in all lines."""
    if asked != "auto":
        found = SEPARATORS.get(asked, "\t" if asked == "\\t" else asked)
        if len(found) != 1 or found in "\r\n\"'":
            raise BadData(f"Expected a separator of one character, or one of {', '.join(SEPARATORS)}; got {asked!r}.")
        return found
    sample = [line for line in lines[:_LOOKED_AT] if line.strip()]
    sample = sample[1:] or sample  # the first may be a title
    best, most = ",", 0.0
    for separator in ("\t", ";", "|", ",", " "):
        widths = Counter(len(cells) for _, cells in _cells(sample, separator, ""))
        width, lines_of_it = widths.most_common(1)[0]
        share = lines_of_it / max(1, sum(widths.values()))
        if width > 1 and share > most + 0.2:
            best, most = separator, share
    return best


def _cells(lines: Sequence[str], separator: str, where: str) -> list[tuple[int, list[str]]]:
    """The line number, from 1, and the cells of each row that is not blank."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")
    table = []
    try:
        for cells in reader:
            if separator == " ":
                cells = cells[:-1] if cells and not cells[-1] else cells
            if cells:
                table.append((reader.line_num, cells))
    except csv.Error as error:
        raise BadData(f"{where}: cannot be read as rows of cells: {error}.") from None
    return table


def _counts(first: list[str], rows: int, width: int) -> bool:
    """Whether a first line holds the number of rows and of features, and names of classes, as scikit-learn's files."""
    return len(first) > 2 and first[:2] == [str(rows), str(width - 1)] and not any(map(is_number, first[2:]))


def _has_header(first: list[str], below: list[tuple[int, list[str]]], line: int, where: str, notes: list[str]) -> bool:
    """Whether the first row names the columns: it has words over columns of numbers or dates, or numbers in order."""
    rows = [cells for _, cells in below if len(cells) == len(first)][:_LOOKED_AT]
    if not rows:
        return not all(is_number(cell) or is_missing(cell) for cell in first)
    words: list[str] = []
    numbers: list[str] = []
    for name, cells in zip(first, zip(*rows, strict=True), strict=True):
        kind = column_of_text(name, cells).kind
        if kind == "text" or is_missing(name) or all(map(is_missing, cells)):
            continue
        if kind == "bool" and name.strip().lower() in map(str.lower, cells):
            continue  # as y over y and n: a name, or a cell
        (numbers if column_of_text("", [name]).kind == kind else words).append(name.strip())
    if words and numbers:
        raise BadData(
            f"{where}, line {line}: it could name the columns, for {words[0]!r}, or be a row, for {numbers[0]!r}. Say "
            "which: header=True (--set data.header=true), or header=False."
        )
    if words:
        return True
    named = first[1:] if not first[0].strip() else first
    if numbers and _consecutive(named) and (named is not first or not all(map(_consecutive, rows))):
        notes.append(
            f"Line {line}, {_shown(first)}, is taken for the columns' names; header=False "
            "(--set data.header=false) makes it a row."
        )
        return True
    if numbers:
        return False
    columns = list(zip(*rows, strict=True))[len(first) - len(named) :]
    own = all(name.strip() and name not in cells for name, cells in zip(named, columns, strict=True))
    return own and len(set(first)) == len(first)


def _consecutive(cells: Sequence[str]) -> bool:
    """Whether cells are whole numbers, each one more than the one before, as 0, 1, 2."""
    if not all(cell.strip().isdigit() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) > (2 if numbers[0] else 0)


def _check(names: list[str], rows: list[tuple[int, list[str]]], where: str, first: int) -> None:
    if not rows:
        raise BadData(f"{where}: expected rows below the header, got none.")
    for line, cells in rows:
        if len(cells) != len(names):
            usual = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
            odd, got = (line, len(cells)) if usual == len(names) else (first, len(names))
            remedy = (
                f" If the table begins below it, skip it: skip={odd} (--set data.skip={odd})."
                if odd == first
                else ' Mend the line; or say what parts the cells: separator=";" (--set data.separator=semicolon), say.'
            )
            raise BadData(f"{where}, line {odd}: expected {usual} cells, as the others have, got {got}.{remedy}")
    given = [name for name in names if name]
    if len(set(given)) < len(given):
        raise BadData(
            f"{where}: expected columns with names of their own, got {_shown(names)}. Rename them; or, if line {first} "
            "is a row, say header=False (--set data.header=false)."
        )


def _shown(cells: Sequence[str]) -> str:
    return ", ".join([cell.strip() for cell in cells[:5]] + ["..."] * (len(cells) > 5))
