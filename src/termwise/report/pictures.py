"""The pictures of a report: what went in, what came back, what the prior dreams, what each dimension does."""

from dataclasses import dataclass

import numpy as np
import torch

from termwise.data.dataset import Dataset
from termwise.errors import BadData
from termwise.models.data_pass import evaluating
from termwise.models.randomness import own_randomness
from termwise.models.vae import VAE

TRAVERSED = torch.linspace(-2.5, 2.5, 9)
"""Where along a dimension of the code a traversal stops."""


@dataclass(frozen=True)
class Pictures:
    """Arrays of examples in the space of x; each may be left out.

    Images have the shape (1 or 3, H, W), or (H, W), with values in [0, 1]; vectors (D,) may have any values.

    Args:
        originals: Held-out examples, shape (n, *shape).
        reconstructions: The same examples decoded from their codes, shape (n, *shape).
        samples: Decoded draws from the prior, shape (m, *shape).
        traversals: One walk along each of K latent dimensions, shape (K, steps, *shape).
        traversal_dimensions: Which latent dimension each of the K is; 0, 1, 2, ... if left out.

    Raises:
        BadData: Shapes that do not fit each other, or that are neither images nor vectors.
    """

    originals: np.ndarray | None = None
    reconstructions: np.ndarray | None = None
    samples: np.ndarray | None = None
    traversals: np.ndarray | None = None
    traversal_dimensions: list[int] | None = None

    def __post_init__(self) -> None:
        shapes = {}
        for name, batch_axes in (("originals", 1), ("reconstructions", 1), ("samples", 1), ("traversals", 2)):
            array = getattr(self, name)
            if array is None or np.asarray(array).size == 0:
                object.__setattr__(self, name, None)
                continue
            clean = np.nan_to_num(np.asarray(array, dtype=np.float64))
            object.__setattr__(self, name, clean)
            shapes[name] = clean.shape[batch_axes:]
        for name, shape in shapes.items():
            _check(name, shape)
        if len(set(shapes.values())) > 1:
            listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise BadData(f"Pictures need examples of one shape throughout; got {listed}. Reshape them to agree.")
        if (self.originals is None) != (self.reconstructions is None) or (
            self.originals is not None
            and self.reconstructions is not None
            and len(self.originals) != len(self.reconstructions)
        ):
            raise BadData(
                "Pictures need one reconstruction for each original; got "
                f"{_count(self.originals)} originals and {_count(self.reconstructions)} reconstructions."
            )
        walks = _count(self.traversals)
        if self.traversal_dimensions is None:
            object.__setattr__(self, "traversal_dimensions", list(range(walks)))
        elif self.traversals is not None and len(self.traversal_dimensions) != walks:
            raise BadData(
                f"Pictures need the dimension of each traversal; got {walks} traversals and "
                f"{len(self.traversal_dimensions)} dimensions. Give one dimension for each."
            )


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether one example of this shape is drawn as an image, rather than as a line."""
    return len(shape) > 1


def can_be_drawn(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape are images or vectors."""
    return len(shape) in (1, 2) or (len(shape) == 3 and shape[0] in (1, 3))


def pictures_of(model: VAE, data: Dataset, rate_by_dimension: list[float] | None, count: int = 16) -> Pictures:
    """Reconstructions, samples and latent traversals, the costliest dimension first; none where x is no picture.

    The same for the same model and data.
    """
    if not (can_be_drawn(data.shape) and model.likelihood.makes_examples):
        return Pictures()
    with evaluating(model), own_randomness(seed=0):
        x = data.tensor(limit=count)
        code = model.encode(x).mean[:1]
        dimensions = sorted(range(model.latent), key=lambda j: -rate_by_dimension[j] if rate_by_dimension else j)
        rows = []
        for j in dimensions:
            codes = code.repeat(len(TRAVERSED), 1)
            codes[:, j] = TRAVERSED
            rows.append(model.generate_examples(codes))
        return Pictures(
            originals=x.numpy(),
            reconstructions=model.reconstruct(x).numpy(),
            samples=model.sample(2 * count).numpy(),
            traversals=torch.stack(rows).numpy(),
            traversal_dimensions=dimensions,
        )


def _check(name: str, shape: tuple[int, ...]) -> None:
    if can_be_drawn(shape):
        return
    raise BadData(
        f"Pictures are images of shape (1 or 3, H, W) or (H, W), or vectors (D,); each of the {name} has shape "
        f"{shape}. Reshape them, or leave them out."
    )


def _count(array: np.ndarray | None) -> int:
    return 0 if array is None else len(array)
