"""A table that lies beside files and says something of each: one column names the files, others are labels, attributes.

It is called metadata.csv in folders as Hugging Face's imagefolder has them, in the folder or in each of its parts; any
other one CSV file in the folder holds attributes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from termwise.data.annotations import Annotations
from termwise.data.columns import TableColumn
from termwise.data.formats.columns_beside import annotations_beside
from termwise.data.formats.delimited_text import read_delimited
from termwise.data.tables.options import Names, in_words
from termwise.data.tables.raw import RawColumn, column_of_text
from termwise.errors import BadData

METADATA = "metadata.csv"
_FILE_NAME = "file_name"  # as imagefolder calls its first column


@dataclass(frozen=True)
class TableBeside:
    """The rows of a table, one for each of some files.

    Attributes:
        where: What to call it in errors.
        columns: Its columns, without that of the files' names.
        plain: Whether it is a table of attributes alone, and not one of metadata.
    """

    where: str
    columns: tuple[RawColumn, ...]
    plain: bool


def table_beside(folder: Path, parts: Sequence[str], paths: Sequence[Path]) -> TableBeside | None:
    """The table that lies beside the files of a folder; None where there is none.

    Args:
        folder: Where the files lie.
        parts: Its folders that are parts, each of which may have a table of its own.
        paths: The files, which lie below it.

    Raises:
        BadData: There are several, it cannot be read, or it lacks a file.
    """
    if not folder.is_dir():
        return None
    tables = sorted(folder.glob("*.csv"))
    if len(tables) > 1:
        raise BadData(f"{folder}: expected one CSV file of attributes, got {', '.join(t.name for t in tables)}.")
    of_parts = [] if tables else [folder / part / METADATA for part in parts if (folder / part / METADATA).is_file()]
    if not tables and not of_parts:
        return None
    cells: dict[str, list[str]] = {}
    heads, file_columns = [], []
    for table in tables or of_parts:
        text = read_delimited(table, header=True)
        file_columns.append(text.names.index(_FILE_NAME) if _FILE_NAME in text.names else 0)
        heads.append(text.names)
        prefix = "" if tables else f"{table.parent.name}/"
        cells |= {prefix + row[file_columns[-1]].strip(): row for row in text.rows}
    if any(head != heads[0] for head in heads):
        raise BadData(f"{of_parts[-1]}: expected the columns of {of_parts[0]}, {', '.join(heads[0])}, got others.")
    where = str((tables or of_parts)[0])
    rows = []
    for name in ["/".join(path.relative_to(folder).parts) for path in paths]:
        row = cells.get(name, cells.get(name.rpartition("/")[2]))
        if row is None:
            raise BadData(f"{where}: expected a row for every file, got none for {name}.")
        rows.append(row)
    columns = [
        column_of_text(name, list(column))
        for place, (name, column) in enumerate(zip(heads[0], zip(*rows, strict=True), strict=True))
        if place != file_columns[0]
    ]
    return TableBeside(where, tuple(columns), bool(tables) and tables[0].name != METADATA)


def annotations_of(
    table: TableBeside, labels: str | None, attributes: Names
) -> tuple[Annotations, tuple[TableColumn, ...], tuple[str, ...]]:
    """What a table says of each file, what became of each of its columns, and what there is to say of that.

    Args:
        table: The table.
        labels: The column that holds labels, if one does.
        attributes: Columns that are attributes; where left out, all, if they hold 0 and 1, or -1 and 1, alone.
    """
    by_name = {column.name: column for column in table.columns}
    if attributes is None and labels is None and (table.plain or all(map(_are_signs, table.columns))):
        _check_signs(table)
        attributes = list(by_name)
    annotations, about = annotations_beside(by_name, labels, attributes, table.where)
    left = [one.name for one in about if one.use == "beside"]
    note = (
        f"{Path(table.where).name} says of each file {in_words(left)}, too: labels=NAME makes labels of one, and "
        "attributes=[NAME, ...] attributes of those that are numbers."
    )
    return annotations, about, (note,) if left else ()


def _are_signs(column: RawColumn) -> bool:
    return (
        column.kind in ("number", "bool") and set(column.distinct.tolist()) <= {-1, 0, 1} and not column.missing.any()
    )


def _check_signs(table: TableBeside) -> None:
    """Raise BadData unless all columns hold 0 and 1, or all -1 and 1."""
    for column in table.columns:
        if not _are_signs(column):
            odd = next(value for value in column.values.tolist() if value not in (-1, 0, 1))
            raise BadData(
                f"{table.where}, column {column.name!r}: expected 0 or 1, or -1 or 1, got {odd!r}. Say which columns "
                "are attributes=[NAME, ...], or labels=NAME."
            )
    values = {value for column in table.columns for value in column.distinct.tolist()}
    if {-1, 0} <= values:
        raise BadData(f"{table.where}: expected 0 and 1, or -1 and 1, throughout, got both 0 and -1.")
