"""Columns: what each entry of x is, where x is a row of a table, and what became of each column of the table itself."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "count", "binary", "category", "date"]
Use = Literal["x", "labels", "attributes", "index", "left out", "beside"]


@dataclass(frozen=True, slots=True)
class Column:
    """One entry of an x that is a row of a table.

    Example:
        >>> Column("height").kind, Column("height").source
        ('number', 'height')
        >>> Column("cut=Ideal", "category", source="cut", value="Ideal").source
        'cut'

    Args:
        name: What it is called.
        kind: "number"; or what the numbers are: "count" (0, 1, 2, ...), "binary" (0 or 1), "category" (one of several
            that are 0 or 1, and sum to 1), "date" (days since the first).
        source: The column of the table that it was made of; where left out, that of its own name.
        value: The text of that column at which it is 1, where it stands for one; else "".
    """

    name: str
    kind: Kind = "number"
    source: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", self.name)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table as it was read, and what became of it.

    Example:
        >>> TableColumn("species", "text", use="labels", values=3)
        TableColumn(name='species', kind='text', use='labels', values=3, missing=0, offered=False)

    Args:
        name: What it is called.
        kind: "number", "count", "binary" or "date"; or "text".
        use: What it was put to: "x", "labels", "attributes", "index" (it numbers or names the rows), "left out", or
            "beside" (it is known of the examples, and no part of x).
        values: How many different values it has.
        missing: How many of its cells have none.
        offered: Whether it would do as labels, which `labels=` with its name makes it.
    """

    name: str
    kind: Literal["number", "count", "binary", "date", "text"]
    use: Use = "x"
    values: int = 0
    missing: int = 0
    offered: bool = False
