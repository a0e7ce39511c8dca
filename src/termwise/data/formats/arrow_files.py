"""Tables in Parquet and Feather files, by pyarrow, which the extra "tables" installs."""

from pathlib import Path

from termwise.data.dataset import Dataset
from termwise.data.formats.frames import load_table
from termwise.data.tables.options import Missing, Names
from termwise.errors import BadData

FEATHER = (".feather", ".arrow", ".ipc")
SUFFIXES = (".parquet", ".pq", *FEATHER)
"""How the names of such files end."""


def is_arrow_file(path: Path) -> bool:
    """Whether a path is a file whose name ends as that of a Parquet or a Feather file."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def load_arrow(
    path: Path,
    *,
    labels: str | bool | None = None,
    attributes: Names = None,
    columns: Names = None,
    drop: Names = None,
    index: str | bool = "auto",
    missing: Missing = "refuse",
    side: Names = None,
) -> Dataset:
    """A table in a Parquet or Feather file: columns of numbers and dates as they are, of words one-hot, as x, (N, D).

    Args:
        path: The file.
        labels: The name of the column that holds labels, of words or whole numbers. Left out, the one that is called
            class, label, species, target or y, or that is last and of words, if only one would do; false for none.
        attributes: Names of columns that are attributes.
        columns: Names of the columns that make x, in this order; all others where left out. In a setting, "a,b,c".
        drop: Names of columns that are left out.
        index: The name of the column that numbers or names the rows, which is left out; false where there is none.
        missing: What to do where a cell is missing: "refuse" the table, "drop" the row, fill in the "mean" of what
            trains (and of words a value of their own), or "mask" it: left out of the likelihood.
        side: Names of columns that stand beside x, off which they are taken unless they are named in `columns` too.
    """
    try:
        from pyarrow import ArrowException, feather, parquet
    except ImportError:
        raise BadData(f"{path}: to read it, pip install 'termwise[tables]' (it needs pyarrow).") from None
    try:
        table = feather.read_table(path) if path.suffix.lower() in FEATHER else parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise BadData(f"{path}: cannot be read as a table: {' '.join(str(error).split())[:300]}") from None
    made: Dataset = load_table(
        table.combine_chunks(), name=path.stem, labels=labels, attributes=attributes, columns=columns, drop=drop,
        index=index, missing=missing, side=side,
    )  # fmt: skip
    return made
