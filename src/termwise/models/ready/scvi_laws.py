"""What scvi-tools' models have in common: p(x|z) of rows, a cell's size as a second code, networks at any codes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.models.block_law import BlockLaw
from termwise.models.flat_codes import flat


class Counts(Distribution):
    """p(x|z) of a row's first numbers, given the rest of the row.

    Args:
        log_probs: The log probabilities of rows, shape (..., B, width), by modality, each of shape (..., B), nats.
        rows: What each was asked with, shape (B, width), which is known and not generated but for its first numbers.
        genes: The law of the counts of genes, where there is one: batch shape (B, G).
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(
        self, log_probs: Callable[[Tensor], Mapping[str, Tensor]], rows: Tensor, genes: Distribution | None = None
    ) -> None:
        self._log_probs, self.rows, self.genes = log_probs, rows, genes
        super().__init__(rows.shape[:1], rows.shape[1:], validate_args=False)

    @classmethod
    def of_genes(cls, genes: Distribution, rows: Tensor) -> "Counts":
        """That of a law of the counts alone, which are as many as it says."""
        count = genes.mean.shape[-1]
        return cls(lambda value: {"genes": genes.log_prob(value[..., :count]).sum(-1)}, rows, genes)

    def log_prob_by_part(self, value: Tensor) -> Mapping[str, Tensor]:
        """The log probability of each modality, by name, shape (B,); nats."""
        return self._log_probs(value)

    def log_prob(self, value: Tensor) -> Tensor:
        """The same of all modalities, shape (B,); nats."""
        return torch.stack(list(self._log_probs(value).values())).sum(0)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Rows of new counts, each with the rest as it was asked with."""
        if self.genes is None:
            raise NotImplementedError
        x = self.genes.sample(torch.Size(sample_shape))
        return torch.cat([x, self.rows[:, x.shape[-1] :].expand(*x.shape[:-1], -1)], dim=-1)


def at_any_codes(network: Callable[..., Any], *given: Tensor) -> Any:
    """What a network that takes rows makes of tensors of shapes (..., D), broadcast against each other.

    Returns:
        Its tensors of shape (..., *out): one, or as many as it gives.

    Example:
        >>> at_any_codes(torch.add, torch.ones(5, 1, 2), torch.ones(3, 2)).shape
        torch.Size([5, 3, 2])
    """
    shape = torch.broadcast_shapes(*(one.shape[:-1] for one in given))
    made = network(*(one.expand(*shape, one.shape[-1]).reshape(-1, one.shape[-1]) for one in given))
    if isinstance(made, Tensor):
        return made.unflatten(0, shape) if shape else made.squeeze(0)
    return tuple(one.unflatten(0, shape) if shape else one.squeeze(0) for one in made)


def normal(mean: Tensor, scale: Tensor) -> Independent:
    """N(mean, diag scale^2) over codes, shape (..., D)."""
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def standard_normal(size: int, like: Tensor) -> Independent:
    """N(0, I) of so many dimensions."""
    return normal(like.new_zeros(size), like.new_ones(size))


def with_library(code: Distribution, library: Distribution | None) -> Distribution:
    """The posterior of a code, and of a cell's size where the model infers that too."""
    return flat(code) if library is None else BlockLaw([flat(code), flat(library)], ("z", "library"))


def library_prior(module: Any, batch: Tensor | None) -> Independent:
    """p(l) of the log of a cell's size, by batch, shape (B,); of the only batch where that is None."""
    means, variances = module.library_log_means[0], module.library_log_vars[0]  # one row, a column a batch
    place = torch.zeros((), dtype=torch.long, device=means.device) if batch is None else batch.long()
    return normal(means[place].unsqueeze(-1), variances[place].sqrt().unsqueeze(-1))
