"""Laws of counts, 0, 1, 2, ...: of every entry by itself, and of an example whose total is known beside z."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints
from torch.types import _size


class LawOfCounts(Distribution):
    """The law of every entry of a batch of counts, which can be had with all its means multiplied.

    Args:
        log_mean: The log of each mean, shape (B, *shape).
    """

    arg_constraints = {"rate": constraints.nonnegative}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, log_mean: Tensor) -> None:
        self.log_mean, self.rate = log_mean, log_mean.exp()
        super().__init__(log_mean.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean of each entry, shape (B, *shape)."""
        return self.rate

    def times(self, log_factor: Tensor) -> "LawOfCounts":
        """The same law with every mean times a factor, which broadcasts to the batch."""
        raise NotImplementedError


class GivenTotal(Distribution):
    """p(x|z, l), where the total l of an example is known beside z: every mean is a share of it.

    `log_prob` has l of the x that it is asked of, l = sum_i x_i, so that it is no probability over all x; samples and
    means, which have no x to ask, are of a total that is usual.

    Args:
        shares: The law of every entry where l = 1, batch shape (B, *shape).
        total: The usual total, shape ().

    Example:
        >>> from termwise.models.likelihoods import likelihood_from
        >>> law = likelihood_from("poisson:observed")(torch.zeros(1, 4))  # equal shares
        >>> law.at(torch.tensor([6.0])).mean
        tensor([[1.5000, 1.5000, 1.5000, 1.5000]])
    """

    arg_constraints = {}  # noqa: RUF012
    support = constraints.nonnegative_integer
    given = "the total of each example"
    """What is known beside z, as an account says it."""

    def __init__(self, shares: LawOfCounts, total: Tensor) -> None:
        self.shares, self.total = shares, total
        super().__init__(shares.batch_shape[:1], shares.batch_shape[1:], validate_args=False)

    def at(self, total: Tensor) -> Distribution:
        """The law of examples of these totals, shape (B,) or (..., B): a product over entries."""
        entries = len(self.event_shape)
        log_total = total.clamp(
            min=torch.finfo(total.dtype).tiny
        ).log()  # of an example without counts, no entry has any
        return Independent(self.shares.times(log_total.reshape(total.shape + (1,) * entries)), entries)

    def as_of(self, x: Tensor) -> Distribution:
        """The law of examples of the totals that x has, shape (..., B, *shape)."""
        return self.at(x.flatten(-len(self.event_shape)).sum(-1))

    @property
    def mean(self) -> Tensor:
        """The mean of examples of the usual total, shape (B, *shape)."""
        return self.at(self.total.expand(self.batch_shape)).mean

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Examples whose total is, in the mean, the usual one, shape (*sample_shape, B, *shape)."""
        return self.at(self.total.expand(self.batch_shape)).sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x|z, l) at the total that each x has, shape (..., B), nats."""
        return self.as_of(value).log_prob(value)
