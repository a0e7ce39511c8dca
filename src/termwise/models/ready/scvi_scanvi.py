"""scvi-tools' SCANVI (Xu et al., 2021): a code z1 that a label y and a rest z2 make in the model's own telling.

    q(z1|x) q(y|z1) q(z2|z1, y)        p(y) p(z2) p(z1|z2, y) p(x|z1)

So a code has three blocks. What z1 costs is E log q(z1|x) - log p(z1|z2, y), which is part of the rate with those of y
and z2 alone, and may be below 0. scvi-tools' loss sums over y where an account draws it, and its classification loss is
no term of the ELBO.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.models.block_law import Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.flat_codes import flat
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts
from termwise.models.ready.scvi import dataset_of_counts, inferred_of_counts, law_of_counts, rows_of_counts
from termwise.models.ready.scvi_laws import at_any_codes, library_prior, normal, standard_normal

BLOCKS = ("z1", "y", "z2", "library")


def parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """A SCANVI's; its likelihood is its own."""
    rows, module = rows_of_counts(model, likelihood), model.module
    size, observed = module.n_latent, module.use_observed_lib_size

    def label(z1: Tensor, _: Tensor | None) -> Distribution:
        made = at_any_codes(module.classifier, z1)
        return Categories((made if module.classifier.logits else made.log()).unsqueeze(-2))

    def rest(given: Tensor, _: Tensor | None) -> Distribution:
        z1, y = given[..., :size], given[..., size:]
        law = lambda z1, y: (of := module.encoder_z2_z1(z1, y)[0]) and (of.loc, of.scale)  # noqa: E731
        return normal(*at_any_codes(law, z1, y))

    def made(given: Tensor, _: Tensor | None) -> Distribution:
        y, z2 = given[..., :-size], given[..., -size:]
        mean, variance = at_any_codes(module.decoder_z1_z2, z2, y)
        return normal(mean, variance.sqrt())

    def encode(x: Tensor) -> dict[str, Any]:
        inferred = inferred_of_counts(model, rows, x)
        links: list[Distribution | Conditional]
        links = [flat(inferred["qz"]), Conditional(label, [0], module.n_labels), Conditional(rest, [0, 1], size)]
        links += [] if observed else [flat(inferred["ql"])]
        return {
            "posterior": ChainedLaw(links, BLOCKS[: len(links)]),
            "context": torch.cat([x, inferred["library"]], dim=1),
        }

    def decode(z: Tensor, context: Tensor) -> Distribution:
        library = context[:, -1:] if observed else z[:, -1:]
        return law_of_counts(module, rows, z[:, :size], library, context[:, :-1])

    def prior(side: Tensor | None) -> Distribution:
        shape = () if side is None else (len(side),)
        y = Categories(module.y_prior.log().expand(*shape, 1, -1))
        links: list[Distribution | Conditional]
        links = [Conditional(made, [1, 2], size), y, standard_normal(size, module.y_prior).expand(torch.Size(shape))]
        links += [] if observed else [library_prior(module, None if side is None else side[:, 0])]
        return ChainedLaw(links, BLOCKS[: len(links)])

    beside = () if observed or rows.batch is None else (rows.batch,)
    return Parts(encode, decode, None, dataset_of_counts(rows, module), prior, beside)
