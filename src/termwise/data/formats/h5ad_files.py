"""AnnData: cells by genes with tables of either, as an object in memory or as an .h5ad file, read by h5py alone.

X                  cells x genes: an array, or a sparse matrix by rows or by columns
obs, var           what is known of cells and of genes: columns of numbers, words, or codes of categories
layers, raw        other matrices of the same cells
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from termwise.data.dataset import Dataset
from termwise.data.formats.cells import Cells, dataset_of_cells
from termwise.data.side_columns import category_word
from termwise.data.tables.options import Names
from termwise.errors import BadData, Refused, UnknownName
from termwise.main_memory import check_fits

_SPARSE: dict[str, Callable[..., Any]] = {"csr": scipy.sparse.csr_array, "csc": scipy.sparse.csc_array}


def load_h5ad(
    path: Path, *, labels: str | None = None, attributes: Names = None, layer: str | None = None, log1p: bool = False
) -> Dataset:
    """Cells by genes in an .h5ad file, as AnnData writes it: genes name the columns.

    Args:
        path: The file.
        labels: The column of obs that holds labels, such as the type of each cell.
        attributes: Columns of obs that are attributes.
        layer: The matrix to take in place of X: one of layers, or "raw".
        log1p: Whether x is log(1 + entry).
    """
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise Refused(f"{path}: an .h5ad file needs h5py. Install it: pip install 'termwise[science]'.") from None
    with _refusing(path), h5py.File(path, "r") as file:
        raw = next((name for name in ("raw/", "raw.") if f"{name}X" in file), None)  # as AnnData writes it, and did
        layers = [*file.get("layers", ()), *(["raw"] if raw else [])]
        _check_layer(layer, layers, str(path))
        if layer is None and _is_nothing(file.get("X")):
            raise BadData(f"{path}: expected an AnnData file, with X, got {_in_place_of_x(layers, file)}.")
        place, var = ("X", "var") if layer is None else (f"layers/{layer}", "var")
        if layer == "raw":
            place, var = f"{raw}X", f"{raw}var"
        x = _matrix(file[place], path)
        genes = _index(file[var]) if var in file else []
        about = _columns(file["obs"], file) if "obs" in file else {}
    return dataset_of_cells(
        Cells(path.stem, str(path), x, genes, about, _layers(layers, layer)), labels, attributes, log1p
    )


def is_anndata(thing: object) -> bool:
    """Whether an object is AnnData's, by what it has."""
    return all(hasattr(thing, name) for name in ("X", "obs", "var_names", "n_obs", "n_vars"))


def is_mudata(thing: object) -> bool:
    """Whether an object is MuData's, several modalities of the same cells, by what it has."""
    return all(hasattr(thing, name) for name in ("mod", "obs", "var_names", "n_obs"))


def load_anndata(
    cells: Any,
    *,
    name: str = "cells",
    labels: str | None = None,
    attributes: Names = None,
    layer: str | None = None,
    log1p: bool = False,
) -> Dataset:
    """An AnnData object: cells by genes, whose names are the columns'.

    Args:
        cells: The object.
        name: What to call the data.
        labels: The column of obs that holds labels, such as the type of each cell.
        attributes: Columns of obs that are attributes.
        layer: The matrix to take in place of X: one of layers, or "raw".
        log1p: Whether x is log(1 + entry).
    """
    raw = getattr(cells, "raw", None)
    layers = [*(getattr(cells, "layers", None) or ()), *([] if raw is None else ["raw"])]
    _check_layer(layer, layers, name)
    of: Any = raw if layer == "raw" else cells
    x = cells.layers[layer] if layer not in (None, "raw") else of.X
    if x is None:
        raise BadData(f"{name}: expected cells by genes, with X, got {_in_place_of_x(layers, ['none'])}.")
    x = x.to_memory() if hasattr(x, "to_memory") else x
    x = x if scipy.sparse.issparse(x) else np.asarray(x)
    genes = [str(gene) for gene in of.var_names]
    about = known_of_cells(cells, name)
    return dataset_of_cells(Cells(name, name, x, genes, about, _layers(layers, layer)), labels, attributes, log1p)


def known_of_cells(cells: Any, where: str) -> dict[str, Any]:
    """The columns of an AnnData object's obs, by name: numbers, or words."""
    return {str(column): _of_pandas(cells.obs[column], where) for column in cells.obs.columns}


def _check_layer(layer: str | None, layers: list[str], where: str) -> None:
    """Raise UnknownName or BadData where there is no such matrix."""
    if layer is None or layer in layers:
        return
    if not layers:
        raise BadData(f"{where}: expected a matrix {layer!r} beside X, got none. Leave layer out.")
    raise UnknownName(f"layer of {where}", layer, layers)


def _in_place_of_x(layers: list[str], others: Iterable[str]) -> str:
    """What there is where X is not, and how it is taken."""
    if not layers:
        return ", ".join(others) or "nothing"
    return f"none, and {', '.join(layers)} beside it: layer={layers[0]} (--set data.layer={layers[0]}) takes that"


def _layers(layers: list[str], chosen: str | None) -> tuple[str, ...]:
    others = [layer for layer in layers if layer != chosen]
    if not others:
        return ()
    return (f"x is {chosen or 'X'}; there is {', '.join(others)}, too: layer=NAME takes it.",)


def _of_pandas(column: Any, where: str) -> Any:
    """The values of a column of pandas: words of categories, or what there is."""
    codes = getattr(getattr(column, "cat", None), "codes", None)
    if codes is None:
        return np.asarray(column)
    return _words(np.asarray(codes), np.asarray(column.cat.categories), where)


def _words(codes: np.ndarray, categories: np.ndarray, where: str) -> np.ndarray:
    """The categories that codes stand for, as words, also where they are numbers; None where the code is below 0."""
    if codes.size and (codes.max() >= len(categories) or codes.dtype.kind not in "iu"):
        raise BadData(f"{where}: expected codes of {len(categories)} categories, got {codes.max()}.")
    values = np.array([*map(category_word, _decoded(categories)), None], dtype=object)
    return values[np.where(codes < 0, len(categories), codes)]


def _decoded(values: np.ndarray) -> np.ndarray:
    """Bytes as text."""
    if values.dtype.kind not in "SO":
        return values
    return np.array(
        [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values.tolist()], dtype=object
    )


def _is_nothing(stored: Any) -> bool:
    """Whether a place of a file holds no matrix: there is none, or it is None as AnnData writes it."""
    return stored is None or stored.attrs.get("encoding-type") == "null"


def _matrix(stored: Any, path: Path) -> Any:
    """A dense or sparse matrix, if memory will hold it."""
    if not hasattr(stored, "keys"):
        if stored.ndim != 2 or stored.dtype.kind not in "biuf":
            raise BadData(f"{path}: expected X to be a matrix of numbers, got {stored.dtype} of shape {stored.shape}.")
        size = int(np.prod(stored.shape, dtype=object)) * (stored.dtype.itemsize + 4)
        check_fits(size, f"{path}: X, dense, of shape {stored.shape}", "Save it as a sparse matrix, or a part of it.")
        return stored[()]
    kind = stored.attrs.get("encoding-type", stored.attrs.get("h5sparse_format", b""))
    kind = (kind.decode() if isinstance(kind, bytes) else str(kind)).removesuffix("_matrix")
    shape = tuple(int(n) for n in stored.attrs.get("shape", stored.attrs.get("h5sparse_shape", ())))
    if kind not in _SPARSE or len(shape) != 2 or not {"data", "indices", "indptr"} <= set(stored):
        raise BadData(
            f"{path}: expected X to be an array, or sparse by rows or columns, got {kind or 'another kind'!r}."
        )
    parts = [stored[name] for name in ("data", "indices", "indptr")]
    size = sum(int(part.size) * part.dtype.itemsize for part in parts)
    check_fits(2 * size, f"{path}: X, sparse, of shape {shape}", "Save a part of it.")
    return _SPARSE[kind](tuple(part[()] for part in parts), shape=shape)


def _index(table: Any) -> list[str]:
    """The names of the rows of obs or var."""
    if not hasattr(table, "keys"):  # as AnnData wrote them before 0.7: one array of records
        name = next((one for one in ("index", "_index") if one in table.dtype.names), table.dtype.names[0])
        return list(map(str, _decoded(table[name])))
    name = table.attrs.get("_index", "_index")
    name = name.decode() if isinstance(name, bytes) else str(name)
    if name not in table:
        return []
    stored = table[name]  # of words that may be missing it is a group
    return list(map(str, _decoded((stored["values"] if hasattr(stored, "keys") else stored)[()])))


def _columns(table: Any, file: Any) -> dict[str, Any]:
    """The columns of obs, words in place of codes."""
    if not hasattr(table, "keys"):
        names = [name for name in table.dtype.names if name not in ("index", "_index")]
        return {name: _of_categories(table[name], file.get(f"uns/{name}_categories"), file.filename) for name in names}
    index = table.attrs.get("_index", "_index")
    index = index.decode() if isinstance(index, bytes) else str(index)
    old = table.get("__categories", {})
    columns = {}
    for name in table:
        column = table[name]
        if name in (index, "__categories"):
            continue
        if hasattr(column, "keys"):  # a group of codes and categories, or of values and a mask; others are left out
            if {"codes", "categories"} <= set(column):
                columns[name] = _words(column["codes"][()], column["categories"][()], file.filename)
            elif {"values", "mask"} <= set(column):
                columns[name] = _masked(column["values"][()], column["mask"][()], file.filename, name)
        else:
            columns[name] = _of_categories(column[()], old.get(name), file.filename)
    return columns


def _masked(values: np.ndarray, mask: np.ndarray, where: str, name: str) -> np.ndarray:
    """The values of a column that may lack some, as pandas' nullable types have them; None where one is missing."""
    if values.shape != mask.shape or mask.dtype.kind not in "biu":
        raise BadData(f"{where}: expected a mask of column {name!r} of shape {values.shape}, got {mask.shape}.")
    if not mask.any():
        return _decoded(values)
    present = _decoded(values).astype(object)
    present[mask.astype(bool)] = None
    return present


def _of_categories(values: np.ndarray, categories: Any, where: str) -> np.ndarray:
    return _decoded(values) if categories is None else _words(values, np.ravel(categories[()]), where)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Whatever h5py raises becomes BadData."""
    try:
        yield
    except (BadData, Refused, UnknownName):
        raise
    except Exception as error:  # h5py raises whatever the library does
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise BadData(f"{path}: cannot be read as an AnnData file: {reason}. Write it anew with write_h5ad.") from None
