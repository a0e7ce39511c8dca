"""Posteriors that were handed in, as a pass over their examples: what is measured where there is no model."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.functional.given_draw import GivenDraw, GivenLaws
from termwise.models.draw import Draw
from termwise.models.finite import broken_examples, not_finite
from termwise.models.law_rows import rows
from termwise.models.law_tensors import law_tensors

BATCH = 512
"""Examples in a draw, as `measure` has them."""


class GivenPass:
    """N posteriors, with their codes and log likelihoods where they are known, as often as it is called.

    Args:
        law: q(z|x), batch shape (N,), event shape (D,).
        prior: p(z), batch shape (), event shape (D,).
        z: A code of each, shape (N, D); drawn anew at every call where left out.
        log_likelihood: log p(x|z) of each, shape (N,).

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> law, prior = (Independent(Normal(torch.zeros(shape), 1.0), 1) for shape in ((600, 2), (2,)))
        >>> [len(draw) for draw in GivenPass(law, prior)()]
        [512, 88]
    """

    def __init__(
        self, law: Distribution, prior: Distribution, z: Tensor | None = None, log_likelihood: Tensor | None = None
    ) -> None:
        self._law, self._z, self._log_likelihood = law, z, log_likelihood
        self._device = law_tensors(law)[0].device
        self.model = GivenLaws(prior, generates=log_likelihood is not None)

    def __len__(self) -> int:
        return int(self._law.batch_shape[0])

    def __call__(self) -> Iterator[Draw]:
        """The draws, in order.

        Raises:
            NotFinite: Some posterior is no law.
        """
        if broken := broken_examples(self._law):
            raise not_finite(
                f"The posteriors have {' and '.join(broken)}", torch.stack(list(broken.values())).any(0).cpu()
            )
        for start in range(0, len(self), BATCH):
            yield self.at(torch.arange(start, min(start + BATCH, len(self))))

    def at(self, index: Tensor) -> Draw:
        """The draw of the examples at these places."""
        index = index.to(self._device)
        z, log_likelihood = (None if of is None else of[index] for of in (self._z, self._log_likelihood))
        draw = GivenDraw(
            rows(self._law, index),
            z,
            self.model.prior,
            index=index,
            dataset_size=len(self),
            log_likelihood=log_likelihood,
        )
        draw.model = self.model
        draw._independent = lambda: self.at(torch.randint(len(self), (len(index),)))
        return draw

    def first(self, count: int) -> "GivenPass":
        """The first of them alone."""
        z, log_likelihood = (None if of is None else of[:count] for of in (self._z, self._log_likelihood))
        return GivenPass(rows(self._law, slice(0, count)), self.model.prior, z, log_likelihood)
