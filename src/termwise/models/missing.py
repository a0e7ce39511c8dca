"""Examples of which entries are missing, nan in x: networks see a mean, and the likelihood leaves them out.

    log p(x_there|z) = sum_(i there) log p(x_i|z)

which is the marginal density of the entries that are there, where the likelihood is a product over entries.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from termwise.data import Dataset
from termwise.errors import Refused
from termwise.models.likelihoods.normal import OptimalNormal


class Filler(nn.Module):
    """The mean of each entry over what trains, put where an entry is missing; it learns nothing.

    Args:
        mean: Of each entry, of the shape of an example.

    Example:
        >>> Filler(torch.tensor([5.0, 7.0]))(torch.tensor([[1.0, torch.nan]]))
        tensor([[1., 7.]])
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)

    @classmethod
    def of(cls, data: Dataset) -> "Filler":
        """That of a data set's training part; an entry that is missing in all of it is 0."""
        return cls(torch.nan_to_num(data.train.tensor().double().nanmean(0)).float())

    @classmethod
    def blank(cls, shape: tuple[int, ...]) -> "Filler":
        """One of zeros, to be given another's means."""
        return cls(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """The examples x, shape (..., *shape), without gaps."""
        return torch.where(x.isnan(), self.mean.to(x.dtype), x)


class ObservedProduct(Independent):
    """A product over entries, of which those that are missing are left out.

    Example:
        >>> normal = torch.distributions.Normal(torch.zeros(1, 2), 1.0)
        >>> ObservedProduct(normal, 1).log_prob(torch.tensor([[0.0, torch.nan]]))  # -log sqrt(2 pi), of the first alone
        tensor([-0.9189])
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum over the entries that are there, shape (B,), nats."""
        there = ~value.isnan()
        densities = self.base_dist.log_prob(value.where(there, torch.zeros_like(value)))
        return densities.where(there, torch.zeros_like(densities)).flatten(-len(self.event_shape)).sum(-1)


def observed(law: Distribution) -> Distribution:
    """The same law of examples, which leaves missing entries out.

    Raises:
        Refused: It is no product over entries.
    """
    if isinstance(law, OptimalNormal):
        law.gaps = True
        return law
    if isinstance(law, Independent) and not law.base_dist.event_shape:
        return ObservedProduct(law.base_dist, law.reinterpreted_batch_ndims, validate_args=False)
    raise Refused(
        "The likelihood is no product over the entries of x, so that missing ones cannot be left out of it. Say "
        'missing="mean" (--set data.missing=mean), or "drop"; or choose likelihood \'normal:optimal\'.'
    )
