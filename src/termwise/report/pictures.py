"""The pictures of a report: what went in, what came back, what the prior dreams, what each dimension does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.data.dataset import Dataset
from termwise.errors import BadData
from termwise.models.code_paths import MOST_TRAVERSED, STEPS, traversals_of
from termwise.models.data_pass import evaluating, values_beside
from termwise.models.distributions import centre, expected_example, one_each
from termwise.models.drawable import Drawable, decoder_is_told, generates, inferred, prior_of, side_variables, target_of
from termwise.models.randomness import own_randomness
from termwise.report.side_pictures import SidePictures, side_pictures, swept
from termwise.report.table_pictures import TableOfExamples

FEWEST_ROWS, MOST_ROWS, MOST_NUMBERS = 256, 2000, 2_000_000
"""How many rows of a table its columns are shown by: from as many to as many, and of how many numbers at most."""

FEWEST_DRAWN = 1024
"""How many rows are drawn at the least, so that what is drawn is known better than what was held out."""

LONG = 4
"""How many times as long as it has channels a series is at the least, so that it is not taken for an image."""


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
        along_side: The same code at values of what stands beside x, from low to high or category by category, shape
            (steps, *shape), by what it is called.
        side: Images at values beside x, of a model whose decoder takes them.
        table: The columns of a table, of which the vectors are rows in standard deviations.
        missing: Why a picture is left out, by its name.

    Raises:
        BadData: Shapes that do not fit each other, or that are neither images nor vectors.
    """

    originals: np.ndarray | None = None
    reconstructions: np.ndarray | None = None
    samples: np.ndarray | None = None
    traversals: np.ndarray | None = None
    traversal_dimensions: list[int] | None = None
    along_side: Mapping[str, np.ndarray] = field(default_factory=dict)
    side: SidePictures | None = None
    table: TableOfExamples | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

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
    return len(shape) > 1 and not is_series(shape)


def is_series(shape: tuple[int, ...]) -> bool:
    """Whether one example of this shape is a few channels of many values, (channels, length), and not an image."""
    return len(shape) == 2 and shape[0] * LONG <= shape[1]


def can_be_drawn(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape are images or vectors."""
    return len(shape) in (1, 2) or (len(shape) == 3 and shape[0] in (1, 3))


def pictures_of(model: Drawable, data: Dataset, rate_by_dimension: list[float] | None, count: int = 16) -> Pictures:
    """Reconstructions, samples and latent traversals, the costliest dimension first, and the columns of a table.

    The same for the same model and data. A picture that cannot be had is left out, and why is said; so are all where x
    is no picture, or the model does not make examples.
    """
    if (target := target_of(model)) is not None:
        why = f"The decoder says {target.name}, and not x."
        return Pictures(missing=dict.fromkeys(("reconstructions", "samples", "traversals"), why))
    makes_examples = generates(model) and getattr(getattr(model, "likelihood", None), "makes_examples", True)
    if not (can_be_drawn(data.shape) and makes_examples):
        return Pictures()
    x, missing = data.tensor(limit=count), {}
    made: dict[str, np.ndarray] = {}
    traversed: list[int] = []
    with evaluating(model), own_randomness(seed=0):
        beside = values_beside(model, data)
        makers = {
            "reconstructions": lambda: _reconstructed(model, x, _first(beside, len(x))),
            "samples": lambda: expected_example(_sampled(model, 2 * count, beside)),
            "traversals": lambda: _traversals(model, x, beside, rate_by_dimension, traversed),
        }
        for name, make in makers.items():
            try:
                made[name] = make().double().numpy()
            except Exception as error:  # a model of the user's may fail in any way: the report stands without a picture
                missing[name] = f"{type(error).__name__}: {error}"
        along: dict[str, np.ndarray] = {}
        at_others = None
        if beside is not None and decoder_is_told(model) and not missing:
            along = swept(model, side_variables(model), x[:1], beside, STEPS)
            if is_image(data.shape):
                at_others = side_pictures(model, side_variables(model), x, beside)
        table = None
        if data.columns and not missing:
            table = _table(model, data, beside)
    if table is not None:  # columns of one unit can be drawn over one another
        centre_of, spread = table.real.mean(0), table.spread()
        made = {name: (rows - centre_of) / spread for name, rows in made.items()}
        along = {name: (rows - centre_of) / spread for name, rows in along.items()}
    originals = x.double().numpy() if table is None else (x.double().numpy() - centre_of) / spread
    dimensions = traversed if "traversals" in made else None
    shown = originals if "reconstructions" in made else None
    return Pictures(
        originals=shown,
        reconstructions=made.get("reconstructions"),
        samples=made.get("samples"),
        traversals=made.get("traversals"),
        traversal_dimensions=dimensions,
        along_side=along,
        side=at_others,
        table=table,
        missing=missing,
    )


def _first(beside: Tensor | None, count: int) -> Tensor | None:
    """The values beside the first examples, and again from the first where there are too few, shape (count, V)."""
    return None if beside is None else beside[torch.arange(count) % len(beside)]


def _sampled(model: Drawable, count: int, beside: Tensor | None) -> Distribution:
    """The likelihood of so many codes from the prior, at what stands beside the first examples."""
    beside = _first(beside, count)
    return model.generate(one_each(prior_of(model, beside), count), beside)


def _reconstructed(model: Drawable, x: Tensor, beside: Tensor | None) -> Tensor:
    """The expected examples at the centres of the posteriors, shape (B, *shape)."""
    posterior, context = inferred(model, x, beside)
    return expected_example(model.generate(centre(posterior), context), x)


def _traversals(
    model: Drawable, x: Tensor, beside: Tensor | None, rates: list[float] | None, traversed: list[int]
) -> Tensor:
    """What is decoded along each dimension, shape (K, steps, *shape), the costliest first; tells which they are."""
    found = traversals_of(model, x[:1], _first(beside, 1), rates=rates, most=MOST_TRAVERSED)
    traversed += found.dimensions
    return found.examples


def _table(model: Drawable, data: Dataset, beside: Tensor | None) -> TableOfExamples:
    """Held-out rows, the same decoded from their codes, and as many that the model draws with their noise."""
    count = min(len(data), MOST_ROWS, max(FEWEST_ROWS, MOST_NUMBERS // len(data.columns)))
    parts = data.tensor(limit=count).split(FEWEST_ROWS)
    of_parts = _split(_first(beside, count), len(parts))
    copies = torch.cat([_reconstructed(model, *part) for part in zip(parts, of_parts, strict=True)])
    many = max(count, FEWEST_DRAWN)
    of_many = _first(beside, many)
    codes = one_each(prior_of(model, of_many), many).split(FEWEST_ROWS)
    of_codes = _split(of_many, len(codes))
    drawn = [model.generate(*part).sample() for part in zip(codes, of_codes, strict=True)]
    rows = (torch.cat(one).double().numpy() for one in (parts, [copies], drawn))
    return TableOfExamples(data.columns, *rows)


def _split(beside: Tensor | None, parts: int) -> Sequence[Tensor | None]:
    """Values beside examples, in as many parts as these are in."""
    return [None] * parts if beside is None else beside.split(FEWEST_ROWS)


def _check(name: str, shape: tuple[int, ...]) -> None:
    if can_be_drawn(shape):
        return
    raise BadData(
        f"Pictures are images of shape (1 or 3, H, W) or (H, W), or vectors (D,); each of the {name} has shape "
        f"{shape}. Reshape them, or leave them out."
    )


def _count(array: np.ndarray | None) -> int:
    return 0 if array is None else len(array)
