"""scvi-tools' SCVI and LinearSCVI (Lopez et al., 2018): q(z|x) = N(mu(x), diag sigma^2(x)), prior N(0, I), x counts.

p(x|z) is what the model was built with: zero-inflated or plain negative binomial, Poisson or normal, given the cell's
observed size l = log sum_g x_g, its batch and its covariates, which stand in the row that an example is
(`scvi_rows.py`). With latent_distribution="ln" the code is the normal before the softmax, as in its KL.

With use_observed_lib_size=False the size is a second code, q(l|x) = N, whose prior is a normal for every batch.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts
from termwise.models.ready.scvi_laws import Counts, library_prior, standard_normal, with_library
from termwise.models.ready.scvi_rows import CellRows, check_counts


def counts(model: Any, adata: Any = None) -> Dataset:
    """The rows that an adapted model of scvi-tools takes: a cell's counts, and what the model is told beside them.

    Beside x stand the model's batch and covariates; what else obs knows of the cells: measure(..., side="phase").

    Args:
        model: One of scvi.model that `adapt` knows.
        adata: Other cells than those it was set up with; categories that it does not know are refused by scvi-tools.

    Raises:
        Refused: The model is minified, or none that `adapt` knows.
        BadData: What it was set up with are no counts.
    """
    from termwise.models.ready.table import parts_of

    made = parts_of(model, None, False)
    if made is None or made.dataset is None:
        raise Refused(f"Expected one of scvi-tools' models that adapt() takes; got a {type(model).__name__}.")
    return made.dataset(adata)


def parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """An SCVI's or a LinearSCVI's; its likelihood is its own."""
    rows = rows_of_counts(model, likelihood)
    module = model.module
    observed = module.use_observed_lib_size

    def encode(x: Tensor) -> dict[str, Any]:
        inferred = inferred_of_counts(model, rows, x)
        posterior = with_library(inferred["qz"], None if observed else inferred["ql"])
        return {"posterior": posterior, "context": torch.cat([x, inferred["library"]], dim=1)}

    def decode(z: Tensor, context: Tensor) -> Distribution:
        library = context[:, -1:] if observed else z[:, module.n_latent :]
        return law_of_counts(module, rows, z[:, : module.n_latent], library, context[:, :-1])

    def prior(side: Tensor | None) -> Distribution:
        size = library_prior(module, None if side is None else side[:, 0])
        code = standard_normal(module.n_latent, size.mean).expand(size.batch_shape)
        return BlockLaw([code, size], ("z", "library"))

    if observed:
        return Parts(encode, decode, None, dataset_of_counts(rows, module))
    beside = () if rows.batch is None else (rows.batch,)
    return Parts(encode, decode, None, dataset_of_counts(rows, module), prior, beside)


def rows_of_counts(model: Any, likelihood: str | Likelihood | None) -> CellRows:
    """The rows of a model whose module is scvi-tools' VAE.

    Raises:
        Refused: The user names a likelihood, and the model has its own.
    """
    rows = CellRows(
        model,
        labelled=getattr(model.module, "dispersion", "") == "gene-label",
        sized=bool(getattr(model.module, "use_size_factor_key", False)),
    )
    if likelihood is not None:
        own, name = model.module.gene_likelihood, type(model).__name__
        raise Refused(f"An {name} has its own likelihood ({own}); leave out {likelihood!r}.")
    return rows


def dataset_of_counts(rows: CellRows, module: Any) -> Any:
    """What makes the rows of cells, once they have shown to be counts."""

    def dataset(cells: Any = None) -> Dataset:
        found = rows.dataset(cells)
        check_counts(found.tensor()[:, : module.n_input], module.gene_likelihood, not module.use_size_factor_key)
        return found

    return dataset


def inferred_of_counts(model: Any, rows: CellRows, x: Tensor) -> dict[str, Any]:
    """What scvi-tools' VAE infers of rows x, shape (B, width)."""
    module, tensors = model.module, rows.tensors(x)
    check_counts(x[:, : module.n_input], module.gene_likelihood, not module.use_size_factor_key)
    inferred: dict[str, Any] = module.inference(**module._get_inference_input(tensors, full_forward_pass=True))
    return inferred


def law_of_counts(module: Any, rows: CellRows, z: Tensor, library: Tensor, x: Tensor) -> Counts:
    """p(x|z) of codes z, shape (B, D), and the logs of sizes, shape (B, 1)."""
    inferred = {"z": module.z_encoder.z_transformation(z), "library": library}
    generated = module.generative(**module._get_generative_input(rows.tensors(x), inferred))
    return Counts.of_genes(generated["px"], x)
