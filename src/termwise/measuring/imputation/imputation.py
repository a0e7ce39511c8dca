"""An imputation: examples whose missing entries are filled, how sure that is, and draws of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.data.tables.back import blocks, likeliest, spread_of, table_of
from termwise.errors import Refused

FEW = 10
"""Effective samples below which an example's mean is that of few codes, and its spread too small."""


@dataclass(frozen=True, eq=False, repr=False)
class Imputation:
    """Examples whose missing entries are filled, with the spread of each, and draws of them.

    What was there is there still, to the last digit.

    Attributes:
        data: The examples, with their gaps.
        mean: The mean of each missing entry given the example's others, and those, shape (N, *shape); of entries that
            are 0 and 1, such as categories', probabilities.
        stddev: Its standard deviation, the same shape; 0 of what was there.
        draws: Each missing entry as it may have been, those of an example together, shape (M, N, *shape).
        effective_sample_size: Of each example, how many of the codes carry its weights, shape (N,).
        samples: How many codes there were of each.

    Example:
        >>> import torch
        >>> from termwise.data import InMemory
        >>> data = Dataset("gaps", InMemory(torch.tensor([[1.0, torch.nan]])))
        >>> x, spread = torch.tensor([[1.0, 2.5]]), torch.tensor([[0.0, 0.5]])
        >>> Imputation(data, x, spread, x.expand(0, 1, 2), torch.tensor([80.0]), 100)
        Imputation(1 of 2 entries of 'gaps' filled, in 1 example; at the median 80 of 100 codes carry the weights)
    """

    data: Dataset
    mean: Tensor
    stddev: Tensor
    draws: Tensor
    effective_sample_size: Tensor
    samples: int

    def __repr__(self) -> str:
        rows = int(self._gaps.sum())
        if not rows:
            return f"Imputation(nothing is missing of {self.data.name!r})"
        median = float(self.effective_sample_size[self._gaps].median())
        what = "cells" if self.data.columns else "entries"
        return (
            f"Imputation({self.count:,} of {self._cells.numel():,} {what} of {self.data.name!r} filled, in {rows:,} "
            f"example{'s' * (rows > 1)}; at the median {median:.0f} of {self.samples:,} codes carry the weights)"
        )

    @cached_property
    def missing(self) -> Tensor:
        """Which entries were, shape (N, *shape)."""
        return self.data.tensor().isnan()

    @property
    def count(self) -> int:
        """How many entries were missing; of a table, how many cells."""
        return int(self._cells.sum())

    @cached_property
    def filled(self) -> Tensor:
        """The examples without gaps, shape (N, *shape): means, and of categories the likeliest, as 0 and 1."""
        return likeliest(self.data, self.mean, self.missing)

    def table(self, draw: int | None = None) -> dict[str, np.ndarray]:
        """All columns of the table that the data were read from, by name, in their own units and words, gaps filled.

        Args:
            draw: Which of the draws fills them, from 0; the mean, or the likeliest word, where left out.

        Raises:
            Refused: The data are no table.
        """
        return table_of(self._of_table(), self.filled if draw is None else self.draws[draw])

    def spread(self) -> dict[str, np.ndarray]:
        """How sure each cell is that was filled, by column of x; nan where nothing was missing.

        Of numbers the standard deviation, of dates too, in days; of words, and of 0 and 1, the probability of another.
        """
        return spread_of(self._of_table(), self.mean, self.stddev)

    @property
    def diagnosis(self) -> tuple[str, ...]:
        """What is to be known before these are trusted: sentences."""
        told = []
        few = int((self.effective_sample_size[self._gaps] < FEW).sum())
        if few:
            told.append(
                f"Of {few:,} of {int(self._gaps.sum()):,} examples with gaps fewer than {FEW} codes carry the weights, "
                f"so that their spread is too small: take more, samples={10 * self.samples} (--samples)."
            )
        if bare := int(self.missing.flatten(1).all(1).sum()):
            told.append(
                f"{bare:,} example{'s have' if bare > 1 else ' has'} no entry at all: what fills it is the prior's."
            )
        return tuple(told)

    @cached_property
    def _gaps(self) -> Tensor:
        """Which examples have any, (N,)."""
        return self.missing.flatten(1).any(1)

    @cached_property
    def _cells(self) -> Tensor:
        """Which were missing, what one cell of a table became counted once."""
        firsts = [entries[0] for entries in blocks(self.data)]
        return self.missing[:, firsts] if firsts else self.missing

    def _of_table(self) -> Dataset:
        if not self.data.columns or not self.data.table:
            raise Refused(f"{self.data.name} is no table: take .filled, .stddev and .draws, or save them as .npz.")
        return self.data
