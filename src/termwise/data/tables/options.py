"""What any table can be given: which columns are what, and what becomes of cells that are missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from termwise.errors import BadData, UnknownName

Missing = Literal["refuse", "drop", "mean", "mask"]
"""What becomes of cells that have no value."""

Names = str | Sequence[str] | None
"""Names of columns: one, several parted by commas, or a list."""


@dataclass(frozen=True)
class TableOptions:
    """Which columns of a table are what.

    Attributes:
        labels: The column that holds labels; False for none, None for the one that is plainly meant as labels.
        attributes: Columns that are attributes.
        columns: The columns that x has, in order; all, where None.
        drop: Columns that are left out.
        index: The column that numbers or names the rows; True or "auto" for what plainly does, False for none.
        missing: What becomes of cells that are missing.
        side: What stands beside x; of it, columns are taken off x.
    """

    labels: str | bool | None = None
    attributes: Names = None
    columns: Names = None
    drop: Names = None
    index: str | bool = "auto"
    missing: Missing = "refuse"
    side: Names = None


def as_names(names: Any) -> Any:
    """Names of columns, those that are whole numbers as text: of a table without a header they are places.

    Example:
        >>> as_names(7), as_names([0, "age"]), as_names(False)
        ('7', ['0', 'age'], False)
    """
    if isinstance(names, list | tuple):
        return [as_names(name) for name in names]
    return str(names) if type(names) is int else names


def chosen(names: Names, known: Sequence[str], option: str, where: str) -> list[str]:
    """The columns that an option names, which must be there.

    Example:
        >>> chosen("a, c", ["a", "b", "c"], "drop", "the table")
        ['a', 'c']
    """
    if names is None:
        return []
    listed = [names] if isinstance(names, str) else list(names)
    if isinstance(names, str) and names not in known:
        listed = [name.strip() for name in names.split(",")]
    for name in listed:
        if name not in known:
            raise UnknownName(f"column of {where}, for {option}", name, known)
    if len(set(listed)) < len(listed):
        raise BadData(f"{where}: expected each column once in {option}, got {', '.join(listed)}.")
    return listed


def in_words(names: Iterable[str], most: int = 6) -> str:
    """Names of columns for a message: "a, b and c", or "a, b, c and 4 others".

    Example:
        >>> in_words("abc"), in_words("abcdefgh", most=2)
        ('a, b and c', 'a, b and 6 others')
    """
    listed = list(names)
    if len(listed) > most + 1:
        return f"{', '.join(listed[:most])} and {len(listed) - most} others"
    return " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]])) if listed else ""
