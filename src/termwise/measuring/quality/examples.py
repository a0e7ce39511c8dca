"""Examples to be judged, in batches: samples of a model, its reconstructions, or anything of the right shape."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.data.dataset import Dataset
from termwise.errors import BadData
from termwise.models.data_pass import DataPass, values_beside
from termwise.models.distributions import as_of, expected_example, one_each
from termwise.models.drawable import Drawable, prior_of


def checked_batches(batches: Iterable[Tensor], shape: tuple[int, ...]) -> Iterator[Tensor]:
    """The same batches, float32, once each has shown to be of examples of this shape.

    Raises:
        BadData: It is not, or not finite.
    """
    for x in batches:
        if tuple(x.shape[1:]) != shape or not len(x):
            expected = ", ".join(map(str, ("M", *shape)))
            raise BadData(f"Expected samples of shape ({expected}), as the data are, got {tuple(x.shape)}.")
        if not bool(x.isfinite().all()):
            raise BadData("The samples hold numbers that are not finite: look at the model that made them.")
        yield x.detach().float()


def sample_batches(
    model: Drawable, data: Dataset | None, count: int, noise: bool, batch_size: int, device: torch.device | str
) -> Iterator[Tensor]:
    """Samples, `count` in all, at codes from the prior, and at what stands beside the data where a model takes it."""
    beside = None if data is None else values_beside(model, data)
    for start in range(0, count, batch_size):
        size = min(batch_size, count - start)
        rows = None if beside is None else beside[torch.arange(start, start + size) % len(beside)].to(device)
        z = one_each(prior_of(model, rows), size).to(device)
        yield _example(model.generate(z, rows), noise)


def reconstruction_batches(
    model: Drawable, data: Dataset, noise: bool, batch_size: int, device: torch.device | str
) -> Iterator[Tensor]:
    """Reconstructions of every example, at a code from its posterior."""
    for draw in DataPass(model, data, batch_size, device)():
        yield _example(as_of(draw.likelihood, draw.x), noise)


def _example(likelihood: Distribution, noise: bool) -> Tensor:
    """The mean of p(x|z), or, with its noise, a draw from it."""
    return likelihood.sample() if noise else expected_example(likelihood)
