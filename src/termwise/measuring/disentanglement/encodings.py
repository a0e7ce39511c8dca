"""Examples as a model encodes them, beside the factors that made them: what every metric is taken of."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.disentanglement.factors import Factors, factors_from
from termwise.models.codes import Codes
from termwise.models.data_pass import DataPass
from termwise.models.drawable import Drawable
from termwise.models.randomness import own_randomness
from termwise.models.tensor_dataclasses import map_fields
from termwise.terms.aggregate.mixture import Gaussians, gaussians


@dataclass(frozen=True, eq=False)
class Encodings:
    """The posteriors of N examples, a code from each, and the factors that made the examples.

    Attributes:
        mean: The posterior means, float64, shape (N, D).
        variance: The posteriors' variances, shape (N, D), or covariances, (N, D, D).
        z: A code each, z ~ q(z|x), shape (N, D).
        normals: The posteriors where they are normal, else None.
        refusal: Why there are no normals, if there are none.
        factors: What made the examples, or None.

    Example:
        >>> from termwise.measuring.disentanglement import factors_from
        >>> mean = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> normals = Gaussians(torch.tensor(mean), torch.full((2, 2), 0.1))
        >>> encodings = Encodings(mean, np.full((2, 2), 0.01), normals.mean, normals, "", factors_from([[0], [1]]))
        >>> len(encodings), encodings.required_factors().sizes
        (2, (2,))
    """

    mean: np.ndarray
    variance: np.ndarray
    z: Tensor | Codes
    normals: Gaussians | None
    refusal: str
    factors: Factors | None

    def __len__(self) -> int:
        return len(self.mean)

    def required_factors(self) -> Factors:
        """The factors, for a metric that cannot do without.

        Raises:
            Refused: There are none.
        """
        if self.factors is None:
            raise Refused("This metric compares codes with factors, and none are known of these examples.")
        return self.factors

    def required_normals(self) -> Gaussians:
        """The posteriors, for a metric that needs normal ones.

        Raises:
            Refused: They are not normal.
        """
        if self.normals is None:
            raise Refused(self.refusal)
        return self.normals


def encode_dataset(
    model: Drawable, data: Dataset, factors: Factors | None, seed: int, batch_size: int, device: torch.device | str
) -> Encodings:
    """The encodings of all examples, in one pass of the encoder; the random state is left as it was."""
    means, variances, codes, parts = [], [], [], []
    refusal = ""
    with own_randomness(seed), torch.no_grad():
        for draw in DataPass(model, data, batch_size, device)():
            law = draw.posterior
            try:
                means.append(law.mean.cpu().double())
                covariance = getattr(law, "covariance_matrix", None)
                variances.append((law.variance if covariance is None else covariance).cpu().double())
            except NotImplementedError:
                raise Refused(
                    f"Disentanglement is measured on posterior means, and {type(law).__name__} has none in closed "
                    "form; let encode() give a law that has."
                ) from None
            codes.append(draw.codes)
            try:
                parts.append(gaussians(law))
            except Refused as refused:
                refusal = str(refused)
    normals = None
    if not refusal:
        normals = Gaussians(torch.cat([p.mean for p in parts]), torch.cat([p.spread for p in parts]))
    mean = torch.cat(means)
    if not bool(torch.isfinite(mean).all()):
        raise BadData("The model gives posterior means that are not finite; there is nothing to measure.")
    return Encodings(
        mean.numpy(), torch.cat(variances).numpy(), map_fields(torch.cat, codes), normals, refusal, factors
    )


def factors_of(data: Dataset) -> tuple[Factors | None, list[str]]:
    """The factors of a data set that vary, or its labels as one factor, or None; and what must be said of that."""
    values, names = data.factors, data.factor_names
    sentences = []
    if values is None and data.labels is not None:
        values, names = data.labels.unsqueeze(1), ("label",)
        sentences.append("No factors are known of this data; its labels were taken as one.")
    if values is None:
        return None, ["No factors or labels are known of this data, so only what needs none was measured."]
    varies = (values != values[:1]).any(dim=0).tolist()
    constant = [name for name, moves in zip(names, varies, strict=True) if not moves]
    if constant:
        sentences.append(f"Left out, since only one value of each is in this data: {', '.join(constant)}.")
    if not any(varies):
        return None, sentences
    kept = [k for k, moves in enumerate(varies) if moves]
    return factors_from(values[:, kept], [names[k] for k in kept]), sentences
