"""What each entry of x is, where x is a row of a table: its name and its kind."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One entry of an x that is a row of a table.

    Example:
        >>> Column("height")
        Column(name='height', kind='number')

    Args:
        name: What it is called.
        kind: "number", or what the numbers are: "count", "binary", "category" (one of several that are 0 or 1).
    """

    name: str
    kind: str = "number"
