"""Names of what stands beside x: of what is known of the data, each perhaps with a word of how it is to be read.

batch             as its values are (`termwise.data.side_columns`)
donor:category    whole numbers, or any others, as categories
age:number        whole numbers as numbers
donor:missing     examples of which it is not known have a category of their own
donor:known       they are left out
labels:partly     they stay, and nobody knows: for a block of the code that observes it
labels:10-each    as partly, of ten examples of each category that train, chosen at random; the others' are hidden
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from termwise.errors import BadData, in_short

SideKind = Literal["category", "number"]
"""What a variable beside x is."""

WORDS = ("category", "number", "missing", "known", "partly")
"""What can stand after a name; and "10-each", of any number."""


@dataclass(frozen=True, slots=True)
class SideName:
    """One name, and how what it names is to be read.

    Attributes:
        name: Of something that is known of the data.
        kind: What its values are; None for what they plainly are.
        missing: What becomes of examples of which it is not known: they have a category of their own, "missing", are
            left out, "known", stay as they are, "partly", or are refused, None.
        each: Of so many examples of each category that train it is known, of the others that train it is not; None
            where it is known of all that it is.
    """

    name: str
    kind: SideKind | None = None
    missing: Literal["missing", "known", "partly"] | None = None
    each: int | None = None

    def __str__(self) -> str:
        last = self.missing if self.each is None else f"{self.each}-each"
        return ":".join(filter(None, (self.name, self.kind, last)))


def side_names(side: str | Sequence[str], known: Collection[str]) -> list[SideName]:
    """The names that are meant: one, several parted by commas, or a list.

    Args:
        side: As it was asked for.
        known: Names that are taken as they stand, whatever is in them.

    Example:
        >>> [(one.name, one.kind) for one in side_names("batch, age:number", ["batch", "age"])]
        [('batch', None), ('age', 'number')]

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
    if (one := side_name(text, known)).name in known:
        return [one]
    return [side_name(part.strip(), known) for part in text.split(",") if part.strip()]


def side_name(text: str, known: Collection[str] = ()) -> SideName:
    """One name, without the words after it.

    Example:
        >>> side_name("labels:10-each")
        SideName(name='labels', kind=None, missing='partly', each=10)
    """
    if text in known:
        return SideName(text)
    name, _, word = text.rpartition(":")
    each = re.fullmatch(r"([1-9][0-9]{0,8})-each", word)
    if not name or (word not in WORDS and each is None):
        return SideName(text)
    inner = side_name(name, known)
    if each is not None:
        return replace(inner, missing="partly", each=int(each[1]))
    for told in ("missing", "known", "partly"):
        if word == told:
            return replace(inner, missing=told)
    return replace(inner, kind="number" if word == "number" else "category")
