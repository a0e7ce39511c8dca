"""A cell as scvi-tools' models take it, in one row: what is generated, and after it what the model is told beside.

    [counts | regions | proteins | batch | label | covariates | size factor | ...]

of which only what the model uses is there. A model of one batch, without covariates, takes plain counts.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.formats.h5ad_files import known_of_cells
from termwise.data.load import load_data
from termwise.data.side import SideVariable
from termwise.data.side_columns import column_of_values
from termwise.errors import BadData, Refused

GENERATED = ("X", "atac", "proteins")
"""scvi-tools' keys of what a model may generate."""
TOLD = ("batch", "labels", "extra_categorical_covs", "extra_continuous_covs", "size_factor", "panel", "ind_x")
"""Its keys of what a model may be told."""
NUMBERS = (*GENERATED, "extra_continuous_covs", "size_factor")
"""Those whose values are numbers, and no places of categories."""


class CellRows:
    """The rows of one model: how wide each of its columns is, by scvi-tools' own key.

    Args:
        model: One of scvi.model, set up with cells.
        labelled: Whether it looks at labels.
        sized: Whether it looks at size factors.
        by_cell: Whether it has numbers of its own for each cell, and looks at which it is.

    Raises:
        Refused: The model has no networks yet, holds no cells, or is minified.
    """

    def __init__(self, model: Any, labelled: bool = False, sized: bool = False, by_cell: bool = False) -> None:
        _check_holds_cells(model)
        self.model = model
        registered, many = model.adata_manager.data_registry, model.summary_stats
        used = {
            "batch": many.get("n_batch", 1) > 1,
            "labels": labelled,
            "size_factor": sized,
            "panel": many.get("n_panel", 1) > 1,
            "ind_x": by_cell,
        }
        keys = [key for key in (*GENERATED, *TOLD) if key in registered and used.get(key, True)]
        self.widths = {key: _columns(model.adata_manager, key).shape[1] for key in keys}

    @property
    def generated(self) -> int:
        """How many numbers of a row, its first, the likelihood is of."""
        return sum(width for key, width in self.widths.items() if key in GENERATED)

    def tensors(self, rows: Tensor) -> dict[str, Tensor]:
        """Rows, shape (B, width), as scvi-tools' modules take them, by key; what is not in a row is 0.

        Raises:
            BadData: They are no rows of this model's.
        """
        if rows.shape[1:] != (sum(self.widths.values()),):
            layout = ", ".join(f"{key}: {width}" for key, width in self.widths.items())
            raise BadData(
                f"This {type(self.model).__name__} takes rows of {sum(self.widths.values())} numbers ({layout}); got "
                f"examples of shape {tuple(rows.shape[1:])}. Hand in the AnnData itself, measure(adapted, adata), or "
                "the rows that termwise.models.ready.scvi.counts(model, adata) makes of it."
            )
        split = dict(zip(self.widths, rows.split(list(self.widths.values()), dim=1), strict=True))
        split = {key: column if key in NUMBERS else column.long() for key, column in split.items()}
        alone = torch.zeros(len(rows), 1, dtype=torch.long, device=rows.device)
        return {**dict.fromkeys(("batch", "labels", "panel", "ind_x"), alone), **split}

    def dataset(self, cells: Any = None) -> Dataset:
        """The rows of cells, and beside x the model's batch and covariates; the model's own cells where left out."""
        model, manager = self.model, self.model.adata_manager
        if cells is not None:
            manager = model.get_anndata_manager(model._validate_anndata(cells), required=True)
        cells = model.adata if cells is None else cells
        rows = np.concatenate([_columns(manager, key) for key in self.widths], axis=1)
        found = load_data(rows, name="cells")
        known = {name: column_of_values(name, of) for name, of in known_of_cells(cells, found.name).items()}
        found = replace(found, annotations=replace(found.annotations, others=known))
        found = found.subset(torch.arange(len(found)))
        return found.with_side(beside) if (beside := self._told(manager)) else found

    @cached_property
    def batch(self) -> SideVariable | None:
        """The batch, with its categories in scvi-tools' order; None where there is one alone."""
        return self._variable("batch")

    @cached_property
    def panel(self) -> SideVariable | None:
        """Of which panel a cell's proteins are, likewise; the batch, where the model was not told otherwise."""
        return self._variable("panel") or self.batch

    def _variable(self, key: str) -> SideVariable | None:
        if key not in self.widths:
            return None
        state = self.model.adata_manager.get_state_registry(key)
        return SideVariable(_named(state, key), tuple(map(str, state["categorical_mapping"])))

    def _told(self, manager: Any) -> dict[str, Any]:
        """Batch, panel and covariates as columns of values, by the names that they have in obs."""
        found: dict[str, Any] = {}
        for key in ("batch", "panel"):
            if (variable := self._variable(key)) is not None:
                places = _columns(manager, key)[:, 0].astype(int)
                found[variable.name] = np.array(variable.categories, dtype=object)[places]
        for key in ("extra_categorical_covs", "extra_continuous_covs"):
            if key not in self.widths:
                continue
            table, state = manager.get_from_registry(key), manager.get_state_registry(key)
            for name in table.columns:
                values = np.asarray(table[name])
                mappings = state.get("mappings", {})
                words = np.array([*map(str, mappings[name])], dtype=object) if name in mappings else None
                found[str(name)] = values.astype(float) if words is None else words[values.astype(int)]
        return found


def check_counts(counts: Tensor, likelihood: str, sizes: bool = True) -> None:
    """Raise BadData unless numbers, shape (B, G), are counts; and where `sizes`, of cells that have any."""
    if likelihood != "normal" and bool(((counts < 0) | (counts != counts.round())).any()):
        raise BadData(
            f"A {likelihood} likelihood needs counts, whole numbers from 0; got {float(counts.min()):g} to "
            f"{float(counts.max()):g}, with fractions or negatives. Hand in raw counts (setup_anndata(layer=...))."
        )
    empty = int((counts.sum(1) <= 0).sum())
    if empty and sizes:
        raise BadData(f"{empty} of {len(counts)} cells have no counts, so no size. Leave them out.")


def _named(state: Any, key: str) -> str:
    """What a column is called in obs."""
    return str(state.get("original_key", key))


def _columns(manager: Any, key: str) -> np.ndarray:
    """The columns of a key, shape (N, width), float32."""
    table = manager.get_from_registry(key)
    dense = np.asarray(table.toarray() if issparse(table) else table, dtype=np.float32)
    return dense.reshape(len(dense), -1)


def _check_holds_cells(model: Any) -> None:
    name = type(model).__name__
    if model.module is None:
        raise Refused(f"This {name} has no networks yet: they are made when it is trained. Train it first.")
    if model.adata is None:
        raise Refused(
            f"This {name} holds no AnnData, which says what its rows are. Load it with one: "
            f"{name}.load(..., adata=adata)."
        )
    if getattr(model, "minified_data_type", None) is not None:
        raise Refused(
            f"This {name}'s AnnData is minified: its counts are gone. Load it with the AnnData that has them."
        )
