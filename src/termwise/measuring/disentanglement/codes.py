"""Examples as a model encodes them, beside the factors that made them: what every metric is taken of."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.disentanglement.factors import Factors, factors_from
from termwise.models.draw import Drawable
from termwise.models.passes import DataPass, own_randomness
from termwise.terms.aggregate.mixture import Gaussians, gaussians


@dataclass(frozen=True, eq=False)
class Encoded:
    """N examples.

    Attributes:
        mean: The posterior means, float64, shape (N, D).
        within: The posteriors' variances, shape (N, D), or covariances, (N, D, D).
        z: A code each, z ~ q(z|x), shape (N, D).
        components: The posteriors where they are normal, else None.
        refusal: Why they are no components, if they are none.
        factors: What made the examples, or None.
    """

    mean: np.ndarray
    within: np.ndarray
    z: Tensor
    components: Gaussians | None
    refusal: str
    factors: Factors | None

    def __len__(self) -> int:
        return len(self.mean)


def encoded(
    model: Drawable, data: Dataset, factors: Factors | None, seed: int, batch_size: int, device: torch.device | str
) -> Encoded:
    """One pass of the encoder over the data; the random state is left as it was."""
    means, within, codes, parts = [], [], [], []
    refusal = ""
    with own_randomness(seed), torch.no_grad():
        for draw in DataPass(model, data, batch_size, device)():
            law = draw.posterior
            try:
                means.append(law.mean.double().cpu())
                covariance = getattr(law, "covariance_matrix", None)
                within.append((law.variance if covariance is None else covariance).double().cpu())
            except NotImplementedError:
                raise Refused(
                    f"Disentanglement is measured on posterior means, and {type(law).__name__} has none in closed "
                    "form; let encode() give a law that has."
                ) from None
            codes.append(draw.z)
            try:
                parts.append(gaussians(law))
            except Refused as refused:
                refusal = str(refused)
    components = None
    if not refusal:
        components = Gaussians(torch.cat([p.mean for p in parts]), torch.cat([p.spread for p in parts]))
    mean = torch.cat(means)
    if not bool(torch.isfinite(mean).all()):
        raise BadData("The model gives posterior means that are not finite; there is nothing to measure.")
    return Encoded(mean.numpy(), torch.cat(within).numpy(), torch.cat(codes), components, refusal, factors)


def known_factors(data: Dataset) -> tuple[Factors | None, list[str]]:
    """The factors that vary, or the labels as one factor, or None; and what must be said of that."""
    values, names = data.factors, data.factor_names
    said = []
    if values is None and data.labels is not None:
        values, names = data.labels.unsqueeze(1), ("label",)
        said.append("No factors are known of this data; its labels were taken as one.")
    if values is None:
        return None, ["No factors or labels are known of this data, so only what needs none was measured."]
    varies = (values != values[:1]).any(dim=0).tolist()
    constant = [name for name, moves in zip(names, varies, strict=True) if not moves]
    if constant:
        said.append(f"Left out, since only one value of each is in this data: {', '.join(constant)}.")
    if not any(varies):
        return None, said
    kept = [k for k, moves in enumerate(varies) if moves]
    return factors_from(values[:, kept], [names[k] for k in kept]), said
