"""scvi-tools' SCVI (Lopez et al., 2018): q(z|x) = N(mu(x), diag sigma^2(x)), prior N(0, I), x a cell's counts.

p(x|z) is what the model was built with: zero-inflated or plain negative binomial, Poisson or normal, given the cell's
observed size l = log sum_g x_g, its batch and its covariates. They are known, not generated, so an example is a row

    [x_1 ... x_G | batch | label | categorical covariates | continuous covariates | size factor]

of which only what this model uses is there, and p(x|z) is asked about the G counts alone. A model of one batch, without
covariates, takes plain counts. With latent_distribution="ln" the code is the normal before the softmax, as in its KL.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor
from torch.distributions import Distribution

from termwise.data.dataset import Dataset
from termwise.data.formats.h5ad_files import known_of_cells
from termwise.data.load import load_data
from termwise.data.side_columns import column_of_values
from termwise.errors import BadData, Refused
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts

CATEGORICAL = ("batch", "labels", "extra_categorical_covs")


class Counts(Distribution):
    """p(x|z) of a row's first G numbers, given the rest of the row.

    Args:
        genes: The law of the counts, batch shape (B, G) or event shape (G,).
        covariates: The rest of each row, shape (B, C), which is known and not generated.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, genes: Distribution, covariates: Tensor) -> None:
        self.genes, self.covariates = genes, covariates
        self.count = genes.mean.shape[-1]
        super().__init__(covariates.shape[:1], torch.Size([self.count + covariates.shape[1]]), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of the counts, summed over genes, shape (B,); nats."""
        return self.genes.log_prob(value[..., : self.count]).sum(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Rows of new counts, each with the covariates that it was asked with."""
        x = self.genes.sample(torch.Size(sample_shape))
        return torch.cat([x, self.covariates.expand(*x.shape[:-1], -1)], dim=-1)


def counts(model: Any, adata: Any = None) -> Dataset:
    """The rows that an adapted SCVI takes: a cell's counts, and what the model is told beside them.

    What obs knows of the cells can stand beside x: measure(..., side="batch").

    Args:
        model: The scvi.model.SCVI.
        adata: Other cells than those it was set up with; categories that it does not know are refused by scvi-tools.

    Raises:
        Refused: The model is minified.
        BadData: What it was set up with are no counts.
    """
    _check(model)
    manager = model.adata_manager
    if adata is not None:
        manager = model.get_anndata_manager(model._validate_anndata(adata), required=True)
    columns = [np.asarray(_dense(manager.get_from_registry(key)), dtype=np.float32) for key in _widths(model)]
    rows = np.concatenate([column.reshape(len(columns[0]), -1) for column in columns], axis=1)
    _check_rows(model.module, torch.from_numpy(rows))
    cells = load_data(rows, name="cells")
    known = {
        name: column_of_values(name, values)
        for name, values in known_of_cells(model.adata if adata is None else adata, cells.name).items()
    }
    cells = replace(cells, annotations=replace(cells.annotations, others=known))
    return cells.subset(torch.arange(len(cells)))


def parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """An SCVI's; its likelihood is its own."""
    if likelihood is not None:
        raise Refused(f"An SCVI has its own likelihood ({model.module.gene_likelihood}); leave out {likelihood!r}.")
    _check(model)
    module, widths = model.module, _widths(model)

    def columns_of(rows: Tensor) -> dict[str, Tensor]:
        split = dict(zip(widths, rows.split(list(widths.values()), dim=1), strict=True))
        split = {key: column.long() if key in CATEGORICAL else column for key, column in split.items()}
        alone = torch.zeros(len(rows), 1, dtype=torch.long, device=rows.device)
        return {"batch": alone, "labels": alone, **split}

    def encode(rows: Tensor) -> dict[str, Any]:
        if rows.shape[1:] != (sum(widths.values()),):
            layout = ", ".join(f"{key}: {width}" for key, width in widths.items())
            raise BadData(
                f"This SCVI takes rows of {sum(widths.values())} numbers ({layout}); got examples of shape "
                f"{tuple(rows.shape[1:])}. Hand in the AnnData itself, measure(adapted, adata), or the rows that "
                "termwise.models.ready.scvi.counts(model, adata) makes of it."
            )
        _check_rows(module, rows)
        inferred = module.inference(**module._get_inference_input(columns_of(rows), full_forward_pass=True))
        return {"posterior": inferred["qz"], "context": torch.cat([rows, inferred["library"]], dim=1)}

    def decode(z: Tensor, context: Tensor) -> Distribution:
        rows, library = context[:, :-1], context[:, -1:]
        inferred = {"z": module.z_encoder.z_transformation(z), "library": library}
        generated = module.generative(**module._get_generative_input(columns_of(rows), inferred))
        return Counts(generated["px"], rows[:, widths["X"] :])

    return Parts(encode, decode, None, partial(counts, model))


def _widths(model: Any) -> dict[str, int]:
    """The columns of a row, by scvi-tools' own key; only those that this model uses."""
    module, registered = model.module, model.adata_manager.data_registry
    used = {
        "X": module.n_input,
        "batch": int(module.n_batch > 1),
        "labels": int(module.dispersion == "gene-label"),
    }
    for key in ("extra_categorical_covs", "extra_continuous_covs"):
        if key in registered:
            used[key] = np.asarray(model.adata_manager.get_from_registry(key)).shape[1]
    used["size_factor"] = int(bool(module.use_size_factor_key))
    return {key: width for key, width in used.items() if width}


def _check(model: Any) -> None:
    """Raise Refused for an SCVI that this file does not know how to read."""
    if model.module is None:
        raise Refused("This SCVI has no networks yet: they are made when it is trained. Train it first.")
    if model.adata is None:
        raise Refused(
            "This SCVI holds no AnnData, which says what its rows are. Load it with one: SCVI.load(..., adata=adata)."
        )
    if model.minified_data_type is not None:
        raise Refused("This SCVI's AnnData is minified: its counts are gone. Load it with the AnnData that has them.")
    if not model.module.use_observed_lib_size:
        raise Refused(
            "This SCVI infers the size of a cell as a second code, with a prior for every batch, which has no single "
            "rate here. Expected use_observed_lib_size=True (scvi-tools' default); got False."
        )


def _check_rows(module: Any, rows: Tensor) -> None:
    """Raise BadData unless the first G numbers of every row are counts."""
    x = rows[:, : module.n_input]
    if module.gene_likelihood != "normal" and bool(((x < 0) | (x != x.round())).any()):
        raise BadData(
            f"A {module.gene_likelihood} likelihood needs counts, whole numbers from 0; got "
            f"{float(x.min()):g} to {float(x.max()):g}, with fractions or negatives. Hand in raw counts "
            "(setup_anndata(layer=...))."
        )
    empty = int((x.sum(1) <= 0).sum())
    if empty and not module.use_size_factor_key:
        raise BadData(f"{empty} of {len(x)} cells have no counts, so no size. Leave them out.")


def _dense(table: Any) -> Any:
    return table.toarray() if issparse(table) else table
