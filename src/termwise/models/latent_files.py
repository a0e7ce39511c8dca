"""A data set's codes, given to other tools: in a file, or in AnnData's obsm."""

import io
from os import PathLike
from typing import Any

import numpy as np
import torch

from termwise.data.dataset import Dataset
from termwise.data.formats.h5ad_files import is_anndata
from termwise.errors import BadData, Refused
from termwise.files import checked_place, write_whole
from termwise.models.data_pass import DataPass
from termwise.models.distributions import centre
from termwise.models.drawable import Drawable
from termwise.values import Count, checked

KEY = "X_termwise"
"""What the means are called in AnnData's obsm, and before "_stddev" the standard deviations."""


@torch.no_grad()
@checked
def export_latents(model: Drawable, data: Dataset, path: Any, batch_size: Count = 1024) -> Any:
    """Write the codes' means and standard deviations (and labels, where known) to a file, or into an AnnData's obsm.

    The .npz holds `mean` and `stddev`, shape (N, D), and `label`; .csv and .parquet a row an example. Of data that have
    parts the .npz also holds the means as `x_train` and `x_test`, and labels as `y_train` and `y_test`, so that it is
    itself data of the same parts: `load_data` reads it.

    Args:
        model: What encodes: a VAE, or an adapted model.
        data: The examples.
        path: The file, .npz, .csv or .parquet, whose path is returned; or an AnnData of the same examples in the same
            order, which gets `obsm["X_termwise"]` and `obsm["X_termwise_stddev"]`, and is returned.
        batch_size: How many are encoded at a time.

    Raises:
        Refused: The file's name ends in none of these, or pyarrow is not installed.
        BadData: The AnnData has other examples.

    Example:
        >>> import tempfile
        >>> import termwise as tw
        >>> data = tw.load_data(torch.rand(10, 6))
        >>> model = tw.VAE.build((6,), latent=2, options={"hidden": [8]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     codes = np.load(export_latents(model, data, f"{folder}/codes.npz"))["mean"]
        >>> codes.shape
        (10, 2)
    """
    if is_anndata(path):
        if path.n_obs != len(data):
            raise BadData(
                f"The AnnData has {path.n_obs:,} observations, and the data {len(data):,} examples: give the same."
            )
        columns = _columns(model, data, batch_size)
        path.obsm[KEY], path.obsm[f"{KEY}_stddev"] = columns["mean"], columns["stddev"]
        return path
    if not isinstance(path, str | PathLike):
        raise Refused(f"Latents go to the path of a file, or into an AnnData; got a {type(path).__name__}.")
    path = checked_place(path, "Latents go into an AnnData, or are", (".npz", ".csv", ".parquet"))
    columns, content = _columns(model, data, batch_size), io.BytesIO()
    if path.suffix == ".npz":
        for part, positions in data.splits.items() if len(data.splits) > 1 else ():
            columns[f"x_{part}"] = columns["mean"][positions.numpy()]
            if data.labels is not None:
                columns[f"y_{part}"] = columns["label"][positions.numpy()]
        np.savez(content, **columns)
        write_whole(path, content.getvalue())
        return path
    table = {f"{name}_{j}": column for name in ("mean", "stddev") for j, column in enumerate(columns[name].T)} | {
        name: column for name, column in columns.items() if name == "label"
    }
    if path.suffix == ".parquet":
        parquet = _pyarrow()
        parquet.parquet.write_table(parquet.table(table), content)
    else:
        formats = ["%d" if name == "label" else "%.8g" for name in table]
        rows = np.stack([column.astype(float) for column in table.values()], 1)
        np.savetxt(content, rows, fmt=formats, delimiter=",", header=",".join(table), comments="")
    write_whole(path, content.getvalue())
    return path


def _columns(model: Drawable, data: Dataset, batch_size: int) -> dict[str, Any]:
    """The means and standard deviations of the codes, shape (N, D), and labels, where they are known."""
    laws = [draw.posterior for draw in DataPass(model, data, batch_size)()]
    columns: dict[str, Any] = {
        "mean": torch.cat([centre(law) for law in laws]).numpy(),
        "stddev": torch.cat([law.variance for law in laws]).sqrt().numpy(),
    }
    if data.labels is not None:
        columns["label"] = data.labels.numpy()
    return columns


def _pyarrow() -> Any:
    """pyarrow, with what writes Parquet."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Refused("A .parquet file needs pyarrow: pip install 'termwise[tables]'; or say .csv.") from None
    return pyarrow
