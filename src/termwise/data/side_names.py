"""Names of what stands beside x: of what is known of the data, each perhaps with a word of how it is to be read.

batch             as its values are (`termwise.data.side_columns`)
donor:category    whole numbers, or any others, as categories
age:number        whole numbers as numbers
donor:missing     examples of which it is not known have a category of their own
donor:known       they are left out
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from termwise.errors import BadData, in_short

SideKind = Literal["category", "number"]
"""What a variable beside x is."""

WORDS = ("category", "number", "missing", "known")
"""What can stand after a name."""


@dataclass(frozen=True, slots=True)
class SideName:
    """One name, and how what it names is to be read.

    Attributes:
        name: Of something that is known of the data.
        kind: What its values are; None for what they plainly are.
        missing: What becomes of examples of which it is not known: they have a category of their own, "missing", are
            left out, "known", or are refused, None.
    """

    name: str
    kind: SideKind | None = None
    missing: Literal["missing", "known"] | None = None

    def __str__(self) -> str:
        return ":".join(filter(None, (self.name, self.kind, self.missing)))


def side_names(side: str | Sequence[str], known: Collection[str]) -> list[SideName]:
    """The names that are meant: one, several parted by commas, or a list.

    Args:
        side: As it was asked for.
        known: Names that are taken as they stand, whatever is in them.

    Example:
        >>> side_names("batch, age:number", ["batch", "age"])
        [SideName(name='batch', kind=None, missing=None), SideName(name='age', kind='number', missing=None)]

    Raises:
        BadData: There is none, or one comes twice.
    """
    listed = [side] if isinstance(side, str) else list(side)
    if not all(isinstance(text, str) for text in listed):
        raise BadData(f"Expected side as names, or values by name; got {in_short(listed)}.")
    names = [name for text in listed for name in _names_in(text, known)]
    if not names or len({name.name for name in names}) < len(names):
        raise BadData(f"Expected names of what stands beside x, each once; got {', '.join(listed) or 'none'}.")
    return names


def _names_in(text: str, known: Collection[str]) -> list[SideName]:
    """The one name that a text is, or those that commas part in it."""
    if (one := _side_name(text, known)).name in known:
        return [one]
    return [_side_name(part.strip(), known) for part in text.split(",") if part.strip()]


def _side_name(text: str, known: Collection[str]) -> SideName:
    """One name, without the words after it."""
    if text in known:
        return SideName(text)
    name, _, word = text.rpartition(":")
    if not name or word not in WORDS:
        return SideName(text)
    inner = _side_name(name, known)
    if word in ("missing", "known"):
        return replace(inner, missing="known" if word == "known" else "missing")
    return replace(inner, kind="number" if word == "number" else "category")
