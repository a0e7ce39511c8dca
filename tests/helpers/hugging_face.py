"""A stand-in for a Dataset of Hugging Face's: features, rows by position, and its Arrow table."""

from types import SimpleNamespace

import pyarrow


class RowsOfFaces:
    """Rows of columns by name; where a column has class names, its feature has `names`, as ClassLabel has."""

    __module__ = "datasets.arrow_dataset"

    def __init__(self, columns, names=None, images=()):
        self.columns, self.form = dict(columns), None
        kinds = {key: "PIL.Image.Image" if key in images else "float64" for key in columns}
        self.features = {
            key: SimpleNamespace(dtype=kind, **({"names": names[key]} if key in (names or {}) else {}))
            for key, kind in kinds.items()
        }

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def with_format(self, form):
        other = RowsOfFaces(self.columns)
        other.features, other.form = self.features, form
        return other

    def __getitem__(self, at):
        if self.form == "arrow":
            return pyarrow.table(self.columns)
        if isinstance(at, str):
            return self.columns[at]
        return {key: column[at] for key, column in self.columns.items()}
