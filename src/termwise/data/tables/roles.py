"""What each column of a table is for: x, labels, attributes, the rows' numbers or names, or nothing."""

from dataclasses import dataclass, field, replace

import numpy as np

from termwise.data.columns import Use
from termwise.data.side_names import side_names
from termwise.data.tables.options import TableOptions, chosen, in_words
from termwise.data.tables.raw import RawColumn, RawTable
from termwise.errors import BadData, UnknownName

LABEL_NAMES = frozenset(["class", "classes", "label", "labels", "species", "target", "y"])
"""What a column of labels is often called, in small letters."""

MOST_CLASSES = 30
"""How many values a column has, at most, that is taken for labels."""

_INDEX_NAMES = frozenset(["index", "rownames", "row.names", "row_names", "unnamed: 0", "...1"])
_FEWEST_NUMBERED = 5  # rows that are told to be numbered by a column of 0, 1, 2, ...


@dataclass(frozen=True, eq=False)
class Roles:
    """What became of each column.

    Attributes:
        use: By name, in the table's order.
        offered: Those that would do as labels, and are not.
        notes: What was decided that could be meant otherwise: a sentence each.
        beside: Those that are asked for beside x, whatever else they are for.
    """

    use: dict[str, Use]
    offered: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def of(self, use: Use) -> list[str]:
        """The columns of one use."""
        return [name for name, one in self.use.items() if one == use]


def roles_of(table: RawTable, options: TableOptions) -> Roles:
    """What each column is for: as the options say, and where they say nothing, as it plainly is.

    Raises:
        UnknownName: No such column.
        BadData: Columns are asked for twice, or none is left for x.
    """
    known = [column.name for column in table.columns]
    by_name = {column.name: column for column in table.columns}
    asked = {
        option: chosen(getattr(options, option), known, option, table.where)
        for option in ("attributes", "columns", "drop")
    }
    side = [] if options.side is None else [one.name for one in side_names(options.side, known)]
    roles = Roles(dict.fromkeys(known, "x"), beside=[name for name in side if name in known])
    for name in asked["drop"]:
        roles.use[name] = "left out"
    labels = options.labels if isinstance(options.labels, str) else None
    if labels is not None and labels not in known:
        raise UnknownName(f"column of {table.where}", labels, known)
    taken = [*asked["attributes"], *([labels] if labels is not None else [])]
    for name in taken:
        if name in asked["columns"] or name in asked["drop"]:
            raise BadData(f"{table.where}: column {name!r} is asked for twice. Leave it out of columns= and drop=.")
        roles.use[name] = "labels" if name == labels else "attributes"
    _index(table, options, roles, asked["columns"])
    for name in known:
        if not by_name[name].present.size and roles.use[name] == "x":
            roles.use[name] = "left out"
            roles.notes.append(f"Column {name!r} has no value in any row, and is left out.")
    if options.labels in (None, False):
        _labels(table, options, roles, asked["columns"])
    for name in roles.beside:
        if roles.use[name] == "x" and name not in asked["columns"]:
            roles.use[name] = "beside"
    if asked["columns"]:
        for name in roles.of("x"):
            roles.use[name] = "x" if name in asked["columns"] else "left out"
        ordered = {name: roles.use[name] for name in asked["columns"]} | roles.use
        roles = replace(roles, use=ordered)
    if not roles.of("x"):
        raise BadData(
            f"{table.where}: expected a column for x, or more, got none: {in_words(known)} "
            f"{'are' if len(known) > 1 else 'is'} of another use. Choose them with columns=."
        )
    return roles


def _index(table: RawTable, options: TableOptions, roles: Roles, columns: list[str]) -> None:
    """Find the column that numbers or names the rows."""
    if options.index is False:
        return
    if isinstance(options.index, str) and options.index != "auto":
        if options.index not in roles.use:
            raise UnknownName(f"column of {table.where}, for index", options.index, roles.use)
        roles.use[options.index] = "index"
        return
    first = table.columns[0].name
    for column in table.columns:
        free = roles.use[column.name] == "x" and column.name not in columns
        unnamed = column.name == first and (not column.named or column.name.lower() in _INDEX_NAMES)
        if free and (_numbers_rows(column) or (unnamed and _names_rows(column))):
            roles.use[column.name] = "index"
            what = f"Column {column.name!r}" if column.named else "The first column, which has no name,"
            does = "numbers" if column.kind == "number" else "names"
            roles.notes.append(
                f"{what} {does} the rows, and is left out; index=False (--set data.index=false) keeps it."
            )


def _numbers_rows(column: RawColumn) -> bool:
    """Whether a column counts the rows, from 0 or 1."""
    if column.kind != "number" or column.missing.any() or len(column.values) < _FEWEST_NUMBERED:
        return False
    return bool((np.diff(column.values) == 1).all()) and column.values[0] in (0, 1)


def _names_rows(column: RawColumn) -> bool:
    """Whether a column has another value in every row."""
    return not column.missing.any() and len(column.distinct) == len(column.values) > 1


def _labels(table: RawTable, options: TableOptions, roles: Roles, columns: list[str]) -> None:
    """Find the columns that would do as labels; one alone is taken, where labels were not declined."""
    free = [column for column in table.columns if roles.use[column.name] == "x"]
    if len(free) < 2:
        return
    found = [column for column in free if _would_do(column, column is free[-1], table)]
    names = [column.name for column in found]
    alone = len(found) == 1 and names[0] not in columns
    sure = alone and (found[0].kind in ("text", "bool") or names[0].lower() in LABEL_NAMES or bool(table.classes))
    if not sure or options.labels is False:
        names = [name for name in names if name not in roles.beside]
        roles.offered.extend(names)
        if names and options.labels is None and names[0] not in columns:
            roles.notes.append(
                f"{in_words(names)} would do as labels, and {'is' if len(names) == 1 else 'are'} part of x; "
                f"labels={names[0]!r} (--set data.labels={names[0]}) takes a column off."
            )
        return
    roles.use[names[0]] = "labels"
    values = list(table.classes) or [_shown(value) for value in found[0].distinct]
    roles.notes.append(
        f"Column {names[0]!r} ({in_words(values, 4)}) is taken for labels; labels=False (--set data.labels=false) "
        "makes it part of x."
    )


def _would_do(column: RawColumn, last: bool, table: RawTable) -> bool:
    """Whether a column would do as labels: of few values, and called so; or last, and of words."""
    if column.kind in ("date", "other") or column.missing.any():
        return False
    values = column.distinct
    if not 2 <= len(values) <= min(MOST_CLASSES, len(column.values) // 2):
        return False
    if column.kind == "number" and not (values == np.round(values)).all():
        return False
    if column.name.lower() in LABEL_NAMES or (last and table.classes):
        return True
    return last and (column.kind in ("text", "bool") or not table.headed)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
