"""Tables in files of text, plain or gzipped: values parted by commas, semicolons, tabs, bars or spaces."""

from pathlib import Path

from termwise.data.dataset import Dataset
from termwise.data.formats.delimited_text import read_delimited
from termwise.data.tables.build import dataset_of_table
from termwise.data.tables.options import Missing, Names, TableOptions
from termwise.data.tables.raw import RawTable, column_of_text
from termwise.values import Natural

SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
"""How the names of such files end, perhaps before .gz."""


def is_text_table(path: Path) -> bool:
    """Whether a path is a file whose name ends as that of a table of text."""
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES) and path.is_file()


def load_csv(
    path: Path,
    *,
    labels: str | bool | None = None,
    attributes: Names = None,
    columns: Names = None,
    drop: Names = None,
    index: str | bool = "auto",
    missing: Missing = "refuse",
    side: Names = None,
    header: bool | Natural | str = "auto",
    separator: str = "auto",
    encoding: str = "utf-8",
    skip: Natural = 0,
) -> Dataset:
    """A table in text: columns of numbers and dates as they are, of words one-hot, as x, (N, D).

    Args:
        path: The file.
        labels: The name of the column that holds labels, of words or whole numbers. Left out, the one that is called
            class, label, species, target or y, or that is last and of words, if only one would do; false for none.
        attributes: Names of columns that are attributes.
        columns: Names of the columns that make x, in this order; all others where left out. In a setting, "a,b,c".
        drop: Names of columns that are left out.
        index: The name of the column that numbers or names the rows, which is left out; false where there is none.
        missing: What to do where a cell is empty, NA, nan, null or "?": "refuse" the table, "drop" the row, fill in
            the "mean" of what trains (and of words a value of their own), or "mask" it: left out of the likelihood.
        side: Names of columns that stand beside x, off which they are taken unless they are named in `columns` too.
        header: Whether the first row names the columns; or the number of the line that does, from 1.
        separator: What parts the cells: comma, semicolon, tab, bar, space, or any other character.
        encoding: What the text is written in, such as latin-1 or utf-16.
        skip: How many lines to skip at the top.
    """
    text = read_delimited(path, header=header, separator=separator, encoding=encoding, skip=skip)
    names = [name or _free(position, text.names) for position, name in enumerate(text.names)]
    cells = zip(names, text.names, zip(*text.rows, strict=True), strict=True)
    raw = [column_of_text(name, cells, text.separator, named=bool(given)) for name, given, cells in cells]
    stem = path.name.removesuffix(path.suffix) if path.suffix.lower() != ".gz" else path.name.split(".")[0]
    table = RawTable(stem, str(path), raw, text.lines, list(text.notes), text.classes, text.headed)
    return dataset_of_table(table, TableOptions(labels, attributes, columns, drop, index, missing, side))


def _free(position: int, names: list[str]) -> str:
    """A name for a column that has none: its place."""
    return str(position) if str(position) not in names else f"column {position}"
