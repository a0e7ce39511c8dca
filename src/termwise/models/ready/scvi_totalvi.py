"""scvi-tools' TOTALVI (Gayoso et al., 2021): genes and proteins of a cell; the proteins' background is a code, too.

    q(z|x) q(b|z, s)        p(z) p(b|s) p(x|z, b, s)

b is the log of each protein's background, whose prior is a normal for every panel or batch s. A protein that a panel
lacks has its prior for a posterior, and no part in the likelihood. With use_observed_lib_size=False the log of the
cell's size is one code more, between the two.

scvi-tools adds two terms to its KL of the background, which are none of the ELBO: -log p of each protein's efficiency
by batch, a parameter, under LogNormal(0, 1), and 1e-3 of -log of the probability that it is background.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.chained_law import ChainedLaw
from termwise.models.flat_codes import flat
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts
from termwise.models.ready.scvi_laws import Counts, at_any_codes, library_prior, normal, standard_normal
from termwise.models.ready.scvi_rows import CellRows, check_counts


def parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """A TOTALVI's; its likelihood is its own."""
    module = model.module
    dispersions = {getattr(module, f"{of}_dispersion", "") for of in ("gene", "protein")}
    rows = CellRows(
        model,
        labelled=any(of.endswith("-label") for of in dispersions),
        sized=bool(getattr(module, "use_size_factor_key", False)),
    )
    if likelihood is not None:
        raise Refused(f"A TOTALVI has its own likelihood ({module.gene_likelihood}); leave out {likelihood!r}.")
    size, genes, proteins = module.n_latent, module.n_input_genes, module.n_input_proteins
    observed = module.use_observed_lib_size
    names = ("z", "background") if observed else ("z", "library", "background")

    def generated(z: Tensor, library: Tensor, x: Tensor) -> dict[str, Any]:
        inferred = {"z": module.encoder.z_transformation(z), "library_gene": library}
        made: dict[str, Any] = module.generative(**module._get_generative_input(rows.tensors(x), inferred))
        return made

    def background(z: Tensor, x: Tensor | None) -> Distribution:
        assert x is not None

        def law(z: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            of = generated(z, x[:, :genes].sum(1, keepdim=True), x)["py_"]
            mean, scale = _background_prior(module, rows.tensors(x)[module.panel_key])
            there = _measured(module, rows.tensors(x))
            return of["back_alpha"].where(there, mean), of["back_beta"].where(there, scale)

        return normal(*at_any_codes(law, z, x))

    def encode(x: Tensor) -> dict[str, Any]:
        tensors = rows.tensors(x)
        check_counts(x[:, : genes + proteins], module.gene_likelihood, sizes=False)
        inferred = module.inference(**module._get_inference_input(tensors, full_forward_pass=True))
        links: list[Distribution | Conditional] = [flat(inferred["qz"]), *([] if observed else [flat(inferred["ql"])])]
        links += [Conditional(background, [0], proteins, x)]
        return {"posterior": ChainedLaw(links, names), "context": x}

    def decode(z: Tensor, context: Tensor) -> Distribution:
        x, own = context, z[:, -proteins:]
        library = x[:, :genes].sum(1, keepdim=True) if observed else z[:, size : size + 1].exp()
        made = generated(z[:, :size], library, x)
        of_proteins = {**made["py_"], "rate_back": own.exp(), "rate_fore": own.exp() * made["py_"]["fore_scale"]}

        def log_probs(value: Tensor) -> Mapping[str, Tensor]:
            of_genes, of_others = module.get_reconstruction_loss(
                value[:, :genes],
                value[:, genes : genes + proteins],
                made["px_"],
                of_proteins,
                _measured(module, rows.tensors(value)),
                made["per_batch_efficiency"],
            )
            return {"genes": -of_genes, "proteins": -of_others}

        return Counts(log_probs, x)

    def prior(side: Tensor | None) -> Distribution:
        by_name = {} if side is None else {one.name: side[:, at] for at, one in enumerate(beside)}
        panel = by_name.get(rows.panel.name) if rows.panel else None
        of = normal(*_background_prior(module, panel))
        blocks = [standard_normal(size, module.background_pro_alpha).expand(of.batch_shape), of]
        if not observed:
            library = library_prior(module, by_name.get(rows.batch.name) if rows.batch else None)
            blocks.insert(1, library.expand(of.batch_shape))
        return BlockLaw(blocks, names)

    of_panel = module.background_pro_alpha.dim() == 2 and rows.panel is not None
    told = [rows.panel if of_panel else None, None if observed else rows.batch]
    beside = tuple(dict.fromkeys(one for one in told if one is not None))
    return Parts(encode, decode, None, rows.dataset, prior, beside)


def _background_prior(module: Any, panel: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and sigma of log backgrounds, shape (B, proteins), by panels, shape (B,) or (B, 1); of the only one else."""
    mean, scale = module.background_pro_alpha, module.background_pro_log_beta.exp()
    if mean.dim() == 1:
        return mean, scale
    place = 0 if panel is None else panel.long().flatten()
    return mean.T[place], scale.T[place]


def _measured(module: Any, tensors: Mapping[str, Tensor]) -> Tensor:
    """Which proteins the panel of each cell has, shape (B, proteins)."""
    y, panels = tensors["proteins"], tensors[module.panel_key].flatten().tolist()
    if module.protein_batch_mask is None:
        return torch.ones_like(y, dtype=torch.bool)
    masks = np.stack([np.asarray(module.protein_batch_mask[str(panel)], dtype=bool) for panel in panels])
    return torch.from_numpy(masks).to(y.device)
