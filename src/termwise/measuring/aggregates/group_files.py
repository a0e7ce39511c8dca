"""What is known of every example under the laws of groups, written to a file for other tools."""

import csv
import io
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from termwise.errors import Refused
from termwise.files import checked_place, write_whole
from termwise.measuring.aggregates.by_group import Abundance, GroupAggregates


class GroupRatio(NamedTuple):
    """How much likelier every example's code is in some groups than in others.

    Attributes:
        these, those: The names of the groups.
        found: By example.
    """

    these: list[str]
    those: list[str]
    found: Abundance


def checked_file(path: str | PathLike[str], needed: Iterable[str] = ()) -> Path:
    """Where densities are to be written, whose name must end in .csv, .npz or .parquet; never over what is needed."""
    return checked_place(path, "Densities are", (".csv", ".npz", ".parquet"), needed)


def write_aggregates(laws: GroupAggregates, path: str | PathLike[str], ratios: Sequence[GroupRatio] = ()) -> None:
    """Write a row for every example: where it stands in its source, its group, its code, and its densities.

    A .csv or .parquet has columns `position`, `group`, `z0`, ..., `log_density_NAME` of every group, and `log_ratio`
    and `log_ratio_stderr` (numbered, of several); an .npz arrays of the same, with `names`.

    Args:
        laws: The laws of the groups.
        path: The file.
        ratios: What is written of groups beside others.

    Raises:
        Refused: The file's name has another ending; or it ends in .parquet, and pyarrow is not installed.
    """
    path, content = checked_file(path), io.BytesIO()
    if path.suffix == ".npz":
        np.savez(content, **_arrays(laws, ratios))
    elif path.suffix == ".parquet":
        _write_parquet(_columns(laws, ratios), content)
    else:
        columns = _columns(laws, ratios)
        text = io.TextIOWrapper(content, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(of.tolist() for of in columns.values()), strict=True))
        text.flush()
    write_whole(path, content.getvalue())


def _arrays(laws: GroupAggregates, ratios: Sequence[GroupRatio]) -> dict[str, Any]:
    arrays = {
        "position": laws.positions.cpu().numpy(),
        "group": laws.groups.cpu().numpy(),
        "names": np.array(laws.names),
        "code": laws.codes.cpu().numpy(),
        "log_density": laws.log_density_of_data().cpu().numpy(),
    }
    return arrays | _of_ratios(ratios)


def _columns(laws: GroupAggregates, ratios: Sequence[GroupRatio]) -> dict[str, np.ndarray]:
    arrays = _arrays(laws, ())
    columns = {"position": arrays["position"], "group": arrays["names"][arrays["group"]]}
    columns |= {f"z{j}": of for j, of in enumerate(arrays["code"].T)}
    columns |= {f"log_density_{name}": of for name, of in zip(laws.names, arrays["log_density"].T, strict=True)}
    return columns | _of_ratios(ratios)


def _of_ratios(ratios: Sequence[GroupRatio]) -> dict[str, np.ndarray]:
    columns = {}
    for number, ratio in enumerate(ratios, 1):
        name = "log_ratio" if len(ratios) == 1 else f"log_ratio_{number}"
        columns[name] = ratio.found.log_ratio.cpu().numpy()
        if ratio.found.stderr is not None:
            columns[f"{name}_stderr"] = ratio.found.stderr.cpu().numpy()
    return columns


def _write_parquet(columns: dict[str, np.ndarray], content: io.BytesIO) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Refused(
            "A .parquet file needs pyarrow. Install it: pip install 'termwise[tables]'; or say .csv."
        ) from None
    pyarrow.parquet.write_table(pyarrow.table({name: pyarrow.array(of) for name, of in columns.items()}), content)
