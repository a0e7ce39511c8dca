"""scvi-tools' PEAKVI (Ashuach et al., 2022) and MULTIVI (Ashuach et al., 2023): which regions are open, and genes.

q(z|x) is a normal with prior N(0, I). A region is open with probability p(z) d(x) f: d is the cell's depth and, in
MULTIVI, l its size, both of which the encoder makes of x; they are given, as an observed size is. MULTIVI's q(z|x)
mixes those of the modalities that a cell has, and what it lacks has no part in the likelihood. The background of its
proteins is drawn as the decoder draws it, with no KL, as in scvi-tools' loss; whose penalty on modalities that differ,
kl_divergence_paired, is no term of the ELBO.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.distributions import Distribution, Normal

from termwise.errors import Refused
from termwise.models.flat_codes import flat
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts
from termwise.models.ready.scvi_laws import Counts
from termwise.models.ready.scvi_rows import CellRows


def peakvi(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """A PEAKVI's; its likelihood is its own."""
    rows, module = CellRows(model), model.module
    _check_no_likelihood(likelihood, "PEAKVI")
    regions = module.n_input_regions

    def encode(x: Tensor) -> dict[str, Any]:
        inferred = module.inference(**module._get_inference_input(rows.tensors(x)))
        return {"posterior": flat(inferred["qz"]), "context": (x, inferred["d"])}

    def decode(z: Tensor, context: tuple[Tensor, Any]) -> Distribution:
        x, depth = context
        inferred = {"z": module.z_encoder.z_transformation(z), "qz": Normal(z, 1.0)}
        open_ = module.generative(**module._get_generative_input(rows.tensors(x), inferred))["px"]
        factors = 1 if module.region_factors is None else module.region_factors.sigmoid()

        def log_probs(value: Tensor) -> Mapping[str, Tensor]:
            return {"regions": -module.get_reconstruction_loss(open_, depth, factors, value[:, :regions])}

        return Counts(log_probs, x)

    return Parts(encode, decode, None, rows.dataset)


def multivi(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """A MULTIVI's; its likelihood is its own."""
    module = model.module
    rows = CellRows(
        model,
        sized=bool(getattr(module, "use_size_factor_key", False)),
        labelled=getattr(module, "gene_dispersion", "") == "gene-label",
        by_cell=getattr(module, "modality_weights", "") == "cell",
    )
    _check_no_likelihood(likelihood, "MULTIVI")
    genes, regions, proteins = module.n_input_genes, module.n_input_regions, module.n_input_proteins

    def encode(x: Tensor) -> dict[str, Any]:
        inferred = module.inference(**module._get_inference_input(rows.tensors(x)))
        law = Normal(inferred["qz_m"], inferred["qz_v"].sqrt(), validate_args=False)
        return {"posterior": flat(law), "context": (x, inferred["libsize_expr"], inferred["libsize_acc"])}

    def decode(z: Tensor, context: tuple[Tensor, Tensor, Tensor]) -> Distribution:
        from scvi.module._multivae import get_reconstruction_loss_protein  # type: ignore[import-not-found]

        x, size, depth = context
        code = module.z_encoder_accessibility.z_transformation(z)
        inferred = {"z": code, "qz_m": code, "libsize_expr": size}
        made = module.generative(**module._get_generative_input(rows.tensors(x), inferred))

        def log_probs(value: Tensor) -> Mapping[str, Tensor]:
            of_genes, of_regions, of_proteins, _ = value.split(
                [genes, regions, proteins, value.shape[1] - genes - regions - proteins], 1
            )
            found = {}
            if genes:
                numbers = made["px_rate"], made["px_r"], made["px_dropout"]
                found["genes"] = of_genes, module.get_reconstruction_loss_expression(of_genes, *numbers)
            if regions:
                loss = module.get_reconstruction_loss_accessibility(of_regions, made["p"], depth)
                found["regions"] = of_regions, loss
            if proteins:
                found["proteins"] = of_proteins, get_reconstruction_loss_protein(of_proteins, made["py_"], None)
            return {name: -(loss * (of.sum(1) > 0)) for name, (of, loss) in found.items()}

        return Counts(log_probs, x)

    return Parts(encode, decode, None, rows.dataset)


def _check_no_likelihood(likelihood: str | Likelihood | None, name: str) -> None:
    if likelihood is not None:
        raise Refused(f"A {name} has its own likelihood; leave out {likelihood!r}.")
