"""A data set's codes, written to a file for other tools."""

import io
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.files import write_whole
from termwise.models.data_pass import DataPass
from termwise.models.distributions import centre
from termwise.models.vae import VAE
from termwise.values import Count, checked


@torch.no_grad()
@checked
def export_latents(model: VAE, data: Dataset, path: str | PathLike[str], batch_size: Count = 1024) -> Path:
    """Write the codes' means and standard deviations (and labels, where known) to an .npz or a .csv file.

    The .npz holds `mean` and `stddev`, shape (N, D), and `label`; the .csv a row an example. Of data that have parts it
    also holds the means as `x_train` and `x_test`, and labels as `y_train` and `y_test`, so that it is itself data
    of the same parts: `load_data` reads it.

    Raises:
        Refused: The file's name ends in neither.

    Example:
        >>> import tempfile
        >>> import termwise as tw
        >>> data = tw.load_data(torch.rand(10, 6))
        >>> model = tw.VAE.build((6,), latent=2, options={"hidden": [8]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     codes = np.load(export_latents(model, data, Path(folder) / "codes.npz"))["mean"]
        >>> codes.shape
        (10, 2)
    """
    path = Path(path)
    if path.suffix not in (".npz", ".csv"):
        raise Refused(f"Latents are written to .npz or .csv; got {path.name!r}.")
    laws = [draw.posterior for draw in DataPass(model, data, batch_size)()]
    columns: dict[str, Any] = {
        "mean": torch.cat([centre(law) for law in laws]).numpy(),
        "stddev": torch.cat([law.variance for law in laws]).sqrt().numpy(),
    }
    if data.labels is not None:
        columns["label"] = data.labels.numpy()
    content = io.BytesIO()
    if path.suffix == ".npz":
        for part, positions in data.splits.items() if len(data.splits) > 1 else ():
            columns[f"x_{part}"] = columns["mean"][positions.numpy()]
            if data.labels is not None:
                columns[f"y_{part}"] = columns["label"][positions.numpy()]
        np.savez(content, **columns)
        write_whole(path, content.getvalue())
        return path
    size = columns["mean"].shape[1]
    header = [f"mean_{j}" for j in range(size)] + [f"stddev_{j}" for j in range(size)]
    table = np.concatenate([columns["mean"], columns["stddev"]], axis=1)
    formats = ["%.8g"] * table.shape[1]
    if "label" in columns:
        header, formats = [*header, "label"], [*formats, "%d"]
        table = np.concatenate([table, columns["label"][:, None]], axis=1)
    np.savetxt(content, table, fmt=formats, delimiter=",", header=",".join(header), comments="")
    write_whole(path, content.getvalue())
    return path
