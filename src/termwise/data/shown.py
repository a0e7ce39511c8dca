"""How a data set shows itself: in a line, and in a notebook as a table."""

from termwise.data.dataset import Dataset
from termwise.data.describe import described_side
from termwise.notebook import html_sentences, html_table

MOST_COLUMNS = 12
"""How many columns of a table are named where it is shown."""


def line_of(data: Dataset) -> str:
    """What it is called, how many of what, its parts, and what stands beside x."""
    parts = "".join(f", {name} {len(positions)}" for name, positions in data.splits.items())
    side = "" if data.beside is None else f", beside x {', '.join(data.beside.names)}"
    return f"Dataset({data.name!r}: {len(data)} examples of shape {data.shape}{parts}{side})"


def html_of(data: Dataset) -> str:
    """The same as a table, with its columns and notes."""
    parts = ", ".join(f"{name} {len(positions):,}" for name, positions in data.splits.items())
    known = [name for name in ("labels", "factors", "attributes") if getattr(data.annotations, name) is not None]
    columns = ", ".join(f"{column.name} ({column.kind})" for column in data.columns[:MOST_COLUMNS])
    more = f" and {len(data.columns) - MOST_COLUMNS} more" if len(data.columns) > MOST_COLUMNS else ""
    rows = [
        ["examples", f"{len(data):,} of shape {data.shape}"],
        ["parts", parts],
        ["known of x", ", ".join(known)],
        ["beside x", "; ".join(map(str, described_side(data)))],
        ["columns", columns + more],
    ]
    return html_table([data.name, ""], [row for row in rows if row[1]]) + html_sentences(data.notes)
